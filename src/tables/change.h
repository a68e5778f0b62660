/*
 * change.h
 *		bcdelta.change, as preview() reads it.
 *
 * capture/change.c writes this table and fold/drain.c empties it; neither of
 * them uses SQL statements.
 */
#ifndef BCD_TABLE_CHANGE_H
#define BCD_TABLE_CHANGE_H

extern bool bcd_change_of_any_row(int32 feed_id);
extern char *bcd_change_moved_from(int32 feed_id, const char *key, int64 *before);

#endif							/* BCD_TABLE_CHANGE_H */
