/*
 * journal.c
 *		bcdelta.journal: who decided what, when and why.
 *
 * An entry is written in the transaction that carries out its decision, so
 * there is none for a decision that was rolled back.  Entries are never
 * changed, and outlive the feeds, roles and rows that they name; therefore
 * they contain names, not OIDs.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/journal.h"

/* The server is that of the feed, if only the feed is given */
static BcdStatement insert_entry = {
	"INSERT INTO bcdelta.journal (server, feed, key, what, by_role, app, reason, detail)"
	" VALUES (coalesce($1, (SELECT f.server FROM bcdelta.feed AS f WHERE f.feed = $2)), $2, $3, $4, $5, $6, $7, $8)"
	" RETURNING journal_id",
	8, {NAMEOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID}
};

/*
 * Writes an entry; returns its number. Keeps the current memory context.
 * Replaces the result of the caller's last statement.
 */
int64
bcd_journal(const BcdJournalEntry *decision)
{
	Datum		args[8];
	char		nulls[] = "        ";

	nulls[0] = decision->server ? ' ' : 'n';
	args[0] = decision->server ? bcd_name_datum(decision->server) : (Datum) 0;
	args[1] = bcd_text_or_null(decision->feed, &nulls[1]);
	args[2] = bcd_text_or_null(decision->key, &nulls[2]);
	args[3] = CStringGetTextDatum(decision->what);
	args[4] = bcd_text_or_null(decision->by, &nulls[4]);
	args[5] = bcd_filled_or_null(decision->app, &nulls[5]);
	args[6] = bcd_text_or_null(decision->reason, &nulls[6]);
	args[7] = bcd_jsonb_or_null(decision->detail, &nulls[7]);
	(void) bcd_select(&insert_entry, args, nulls);
	return bcd_column_int64(0, 1, NULL);
}

/* The same for a decision that nobody but the worker has made */
int64
bcd_journal_auto(const char *what, const char *feed, const char *key, const char *reason, Jsonb *detail)
{
	BcdJournalEntry decision = {.what = what,.feed = feed,.key = key,.reason = reason,.detail = detail};

	return bcd_journal(&decision);
}
