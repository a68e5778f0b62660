/*
 * store_identity.c
 *		Identifies the store that a server leads to.
 *
 * The ids in bcdelta.link belong to the records of one store. A server may be
 * altered, or dropped and created again under the same name, and lead to
 * another store, where the same ids belong to other records. So a feed
 * remembers its store by this text, "host[:port][/path]/stores/hash", and not
 * by its server.
 *
 * Different forms of the same address give the same text: the case of host and
 * hash (real hashes are in lower case), the scheme's usual port, and trailing
 * slashes are ignored. Requests use the options as they are written.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "utils/builtins.h"

#include "store/store_identity.h"

/* The length of "host[:port]" without the usual port of its scheme. */
static int
authority_length(const char *authority, int len, bool https)
{
	const char *port = https ? ":443" : ":80";
	int			port_len = strlen(port);

	if (len > port_len && memcmp(authority + len - port_len, port, port_len) == 0)
		return len - port_len;
	return len;
}

/* The store that these two options name, in the current memory context. */
char *
bcd_store_identity(const char *api_url, const char *store_hash)
{
	bool		https = pg_strncasecmp(api_url, "http://", 7) != 0;
	const char *authority = strstr(api_url, "://");
	const char *path;
	char	   *result;
	char	   *p;
	int			len;
	int			path_len;

	authority = authority ? authority + 3 : api_url;
	path = authority + strcspn(authority, "/");
	len = authority_length(authority, path - authority, https);
	path_len = strlen(path);
	while (path_len > 0 && path[path_len - 1] == '/')
		path_len--;
	result = psprintf("%.*s%.*s/stores/%s", len, authority, path_len, path, store_hash);
	/* not the path between the two */
	for (p = result; p < result + len; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	for (p = result + strlen(result) - strlen(store_hash); *p; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	return result;
}

/*
 * The store that a server currently leads to; NULL if there is no such server,
 * or it does not belong to bcdelta.
 */
char *
bcd_server_identity(const char *server)
{
	ForeignServer *fs = GetForeignServerByName(server, true);
	const char *api_url = BCD_DEFAULT_API_URL;
	const char *hash = NULL;
	ListCell   *lc;

	if (fs == NULL)
		return NULL;
	foreach(lc, fs->options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, "store_hash") == 0)
			hash = defGetString(def);
		else if (strcmp(def->defname, "api_url") == 0)
			api_url = defGetString(def);
	}
	return hash ? bcd_store_identity(api_url, hash) : NULL;
}
