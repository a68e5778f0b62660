/*
 * segment.h
 *		What a session that reads a store and the worker share.
 *
 * A scan of a foreign table asks the worker for pages of the store's lists, one
 * after the other: it makes a segment of shared memory with two queues, one for
 * what it asks and one for the replies, and posts its handle in a slot. What a
 * session asks for is a path below the store's address; the worker sends that
 * as a GET and passes the body on as it came, so that the session, not the
 * worker, spends time and memory on it.
 *
 * A session asks for a page only when it has taken the last but one, so at most
 * two wait for it at any time. Whoever of the two goes away, in whatever way,
 * detaches from the segment, which the other one sees: an incomplete answer
 * cannot be taken for a complete one.
 */
#ifndef BCD_SEGMENT_H
#define BCD_SEGMENT_H

#include "storage/shm_mq.h"

#define BCD_SCAN_ASKS_BYTES		16384	/* of the queue of what is asked */
#define BCD_SCAN_REPLIES_BYTES	131072	/* of the queue of replies */
#define BCD_SCAN_SEGMENT_BYTES	(BCD_SCAN_ASKS_BYTES + BCD_SCAN_REPLIES_BYTES)

/* Longest path that is asked for, with its query */
#define BCD_SCAN_MAX_PATH		8000

/*
 * What is asked for, followed by two texts, each with its NUL: the identity of
 * the store that the session takes for granted, and the path below its /v3
 * unless it begins with /v2/.
 */
typedef struct BcdScanAsk
{
	int64		number;
} BcdScanAsk;

/* A reply, followed by the body, or by the words of an error */
typedef struct BcdScanReply
{
	int64		number;			/* of what was asked */
	int			sqlerrcode;		/* 0: none */
	int			status;			/* of the last reply; 0: there was none */
	int			calls;			/* that it took */
	int64		waited_ms;		/* for its turn within the quota */
	int64		quota;			/* 0: the store tells none */
	int64		quota_left;
} BcdScanReply;

static inline shm_mq *
bcd_scan_asks(dsm_segment *segment)
{
	return dsm_segment_address(segment);
}

static inline shm_mq *
bcd_scan_replies(dsm_segment *segment)
{
	return (shm_mq *) ((char *) dsm_segment_address(segment) + BCD_SCAN_ASKS_BYTES);
}

#endif							/* BCD_SEGMENT_H */
