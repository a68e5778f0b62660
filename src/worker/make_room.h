/*
 * make_room.h
 *		Workers leave databases that are about to be dropped, renamed, moved or
 *		copied.
 */
#ifndef BCD_MAKE_ROOM_H
#define BCD_MAKE_ROOM_H

#include "base/shmem.h"

struct Node;

extern void bcd_make_room(struct Node *statement);
extern bool bcd_database_is_locked(Oid dbid);
extern bool bcd_leave_at_once(BcdWorkerSlot *slot);

#endif							/* BCD_MAKE_ROOM_H */
