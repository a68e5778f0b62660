/*
 * batch_reply.h
 *		Determines from a reply what happened to each record of a batch.
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
	BCD_ELEMENT_SAVED_IN_PART,	/* saved, except for a part of it or of
								 * another element */
	BCD_ELEMENT_TWIN,			/* not written: the store has an equal record */
	BCD_ELEMENT_BLAMED,			/* the reply names it: best sent alone */
	BCD_ELEMENT_HELD_UP,		/* not written, because of other elements */
	BCD_ELEMENT_UNKNOWN			/* it may have been written */
} BcdElementFate;

/* A record of a batch, and how a reply may refer to it */
typedef struct BcdElement
{
	int64		id;				/* 0: none yet */
	const char *const *key;		/* names of its key fields, NULL-terminated;
								 * or NULL */
	const char *const *values;	/* their values as text; NULL: no value */
	const char *const *names;	/* names by which a text may refer to it;
								 * likewise */

	/* the result */
	BcdElementFate fate;
	int			delay_ms;		/* to wait before reading it gives an answer */
} BcdElement;

extern void bcd_batch_reply_read(const BcdReplyForm *form, const char *id, BcdVerdict verdict,
								 const cJSON *reply, BcdElement *elements, int n);
extern bool bcd_reply_is_partial(const BcdReplyForm *form, BcdVerdict verdict,
								 const cJSON *reply, int n);
extern bool bcd_refusal_keeps_some(const BcdReplyForm *form, BcdVerdict verdict, const cJSON *reply);

#endif							/* BCD_BATCH_REPLY_H */
