/*
 * change.h
 *		Appends to bcdelta.change.
 */
#ifndef BCD_CHANGE_H
#define BCD_CHANGE_H

#include "access/htup.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "storage/bufmgr.h"
#include "utils/relcache.h"

/* columns of bcdelta.change */
#define BCD_CHANGE_FEED_ID		1
#define BCD_CHANGE_OP			2
#define BCD_CHANGE_KEY			3
#define BCD_CHANGE_MOVED_FROM	4
#define BCD_CHANGE_MOVE_ID		5
#define BCD_CHANGE_CHANGED_AT	6
#define BCD_CHANGE_DEPENDENCY_ID	7
#define BCD_CHANGE_BY_ROLE		8
#define BCD_CHANGE_APPLICATION	9
#define BCD_CHANGE_NATTS		9

/*
 * The table is a ring of tables, the others being its children.  Each is
 * written for some minutes (bcdelta.change_turn), then rests for twice as
 * long, so that it can be emptied without blocking anybody.
 */
#define BCD_CHANGE_TABLES		3

/* Changes that are being written to the table */
typedef struct BcdChanges BcdChanges;

extern int	bcd_change_table(TimestampTz at);
extern void bcd_change_relids(Oid *relids);
extern bool bcd_captured_here(void);
extern BcdChanges *bcd_changes_begin(int32 feed_id);
extern BcdChanges *bcd_changes_captured(int32 feed_id, int32 dependency_id);
extern void bcd_changes_add(BcdChanges *changes, char op, text *key);
extern void bcd_changes_add_move(BcdChanges *changes, text *key, text *moved_from);
extern void bcd_changes_end(BcdChanges *changes);

extern void bcd_text_begin(StringInfo buffer);
extern text *bcd_text_end(StringInfo buffer);

#endif							/* BCD_CHANGE_H */
