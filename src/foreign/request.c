/*
 * request.c
 *		The requests that read the records a query wants.
 *
 * A list is read page by page: where the store can continue behind an id, by
 * that, so that records which come and go meanwhile shift nothing; otherwise by
 * numbers. A list of many values is spread over several requests, each of which
 * may have several pages.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"

#include "base/json.h"
#include "foreign/request.h"
#include "resource/resource.h"

/* Longest list of values in a request, in bytes */
#define MAX_LIST	4000

static bool
is_hidden_from_lists(const BcdField *field)
{
	return (field->flags & BCD_F_UNLISTED) != 0;
}

/* Appends what is asked for beside the fields, unless it is there already. */
static void
append_include(StringInfo includes, const char *include)
{
	const char *found = includes->len > 0 ? strstr(includes->data, include) : NULL;

	if (found && (found == includes->data || found[-1] == ',') &&
		strchr(",", found[strlen(include)]) != NULL)
		return;
	appendStringInfo(includes, "%s%s", includes->len > 0 ? "," : "", include);
}

/*
 * Returns the parameters by which replies have the fields of some columns, and
 * no more than that if the store can leave others out; and how many records a
 * page may have.  Each begins with an ampersand.
 */
char *
bcd_requests_shown(const BcdTable *table, const Bitmapset *attnums, int *limit)
{
	const BcdResource *r = table->resource;
	bool		narrow = r->list.endpoint->narrows;
	StringInfoData fields;
	StringInfoData includes;
	int			attnum = -1;

	initStringInfo(&fields);
	initStringInfo(&includes);
	*limit = table->page;
	while ((attnum = bms_next_member(attnums, attnum)) > 0)
	{
		const BcdColumn *column = bcd_table_column(table, attnum);
		const BcdIncluded *included = column->field ? bcd_resource_part(r, column->name) : NULL;

		narrow = narrow && !column->is_raw;
		if (included)
		{
			append_include(&includes, included->include);
			if (included->page > 0)
				*limit = Min(*limit, included->page);
		}
		else if (column->field)
		{
			narrow = narrow && !is_hidden_from_lists(column->field);
			appendStringInfo(&fields, "%s%s", fields.len > 0 ? "," : "", column->name);
		}
	}
	/* the id is always shown */
	if (narrow)
	{
		const char *names = fields.len > 0 ? fields.data : bcd_resource_key(r, 0);

		return psprintf("%s%s&include_fields=%s", includes.len > 0 ? "&include=" : "", includes.data, names);
	}
	return psprintf("%s%s", includes.len > 0 ? "&include=" : "", includes.data);
}

/* Begins to read a list; what it is limited to follows. */
void
bcd_requests_begin(BcdRequests *requests, const BcdTable *table, const char *shown, int limit)
{
	memset(requests, 0, sizeof(*requests));
	requests->table = table;
	requests->shown = shown;
	requests->limit = limit;
	requests->spread = -1;
}

static bool
is_listed(const char *const *texts, const char *text)
{
	while (*texts && strcmp(*texts, text) != 0)
		texts++;
	return *texts != NULL;
}

/*
 * Can the store be asked for a value?  It refuses an empty text, and one that
 * the field cannot have; and a list cannot have values with commas.
 */
static bool
is_askable(const BcdRequests *requests, const BcdFilter *filter, const char *value)
{
	const BcdField *field = bcd_resource_field(requests->table->resource, filter->field);

	if (value[0] == '\0' || (filter->not_zero && strcmp(value, "0") == 0))
		return false;
	if (filter->by == BCD_BY_IN && strchr(value, ','))
		return false;
	if (field && field->values && !is_listed(field->values, value))
		return false;
	return strlen(value) <= MAX_LIST / 3;
}

/*
 * Limits the list to records whose field has one of the values.  Returns
 * whether the store will be asked for that: if it cannot be, the list has more
 * records, of which the executor takes those that are wanted.  The values have
 * to differ.
 */
bool
bcd_requests_limit_to(BcdRequests *requests, const BcdFilter *filter, char **values, int n)
{
	BcdParameter *p;
	int			i;

	for (i = 0; i < requests->nparameters; i++)
		if (strcmp(requests->parameters[i].filter->parameter, filter->parameter) == 0)
			return false;
	for (i = 0; i < n; i++)
		if (!is_askable(requests, filter, values[i]))
			return false;
	if (requests->nparameters == BCD_MAX_PARAMETERS)
		return false;
	p = &requests->parameters[requests->nparameters++];
	p->filter = filter;
	p->values = values;
	p->n = n;
	return true;
}

/* How many values from a certain one on fit into a request */
static int
fitting(const BcdRequests *requests, const BcdParameter *p, int from)
{
	StringInfoData list;
	int			n = 0;

	initStringInfo(&list);
	while (from + n < p->n && n < requests->limit)
	{
		bcd_url_escape(&list, p->values[from + n]);
		if (n > 0 && list.len + n > MAX_LIST)
			break;
		n++;
	}
	pfree(list.data);
	return n;
}

/* Removes a parameter; the list then has more records than are wanted. */
static void
drop_parameter(BcdRequests *requests, int nth)
{
	requests->nparameters--;
	memmove(&requests->parameters[nth], &requests->parameters[nth + 1],
			sizeof(BcdParameter) * (requests->nparameters - nth));
}

/*
 * All parameters are known.  Of several lists of values, the shortest one is
 * spread over as many requests as it takes; others go with each of them, if
 * they fit into one.
 */
