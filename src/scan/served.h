/*
 * served.h
 *		A scan in the worker: a session that asks for pages, and gets them.
 */
#ifndef BCD_SERVED_H
#define BCD_SERVED_H

#include "engine/engine.h"
#include "http/request.h"
#include "scan/segment.h"

typedef enum BcdScanStage
{
	IDLE,						/* the session has what it asked for */
	WAITING,					/* for its turn */
	FLYING,
	REPLYING					/* the queue has no room for all of the reply */
} BcdScanStage;

typedef struct BcdScan
{
	dlist_node	node;
	MemoryContext cxt;
	dsm_segment *segment;
	shm_mq_handle *asks;
	shm_mq_handle *replies;
	Oid			serverid;
	Oid			userid;
	BcdScanStage stage;
	bool		gone;			/* the session has detached */

	/* what it has asked for, in memory of its own */
	MemoryContext page;
	char	   *identity;
	char	   *path;
	int64		asked_at;
	int64		not_before;		/* monotonic ms: after a failure */
	int			attempts;
	int			refused;		/* by a 429 */

	/* under way */
	BcdStore   *store;
	int			era;			/* of the store, when it was sent */
	BcdTicket	ticket;
	BcdHttpRequest *request;

	BcdScanReply reply;
	char	   *body;
	Size		len;
} BcdScan;

/* served_reply.c */
extern void bcd_served_reply(BcdScan *scan, int sqlerrcode, char *body, Size len);
extern void bcd_served_error(BcdScan *scan, int sqlerrcode, const char *message,
							 const char *detail, const char *hint);
extern void bcd_served_send(BcdScan *scan);
extern bool bcd_served_too_much(void);
extern void bcd_served_drop_reply(BcdScan *scan);

/* served_request.c */
extern int64 bcd_served_start(BcdScan *scan, int waiting, int64 now);
extern void bcd_served_abandon(BcdScan *scan);

#endif							/* BCD_SERVED_H */
