/*
 * mapping_guard.h
 *		Protects the worker and its session from the code of feeds.
 */
#ifndef BCD_MAPPING_GUARD_H
#define BCD_MAPPING_GUARD_H

#include "base/shmem.h"
#include "feed/feed.h"

/* The error of code that has taken too long */
#define BCD_ERRCODE_OVERTIME	MAKE_SQLSTATE('B', 'C', 'D', '0', '1')

/* Time limit for work on a whole table, in turns */
#define BCD_TABLE_TURNS	60

/* Whose code a worker ran when it ended; see bcd_guard_blamed() */
typedef struct BcdBlame
{
	int32		feed_id;
	char	   *feed;
	char	   *key;			/* of the row at hand, or NULL */
	char	   *how;			/* how the worker ended, in words */
} BcdBlame;

extern void bcd_guard_run(const BcdFeed *feed, const char *key, int turns,
						  void (*work) (void *arg), void *arg);
extern bool bcd_guard_in_worker(void);

/* for worker.c alone */
extern void bcd_guard_init(BcdWorkerSlot *slot);
extern bool bcd_guard_at_exit(void);
extern bool bcd_guard_blamed(BcdBlame *blame);
extern void bcd_guard_forgive(void);

#endif							/* BCD_MAPPING_GUARD_H */
