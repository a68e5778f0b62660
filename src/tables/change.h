/*
 * change.h
 *		bcdelta.change, as preview() reads it.
 *
 * It is written by capture/change.c and emptied by fold/drain.c, neither of
 * them by a statement.
 */
#ifndef BCD_TABLE_CHANGE_H
#define BCD_TABLE_CHANGE_H

extern bool bcd_change_of_any_row(int32 feed_id);
extern char *bcd_change_moved_from(int32 feed_id, const char *key, int64 *before);

#endif							/* BCD_TABLE_CHANGE_H */
