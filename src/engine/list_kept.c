/*
 * list_kept.c
 *		Lists of the store that are kept for the items that follow.
 *
 * A list of all records, the only way to read metafields, is read for as many
 * items as are in memory.  A verify has more than that.  The store does not
 * change because of it, so the pages of a list that is not too large are kept,
 * as text, until the end of the run, and serve all of its items.  What differs
 * is read once more, and then from the store.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "engine/list_kept.h"

/* Larger lists are read again for every thousand items or so */
#define MOST_BYTES	(16 * 1024 * 1024)

typedef struct BcdKept
{
	MemoryContext cxt;			/* of all of this */
	char	   *url;			/* of the list, without the page */
	List	   *pages;			/* the records of each page, as JSON */
	Size		bytes;
	bool		whole;			/* all pages are there */
} BcdKept;

static bool
is_of(const BcdKept *kept, const char *url)
{
	return kept && strcmp(kept->url, url) == 0;
}

static void
forget(BcdGates *gates)
{
	if (gates->kept)
		MemoryContextDelete(gates->kept->cxt);
	gates->kept = NULL;
}

/* The first page of a list is about to be requested. */
void
bcd_kept_begin(BcdLane *lane, const char *url)
{
	MemoryContext cxt;

	forget(lane->gates);
	if (lane->run->kind->claims || lane->again)
		return;
	cxt = AllocSetContextCreate(lane->gates->cxt, "bcdelta kept list", ALLOCSET_DEFAULT_SIZES);
	lane->gates->kept = MemoryContextAllocZero(cxt, sizeof(BcdKept));
	lane->gates->kept->cxt = cxt;
	lane->gates->kept->url = MemoryContextStrdup(cxt, url);
}

/* After the commit: keeps a page that was read, if it is the next one. */
void
bcd_kept_add(BcdJob *job, const char *url, int page, bool is_last)
{
	BcdKept    *kept = job->lane->gates->kept;
	MemoryContext old;
	char	   *text;

	if (!is_of(kept, url) || kept->whole || list_length(kept->pages) != page - 1)
		return;
	text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(job->reply, "data"));
	kept->bytes += text ? strlen(text) : 0;
	if (text == NULL || kept->bytes > MOST_BYTES)
	{
		cJSON_free(text);
		forget(job->lane->gates);
		return;
	}
	old = MemoryContextSwitchTo(kept->cxt);
	kept->pages = lappend(kept->pages, pstrdup(text));
	MemoryContextSwitchTo(old);
	kept->whole = is_last;
	cJSON_free(text);
}

/* Is the whole list there? */
bool
bcd_kept_has(const BcdLane *lane, const char *url)
{
	return !lane->again && is_of(lane->gates->kept, url) && lane->gates->kept->whole;
}

/* Reads all pages, for a job without a request. */
void
bcd_kept_read(BcdJob *job, BcdKeptReader reader, void *arg)
{
	BcdKept    *kept = job->lane->gates->kept;
	ListCell   *lc;

	foreach(lc, kept->pages)
	{
		cJSON	   *data = cJSON_Parse(lfirst(lc));

		if (data == NULL)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		PG_TRY();
		{
			reader(job, data, lfirst(lc) == llast(kept->pages), arg);
		}
		PG_CATCH();
		{
			cJSON_Delete(data);
			PG_RE_THROW();
		}
		PG_END_TRY();
		cJSON_Delete(data);
	}
}
