/*
 * url.c
 *		Builds paths and queries from the templates of resources.
 *
 * This is the only place where a request's path is built. All values are
 * percent-encoded. A delete with an empty filter would delete everything, so
 * an empty list or a missing value is an error and never shortens the path.
 */
#include "postgres.h"

#include "base/json.h"
#include "payload/url.h"

/* A template, and the values of its placeholders */
typedef struct Expansion
{
	int			n;				/* records */
	BcdUrlValue value;
	const void *arg;
} Expansion;

/*
 * Appends one placeholder: "name" for the first record, "name," for all of
 * them.
 */
static bool
append_placeholder(StringInfo url, const char *name, size_t len, const Expansion *e)
{
	bool		list = name[len - 1] == ',';
	bool		optional = name[len - 1] == '?';
	char	   *bare = pnstrdup(name, len - (list || optional));
	int			i;

	Assert(e->n > 0);
	for (i = 0; i < (list ? e->n : 1); i++)
	{
		char	   *value = e->value(bare, i, e->arg);

		if (value == NULL && optional)
			return false;
		if (value == NULL || value[0] == '\0')
			elog(ERROR, "the path of a request has no value for \"%s\"", bare);
		if (i > 0)
			appendStringInfoChar(url, ',');
		bcd_url_escape(url, value);
		pfree(value);
	}
	pfree(bare);
	return true;
}

/* Appends a path, or a parameter, which is left out if an {x?} has no value. */
static void
append_part(StringInfo url, const char *part, size_t len, const Expansion *e)
{
	const char *end = part + len;
	int			began = url->len;

	while (part < end)
	{
		const char *close;

		if (*part != '{')
		{
			appendStringInfoChar(url, *part++);
			continue;
		}
		close = strchr(part, '}');
		Assert(close && close < end && close > part + 1);
		if (!append_placeholder(url, part + 1, close - part - 1, e))
		{
			url->len = began;
			url->data[began] = '\0';
			return;
		}
		part = close + 1;
	}
}

/*
 * Appends a path and a query (NULL: none), with their placeholders expanded
 * for n records.
 */
void
bcd_url_append(StringInfo url, const char *path, const char *query,
			   int n, BcdUrlValue value, const void *arg)
{
	Expansion	e = {n, value, arg};
	char		before = '?';

	append_part(url, path, strlen(path), &e);
	while (query && *query)
	{
		size_t		len = strcspn(query, "&");
		int			began = url->len;

		appendStringInfoChar(url, before);
		append_part(url, query, len, &e);
		if (url->len == began + 1)
			url->data[--url->len] = '\0';
		else
			before = '&';
		query += len + (query[len] == '&');
	}
}

/* Returns what stands before a path: only those of V2 have their version. */
const char *
bcd_url_version(const char *path)
{
	return strncmp(path, "/v2/", 4) == 0 ? "" : "/v3";
}

/* A BcdUrlValue: {id} of an array of int64. */
char *
bcd_url_of_id(const char *name, int nth, const void *ids)
{
	int64		id = ((const int64 *) ids)[nth];

	Assert(strcmp(name, "id") == 0);
	return id > 0 ? psprintf(INT64_FORMAT, id) : NULL;
}
