/*
 * batch_reply.h
 *		What a reply says of each record of a batch, by the form of its family.
 *
 * Pure: no ereport, no SPI.
 */
#ifndef BCD_BATCH_REPLY_H
#define BCD_BATCH_REPLY_H

#include <cjson/cJSON.h>

#include "resource/resource.h"
#include "store/verdict.h"

typedef enum BcdElementFate
{
	BCD_ELEMENT_SAVED,
	BCD_ELEMENT_SAVED_IN_PART,	/* it is there, but something of it, or of
								 * another one, is not */
	BCD_ELEMENT_TWIN,			/* not written: the store has its like */
	BCD_ELEMENT_BLAMED,			/* the reply names it: it is better sent alone */
	BCD_ELEMENT_HELD_UP,		/* not written, because of others */
	BCD_ELEMENT_UNKNOWN			/* it may have been written */
} BcdElementFate;

/* A record of a batch, as its reply may refer to it */
typedef struct BcdElement
{
	int64		id;				/* 0: it has none yet */
	const char *const *key;		/* fields that tell it from others, NULL at
								 * their end; or NULL */
	const char *const *values;	/* theirs as text; NULL: it has none */
	const char *const *names;	/* what a text may call it; likewise */

	/* what the reply says of it */
	BcdElementFate fate;
	int			delay_ms;		/* before a read tells more */
} BcdElement;

extern void bcd_batch_reply_read(const BcdReplyForm *form, const char *id, BcdVerdict verdict,
								 const cJSON *reply, BcdElement *elements, int n);
extern bool bcd_reply_is_partial(const BcdReplyForm *form, BcdVerdict verdict,
								 const cJSON *reply, int n);
extern bool bcd_refusal_keeps_some(const BcdReplyForm *form, BcdVerdict verdict, const cJSON *reply);

#endif							/* BCD_BATCH_REPLY_H */
