/*
 * key.h
 *		Keys of a feed's rows as text: from rows that were read, and from user
 *		input.
 */
#ifndef BCD_KEY_H
#define BCD_KEY_H

#include "access/htup.h"
#include "access/tupdesc.h"

#include "feed/feed.h"

extern void bcd_key_check_length(const char *feed, const char *key);
extern char **bcd_key_texts(const BcdFeed *feed, const char *key);
extern Datum *bcd_key_parse(const BcdFeed *feed, const char *key);
extern char *bcd_key_condition(const BcdFeed *feed);
extern char *bcd_key_columns(const BcdFeed *feed);
extern void bcd_key_check_rows(const BcdFeed *feed, TupleDesc desc);
extern char *bcd_key_of_tuple(const BcdFeed *feed, HeapTuple tuple, TupleDesc desc);
extern char *bcd_key_given(const BcdFeed *feed, const char *key);
extern char *bcd_key_of_texts(const BcdFeed *feed, char **texts);

#endif							/* BCD_KEY_H */
