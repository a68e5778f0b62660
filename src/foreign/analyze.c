/*
 * analyze.c
 *		ANALYZE of foreign tables.
 *
 * The sample consists of whole pages of the list, spread evenly over it, since a
 * page is what a call gets. All records of a page are of about the same age, so
 * statistics of what changes with age are rough.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/rel.h"

#include "foreign/analyze.h"
#include "foreign/channel.h"
#include "foreign/limit.h"
#include "foreign/page.h"
#include "foreign/request.h"
#include "foreign/row.h"
#include "foreign/totals.h"

#define SAMPLED_PAGES	20

typedef struct BcdSampler
{
	BcdTable   *table;
	Relation	relation;
	BcdChannel *channel;
	BcdRowReader *reader;
	char	   *shown;
	int			limit;
	HeapTuple  *rows;
	int			most;
	int			n;
} BcdSampler;

/* All columns that there are */
static Bitmapset *
all_columns(const BcdTable *table)
{
	Bitmapset  *columns = NULL;
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		if (table->columns[i].name)
			columns = bms_add_member(columns, i + 1);
	return columns;
}

/* Reads the nth page, counted from 1, and takes its records into the sample. */
static void
read_page(BcdSampler *s, int64 nth, BcdRecordPage *page)
{
	const BcdEndpoint *list = s->table->resource->list.endpoint;
	char	   *path = psprintf("%s?limit=%d&page=" INT64_FORMAT "%s", list->path, s->limit, nth, s->shown);
	Datum	   *values = palloc(sizeof(Datum) * s->reader->desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * s->reader->desc->natts);
	BcdScanReply reply;
	char	   *body;
	Size		len;
	int			i;

	bcd_calls_check(s->table, path, 1);
	bcd_channel_ask(s->channel, path);
	body = bcd_channel_take(s->channel, &reply, &len);
	bcd_calls_made(reply.calls);
	bcd_record_page_read(page, s->table, path, reply.status, body, len);
	for (i = 0; i < page->n && s->n < s->most; i++)
	{
		bcd_row_read(s->reader, bcd_record_at(page, i), values, nulls);
		s->rows[s->n++] = heap_form_tuple(s->reader->desc, values, nulls);
	}
}

/* Gathers a sample for ANALYZE. */
static int
sample(Relation relation, int elevel, HeapTuple *rows, int most, double *total, double *dead)
{
	BcdSampler	s = {bcd_foreign_table(RelationGetRelid(relation)), relation,.rows = rows,.most = most};
	Bitmapset  *columns = all_columns(s.table);
	BcdRecordPage page;
	double		pages;
	double		wanted;
	int			i;

	s.shown = bcd_requests_shown(s.table, columns, &s.limit);
	s.reader = bcd_row_reader(s.table, RelationGetDescr(relation), columns);
	s.channel = bcd_channel_open(s.table->serverid, relation->rd_rel->relowner);
	read_page(&s, 1, &page);
	*total = page.told_total ? (double) page.page.total : page.n;
	*dead = 0;
	if (page.told_total)
		bcd_total_note(s.table->serverid, s.table->resource, page.page.total);
	pages = ceil(*total / s.limit);
	wanted = Min(pages, Min(SAMPLED_PAGES, ceil((double) most / s.limit)));
	for (i = 1; i < wanted && page.n > 0; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_page(&s, (int64) floor(i * pages / wanted) + 1, &page);
	}
	bcd_channel_close(s.channel);
	ereport(elevel,
			(errmsg("\"%s\": read %d records of about %.0f in %d calls", RelationGetRelationName(relation), s.n, *total, i)));
	return s.n;
}

/* AnalyzeForeignTable */
bool
bcd_analyze(Relation relation, AcquireSampleRowsFunc *func, BlockNumber *pages)
{
	*func = sample;
	*pages = 1;
	return true;
}
