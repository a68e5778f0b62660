/*
 * store_options.c
 *		Options of servers, user mappings, foreign tables and their columns.
 *
 * Messages name options, never the value of a secret one.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "http/http.h"
#include "resource/resource.h"
#include "store/store.h"
#include "store/store_identity.h"
#include "store/store_options.h"

typedef void (*OptionCheck) (const char *name, const char *value);

static void check_store_hash(const char *name, const char *value);
static void check_api_url(const char *name, const char *value);
static void check_share(const char *name, const char *value);
static void check_count(const char *name, const char *value);
static void check_file(const char *name, const char *value);
static void check_token(const char *name, const char *value);
static void check_resource(const char *name, const char *value);
static void check_page(const char *name, const char *value);
static void check_calls(const char *name, const char *value);
static void check_field(const char *name, const char *value);

static const struct
{
	const char *name;
	Oid			catalog;
	OptionCheck check;
}			options[] = {
	{"store_hash", ForeignServerRelationId, check_store_hash},
	{"api_url", ForeignServerRelationId, check_api_url},
	{"quota_share", ForeignServerRelationId, check_share},
	{"read_share", ForeignServerRelationId, check_share},
	{"others_alert", ForeignServerRelationId, check_share}, /* the view trouble
															 * reads it */
	{"max_concurrency", ForeignServerRelationId, check_count},
	{"timeout", ForeignServerRelationId, check_count},
	{"max_attempts", ForeignServerRelationId, check_count},
	{"error_limit", ForeignServerRelationId, check_count},
	{"ca_file", ForeignServerRelationId, check_file},
	{"access_token", UserMappingRelationId, check_token},
	{"access_token_file", UserMappingRelationId, check_file},
	{"resource", ForeignTableRelationId, check_resource},
	{"page", ForeignTableRelationId, check_page},
	{"max_calls", ForeignTableRelationId, check_calls},
	{"field", AttributeRelationId, check_field},
};

static void
malformed(const char *name, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", name, value),
			 errhint("%s", hint)));
}

/* The hash becomes part of the path of every URL. */
static void
check_store_hash(const char *name, const char *value)
{
	const char *p;

	for (p = value; *p; p++)
		if (!isalnum((unsigned char) *p) && *p != '-' && *p != '_')
			break;
	if (*p || p == value || p - value > 64)
		malformed(name, value, "It must be the part of the API path after \"stores/\": letters and digits.");
}

/*
 * Returns whether the URL includes a part of the API's path, which we append.
 */
static bool
names_api_path(const char *url)
{
	static const char *const ours[] = {"stores", "v2", "v3"};
	const char *p;
	int			i;

	for (p = strchr(url, '/'); p; p = strchr(p + 1, '/'))
		for (i = 0; i < lengthof(ours); i++)
			if (pg_strncasecmp(p + 1, ours[i], strlen(ours[i])) == 0 &&
				strchr("/", p[1 + strlen(ours[i])]) != NULL)
				return true;
	return false;
}

static void
check_api_url(const char *name, const char *value)
{
	const char *host = strstr(value, "://");
	const char *p;

	for (p = value; *p; p++)
		if (!isgraph((unsigned char) *p) || strchr("?#@\"<>\\", *p))
			malformed(name, value, "It must be a URL without user, query or fragment.");
	if (host == NULL || host[3] == '\0' || host[3] == '/')
		malformed(name, value, "An example is https://api.bigcommerce.com.");
	if (names_api_path(host + 3))
		malformed(name, value, "It must end before \"/stores/\"; bcdelta appends this, the option \"store_hash\" and \"/v3\".");
	if (pg_strncasecmp(value, "https://", 8) != 0 &&
		(pg_strncasecmp(value, "http://", 7) != 0 || !bcd_http_url_is_loopback(value)))
		malformed(name, value, "Use https; plain http is accepted for a loopback address only.");
}

static void
check_share(const char *name, const char *value)
{
	char	   *end;
	double		share = strtod(value, &end);

	if (end == value || *end || !(share > 0 && share <= 1))
		malformed(name, value, "It must be a fraction of the quota, greater than 0 and at most 1.");
}

/* An integer from 1 to the most that is allowed */
static void
check_integer(const char *name, const char *value, long most)
{
	char	   *end;
	long		count = strtol(value, &end, 10);

	if (end == value || *end || count < 1 || count > most)
		malformed(name, value, psprintf("It must be an integer between 1 and %ld.", most));
}

static void
check_count(const char *name, const char *value)
{
	check_integer(name, value, 100000);
}

static void
check_page(const char *name, const char *value)
{
	check_integer(name, value, BCD_PAGE_LIMIT);
}

static void
check_calls(const char *name, const char *value)
{
	check_integer(name, value, 1000000);
}

static void
check_resource(const char *name, const char *value)
{
	const BcdResource *resource = bcd_resource_find(value);

	if (resource == NULL || !bcd_resource_is_listed(resource))
		malformed(name, value, psprintf("Foreign tables can show: %s.", bcd_resource_listed_names()));
}

