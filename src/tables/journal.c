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
#include "tables/feed.h"
#include "tables/journal.h"

/*
 * Is the journal complete?  While pg_restore fills our tables one by one, an
 * entry of the worker would take the number of one that is yet to come, and
 * the restore would fail.  What the worker has decided is in the server's log.
 */
#define JOURNAL_IS_COMPLETE \
	BCD_FEEDS_ARE_HERE \
	" AND coalesce((SELECT max(j.journal_id) FROM bcdelta.journal AS j)" \
	"  <= (SELECT s.last_value FROM bcdelta.journal_journal_id_seq AS s WHERE s.is_called), " \
	"  NOT EXISTS (SELECT FROM bcdelta.journal))"

/* The server is that of the feed, if only the feed is given */
static BcdStatement insert_entry = {
	"INSERT INTO bcdelta.journal (server, feed, key, what, by_role, app, reason, detail)"
	" SELECT coalesce($1, (SELECT f.server FROM bcdelta.feed AS f WHERE f.feed = $2)), $2, $3, $4, $5, $6, $7, $8"
	" WHERE $5 IS NOT NULL OR (" JOURNAL_IS_COMPLETE ")"
	" RETURNING journal_id",
	8, {NAMEOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID}
};

/*
 * Writes an entry; returns its number, or 0 if the worker has none to write
 * now. Keeps the current memory context. Replaces the result of the caller's
 * last statement.
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
	return bcd_select(&insert_entry, args, nulls) > 0 ? bcd_column_int64(0, 1, NULL) : 0;
}

/* The same for a decision that nobody but the worker has made */
int64
bcd_journal_auto(const char *what, const char *feed, const char *key, const char *reason, Jsonb *detail)
{
	BcdJournalEntry decision = {.what = what,.feed = feed,.key = key,.reason = reason,.detail = detail};

	return bcd_journal(&decision);
}

static BcdStatement select_stopped = {
	"SELECT j.reason FROM bcdelta.journal AS j WHERE j.what = 'stop' AND j.server = $1 AND j.detail @> pg_catalog.jsonb_build_object('run_id', $2, 'action', 'pause')",
	2, {NAMEOID, INT8OID}
};

/* Returns why the worker has stopped a run by itself, or NULL; in the current memory context. */
char *
bcd_journal_stopped(const char *server, int64 run_id)
{
	Datum		args[] = {bcd_name_datum(server), Int64GetDatum(run_id)};

	return bcd_select(&select_stopped, args, NULL) > 0 ? bcd_column_text(0, 1) : NULL;
}
