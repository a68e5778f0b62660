/*
 * journal.h
 *		bcdelta.journal: who decided what, when and why.
 */
#ifndef BCD_TABLE_JOURNAL_H
#define BCD_TABLE_JOURNAL_H

#include "utils/jsonb.h"

/* A decision; NULL means that something is not given or does not apply */
typedef struct BcdJournalEntry
{
	const char *what;			/* the function's name, or a few words; never
								 * NULL */
	const char *server;
	const char *feed;
	const char *key;
	const char *by;				/* name of the role; NULL: the worker decided
								 * by itself */
	const char *app;			/* application_name of its session */
	const char *reason;
	Jsonb	   *detail;			/* an object */
} BcdJournalEntry;

extern int64 bcd_journal(const BcdJournalEntry *decision);
extern int64 bcd_journal_auto(const char *what, const char *feed, const char *key, const char *reason,
							  Jsonb *detail);
extern char *bcd_journal_stopped(const char *server, int64 run_id);

#endif							/* BCD_TABLE_JOURNAL_H */
