/*
 * paging.c
 *		Lists that are read page by page, and whether they advance.
 *
 * A list ends where the store says so, and a store that never says so would
 * keep a run going forever: with the same page again, with a number of pages
 * that grows as they are read, with ids that do not advance. So each page has
 * to advance the list, and its first page limits it: records may be added
 * while it is read, but not as many as there were at first.
 */
#include "postgres.h"

#include "base/json.h"
#include "store/paging.h"

#define GROWTH		1000		/* records that may be added to a short list */
#define SHORT_PAGE	50
#define NO_TOTAL	1000000		/* records of a list of unknown length */

/*
 * The number of pages that a list has to have for its number of records; 0 if it
 * does not tell that.
 */
static int64
pages_of(const BcdPage *page, const cJSON *reply)
{
	int64		size;

	if (!page->counted || !bcd_json_int64(bcd_json_path(reply, "meta.pagination.per_page"), &size) || size <= 0)
		return 0;
	size = Max(size, page->records);
	return page->total / size + (page->total % size > 0);
}

/* The contents of a page, and its statements about the list. */
void
bcd_page_read(BcdPage *page, const cJSON *reply, const char *id_field)
{
	const cJSON *record;

	memset(page, 0, sizeof(*page));
	cJSON_ArrayForEach(record, cJSON_GetObjectItemCaseSensitive(reply, "data"))
	{
		int64		id;

		page->records++;
		if (!bcd_json_id(record, id_field, &id))
			continue;
		if (page->first == 0)
			page->first = id;
		page->last = Max(page->last, id);
	}
	page->counted = bcd_json_int64(bcd_json_path(reply, "meta.pagination.total"), &page->total) && page->total >= 0;
	if (!page->counted)
		page->total = 0;
	if (!bcd_json_int64(bcd_json_path(reply, "meta.pagination.total_pages"), &page->pages) ||
		page->pages < 0)
		page->pages = 0;

	/*
	 * who stops too early takes records for missing; one page too many is
	 * empty
	 */
	page->pages = Max(page->pages, pages_of(page, reply));
	page->bare = page->pages == 0;
}

/*
 * Does the list have records that its first page, which this is, does not show?
 * Some stores count a page more than there are.
 */
bool
bcd_page_is_cut(const BcdPage *page)
{
	return page->pages > 1 && !(page->counted && page->total <= page->records);
}

/*
 * Is this the last of the numbered pages, counted from 1, of at most so many
 * records?  If the list does not say how many it has, a page with few records
 * is: the store may return fewer than it was asked for, but has pages of 50
 * where it is not asked for any number.
 */
bool
bcd_page_is_last(const BcdPage *page, int64 nth, int limit)
{
	return page->bare ? page->records < Min(SHORT_PAGE, limit) : nth >= page->pages;
}

static int
compare_records(const void *a, const void *b)
{
	int64		x = ((const BcdPageRecord *) a)->id;
	int64		y = ((const BcdPageRecord *) b)->id;

	return x < y ? -1 : x > y;
}

/* Sorts the records of a page by their ids, for bcd_page_record(); palloc'd. */
void
bcd_page_sort(BcdPageRecords *records, const cJSON *data, const char *id_field)
{
	const cJSON *record;

	records->of = palloc(sizeof(BcdPageRecord) * (cJSON_GetArraySize(data) + 1));
	records->n = 0;
	cJSON_ArrayForEach(record, data)
	{
		records->of[records->n].record = record;
		records->n += bcd_json_id(record, id_field, &records->of[records->n].id);
	}
	qsort(records->of, records->n, sizeof(BcdPageRecord), compare_records);
}

/* Returns the record with an id, or NULL. */
const cJSON *
bcd_page_record(const BcdPageRecords *records, int64 id)
{
	BcdPageRecord wanted = {id};
	BcdPageRecord *found = bsearch(&wanted, records->of, records->n, sizeof(BcdPageRecord), compare_records);

	return found ? found->record : NULL;
}

/*
 * Does a page advance the list? If not, "why" gets the reason. after: the id
 * that all ids of the page have to exceed, -1: the pages are numbered.
 */
bool
bcd_page_moves_on(const BcdPaging *paging, const BcdPage *page, int64 after,
				  char *why, size_t size)
{
	int64		total = paging->listed > 0 ? paging->total : page->total;
	int64		most = total == 0 ? NO_TOTAL : Min(total, PG_INT32_MAX) * 2 + GROWTH;

	if (page->records == 0)
		return true;
	if (after >= 0 ? page->last <= after && page->pages != 1 :
		page->first != 0 && page->first == paging->first)
		snprintf(why, size, page->first ?
				 "the store's list does not advance: it lists record " INT64_FORMAT " again" :
				 "the store's list does not advance: no record of a page has a usable id",
				 page->first);
	else if (paging->listed + page->records > most)
		snprintf(why, size, "the store's list does not end: it announced " INT64_FORMAT
				 " records, but " INT64_FORMAT " were listed", total, paging->listed + page->records);
	else
		return true;
	return false;
}

/* The page has been processed. */
void
bcd_page_taken(BcdPaging *paging, const BcdPage *page)
{
	if (paging->listed == 0)
		paging->total = page->total;
	paging->listed += page->records;
	paging->first = page->first;
}