/* Whether the resource has it depends on the table: foreign/columns.c. */
static void
check_field(const char *name, const char *value)
{
	if (value[0] == '\0')
		malformed(name, value, "It must be the name that a field has in the API.");
}

/*
 * The server reads the file with its own rights, so not every role may name a
 * file.
 */
static void
check_file(const char *name, const char *value)
{
	if (!is_absolute_path(value))
		malformed(name, value, "It must be an absolute path on the database server.");
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"%s\"", name),
				 errhint("Only roles with the privileges of pg_read_server_files may name files of the server.")));
}

/* Can a text be a token? */
bool
bcd_token_is_valid(const char *token)
{
	const char *p;

	for (p = token; *p; p++)
		if (!isgraph((unsigned char) *p))
			return false;
	return p > token && p - token <= BCD_TOKEN_BYTES;
}

static void
check_token(const char *name, const char *value)
{
	if (!bcd_token_is_valid(value))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\"", name),
				 errdetail("A token consists of 1 to %d printable ASCII characters without spaces.",
						   BCD_TOKEN_BYTES)));
}

static char *
known_options(Oid catalog)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < lengthof(options); i++)
		if (options[i].catalog == catalog)
			appendStringInfo(&names, "%s%s", names.len ? ", " : "", options[i].name);
	return names.data;
}

static void
check_option(const DefElem *def, Oid catalog)
{
	int			i;

	for (i = 0; i < lengthof(options); i++)
	{
		if (options[i].catalog == catalog && strcmp(options[i].name, def->defname) == 0)
		{
			options[i].check(def->defname, defGetString((DefElem *) def));
			return;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", def->defname),
			 known_options(catalog)[0] ?
			 errhint("Valid options here are: %s.", known_options(catalog)) :
			 errhint("There are no valid options here.")));
}

PG_FUNCTION_INFO_V1(bcdelta_validator);

/*
 * Validator of the wrapper: (options text[], catalog oid).  Raises an error
 * that names the option.
 */
Datum
bcdelta_validator(PG_FUNCTION_ARGS)
{
	List	   *list = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	bool		has_hash = false;
	bool		has_resource = false;
	bool		has_token = false;
	bool		has_file = false;
	ListCell   *lc;

	foreach(lc, list)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		check_option(def, catalog);
		has_hash |= strcmp(def->defname, "store_hash") == 0;
		has_resource |= strcmp(def->defname, "resource") == 0;
		has_token |= strcmp(def->defname, "access_token") == 0;
		has_file |= strcmp(def->defname, "access_token_file") == 0;
	}
	if (catalog == ForeignServerRelationId && !has_hash)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"store_hash\" is required")));
	if (catalog == UserMappingRelationId && has_token == has_file)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("exactly one of the options \"access_token\" and \"access_token_file\" is required")));
	if (catalog == ForeignTableRelationId && !has_resource)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"resource\" is required"),
				 errhint("IMPORT FOREIGN SCHEMA bigcommerce FROM SERVER ... INTO ... makes a table for each resource.")));
	PG_RETURN_VOID();
}

/* The options of a server; raises an error when it is gone. */
BcdStoreOptions *
bcd_store_options(Oid serverid)
{
	ForeignServer *fs = GetForeignServer(serverid);
	BcdStoreOptions *o = palloc0(sizeof(BcdStoreOptions));
	const char *api_url = BCD_DEFAULT_API_URL;
	const char *hash = "";
	ListCell   *lc;
	int			len;

	o->serverid = serverid;
	o->server = fs->servername;
	o->quota_share = 0.9;
	o->read_share = 0.25;
	o->max_concurrency = 8;
	o->timeout_ms = 60 * 1000;
	o->max_attempts = 10;
	o->error_limit = 50;
	foreach(lc, fs->options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const char *value = defGetString(def);

		if (strcmp(def->defname, "store_hash") == 0)
			hash = value;
		else if (strcmp(def->defname, "api_url") == 0)
			api_url = value;
		else if (strcmp(def->defname, "quota_share") == 0)
			o->quota_share = strtod(value, NULL);
		else if (strcmp(def->defname, "read_share") == 0)
			o->read_share = strtod(value, NULL);
		else if (strcmp(def->defname, "max_concurrency") == 0)
			o->max_concurrency = atoi(value);
		else if (strcmp(def->defname, "timeout") == 0)
			o->timeout_ms = atol(value) * 1000;
		else if (strcmp(def->defname, "max_attempts") == 0)
			o->max_attempts = atoi(value);
		else if (strcmp(def->defname, "error_limit") == 0)
			o->error_limit = atoi(value);
		else if (strcmp(def->defname, "ca_file") == 0)
			o->ca_file = pstrdup(value);
	}
	len = strlen(api_url);
	while (len > 0 && api_url[len - 1] == '/')
		len--;
	o->base_url = psprintf("%.*s/stores/%s", len, api_url, hash);
	o->identity = bcd_store_identity(api_url, hash);
	o->loopback = bcd_http_url_is_loopback(api_url);
	return o;
}
