/*
 * decided.h
 *		Writes what a session has decided into bcdelta.journal.
 */
#ifndef BCD_DECIDED_H
#define BCD_DECIDED_H

#include "tables/journal.h"

extern int64 bcd_decided_on(const char *what, const char *server, const char *feed, const char *key,
							const char *reason, Jsonb *detail);
extern Jsonb *bcd_detail_text(Jsonb *detail, const char *name, const char *value);
extern int64 bcd_decided(const char *what, const char *feed, const char *key, const char *reason, Jsonb *detail);

#endif							/* BCD_DECIDED_H */
