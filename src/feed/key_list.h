/*
 * key_list.h
 *		The keys of a source table at one point in time, read in portions.
 */
#ifndef BCD_KEY_LIST_H
#define BCD_KEY_LIST_H

#include "utils/array.h"

#include "feed/feed.h"

typedef struct BcdKeyList BcdKeyList;

extern char *bcd_keylist_query(const BcdFeed *feed, const char *condition);
extern BcdKeyList *bcd_keylist_create(BcdFeed *feed);
extern BcdKeyList *bcd_keylist_where(BcdFeed *feed, const char *condition, ErrorData **error);
extern BcdKeyList *bcd_keylist_of(ArrayType *keys);
extern char *bcd_keylist_next(BcdKeyList *list);
extern void bcd_keylist_return(BcdKeyList *list, int n);
extern void bcd_keylist_keep(BcdKeyList *list);
extern void bcd_keylist_undo(BcdKeyList *list);
extern void bcd_keylist_put_back(BcdKeyList *list, const char *key);
extern bool bcd_keylist_has_back(const BcdKeyList *list);
extern void bcd_keylist_again(BcdKeyList *list);
extern int64 bcd_keylist_count(const BcdKeyList *list);
extern void bcd_keylist_free(BcdKeyList *list);

#endif							/* BCD_KEY_LIST_H */
