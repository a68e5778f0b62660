/*
 * replies.c
 *		The families of replies.
 */
#include "postgres.h"

#include "resource/resource.h"

/* the records, one or an array of them */
const BcdReplyForm bcd_reply_records = {.records = "data"};

/* counters at most: a successful reply names no record */
const BcdReplyForm bcd_reply_silent = {.records = NULL};
