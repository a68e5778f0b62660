/*
 * call_detail.c
 *		What does not fit into a call: a text array of any size.
 *
 * The session puts it into a segment of shared memory, which exists until the
 * worker has answered. If the session goes away before, so does the segment,
 * and the worker has nothing left to do for it.
 */
#include "postgres.h"

#include "worker/call_detail.h"
#include "worker/calls.h"

/* Makes a call with a detail, or without one if it is NULL. */
void
bcd_call_with(BcdCall *call, const ArrayType *detail)
{
	dsm_segment *segment;

	if (detail == NULL)
	{
		bcd_call(call);
		return;
	}
	segment = dsm_create(VARSIZE(detail), 0);
	memcpy(dsm_segment_address(segment), detail, VARSIZE(detail));
	call->detail = dsm_segment_handle(segment);
	bcd_call(call);
	dsm_detach(segment);
}

/*
 * Returns the detail of a call in the current memory context, or NULL. Called
 * in a transaction.
 */
ArrayType *
bcd_call_detail(const BcdCall *call)
{
	dsm_segment *segment;
	ArrayType  *detail;
	Size		size;

	if (call->detail == DSM_HANDLE_INVALID)
		return NULL;
	segment = dsm_attach(call->detail);
	if (segment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the session that requested it stopped waiting")));
	size = VARSIZE(dsm_segment_address(segment));
	if (size > dsm_segment_map_length(segment))
		elog(ERROR, "the detail of a call is damaged");
	detail = palloc(size);
	memcpy(detail, dsm_segment_address(segment), size);
	dsm_detach(segment);
	return detail;
}