void
bcd_requests_ready(BcdRequests *requests)
{
	int			i;

	for (i = 0; i < requests->nparameters; i++)
		if (requests->parameters[i].filter->by == BCD_BY_IN &&
			(requests->spread < 0 || requests->parameters[i].n < requests->parameters[requests->spread].n))
			requests->spread = i;
	for (i = requests->nparameters - 1; i >= 0; i--)
	{
		if (i == requests->spread || requests->parameters[i].filter->by != BCD_BY_IN ||
			fitting(requests, &requests->parameters[i], 0) == requests->parameters[i].n)
			continue;
		drop_parameter(requests, i);
		requests->spread -= i < requests->spread;
	}
	if (requests->spread >= 0)
		requests->to = fitting(requests, &requests->parameters[requests->spread], 0);
}

/* Is the list read from id to id? */
static bool
goes_by_id(const BcdRequests *requests)
{
	return requests->table->resource->list_after != NULL;
}

static void
append_parameter(StringInfo path, const BcdRequests *requests, int nth)
{
	const BcdParameter *p = &requests->parameters[nth];
	int			from = nth == requests->spread ? requests->from : 0;
	int			to = nth == requests->spread ? requests->to : p->n;
	int			i;

	appendStringInfo(path, "&%s=", p->filter->parameter);
	for (i = from; i < to; i++)
	{
		if (i > from)
			appendStringInfoChar(path, ',');
		bcd_url_escape(path, p->values[i]);
	}
}

/* Returns the path of the next request; palloc'd. */
char *
bcd_requests_path(const BcdRequests *requests)
{
	const BcdResource *r = requests->table->resource;
	StringInfoData path;
	int			i;

	initStringInfo(&path);
	appendStringInfo(&path, "%s?", r->list.endpoint->path);
	if (r->list.query)
		appendStringInfo(&path, "%s&", r->list.query);
	appendStringInfo(&path, "limit=%d", requests->counts ? 1 : requests->limit);
	for (i = 0; i < requests->nparameters; i++)
	{
		/* what was read replaces the bound that the list began with */
		if (requests->after > 0 && goes_by_id(requests) &&
			strcmp(requests->parameters[i].filter->parameter, r->list_after) == 0)
			continue;
		append_parameter(&path, requests, i);
	}
	if (requests->counts)
		return path.data;
	if (goes_by_id(requests))
	{
		if (requests->after > 0)
			appendStringInfo(&path, "&%s=" INT64_FORMAT, r->list_after, requests->after);
		appendStringInfoString(&path, "&sort=id&direction=asc");
	}
	else if (requests->after > 0)
		appendStringInfo(&path, "&page=" INT64_FORMAT, requests->after + 1);
	appendStringInfoString(&path, requests->shown);
	return path.data;
}

/* Is a page the last one of its request? */
static bool
is_last(const BcdRequests *requests, const BcdPage *page)
{
	if (requests->counts || page->records == 0)
		return true;
	if (goes_by_id(requests))
		return page->pages == 1;
	return bcd_page_is_last(page, requests->after + 1, requests->limit);
}

/* Is the page in its place?  If not, records are missing. */
static bool
is_in_order(const BcdRequests *requests, const BcdPage *page, bool ascends, char *why, Size size)
{
	if (goes_by_id(requests) && page->records > 0 && (!ascends || page->first <= requests->after))
		strlcpy(why, "the store's list is not in the order of ids", size);
	else if (!goes_by_id(requests) && page->records == 0 && page->pages > requests->after + 1)
		strlcpy(why, "the store's list ends before its last page", size);
	else
		return true;
	return false;
}

/*
 * A page was read: moves on to the next one.  Returns false, and why, if the
 * list does not advance.
 */
bool
bcd_requests_took(BcdRequests *requests, const BcdPage *page, bool ascends, char *why, Size size)
{
	const BcdParameter *p = requests->spread >= 0 ? &requests->parameters[requests->spread] : NULL;

	if (!requests->counts && !is_in_order(requests, page, ascends, why, size))
		return false;
	if (!requests->counts &&
		!bcd_page_moves_on(&requests->paging, page, goes_by_id(requests) ? requests->after : -1, why, size))
		return false;
	if (!is_last(requests, page))
	{
		bcd_page_taken(&requests->paging, page);
		requests->after = goes_by_id(requests) ? page->last : requests->after + 1;
		return true;
	}
	memset(&requests->paging, 0, sizeof(requests->paging));
	requests->after = 0;
	requests->from = requests->to;
	requests->over = p == NULL || requests->from >= p->n;
	if (!requests->over)
		requests->to = requests->from + fitting(requests, p, requests->from);
	return true;
}

/* How many calls a list takes at least, because of its values */
double
bcd_requests_least(const BcdRequests *requests)
{
	return requests->spread < 0 ? 1 : ceil((double) requests->parameters[requests->spread].n / requests->limit);
}

/*
 * How many calls the rest of the list takes, as far as its last page said; to
 * be asked after bcd_requests_took().
 */
double
bcd_requests_left(const BcdRequests *requests)
{
	const BcdParameter *p = requests->spread >= 0 ? &requests->parameters[requests->spread] : NULL;
	double		calls = 0;

	if (requests->paging.total > requests->paging.listed)
		calls = (double) (requests->paging.total - requests->paging.listed - 1) / requests->limit + 1;
	if (p && p->n > requests->to)
		calls += (double) (p->n - requests->to - 1) / requests->limit + 1;
	return floor(calls);
}
