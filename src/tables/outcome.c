/*
 * outcome.c
 *		The outcomes of rows, as named in bcdelta.result.
 */
#include "postgres.h"


#include "tables/outcome.h"

static const char *const outcome_names[] = {
	[BCD_NO_OUTCOME] = "",
	[BCD_CREATED] = "created",
	[BCD_UPDATED] = "updated",
	[BCD_DELETED] = "deleted",
	[BCD_HIDDEN] = "hidden",
	[BCD_LINKED] = "linked",
	[BCD_UNCHANGED] = "unchanged",
	[BCD_FAILED] = "failed",
	[BCD_RETRY] = "retry",
	[BCD_DEFERRED] = "deferred",
	[BCD_INVALID] = "invalid",
};

const char *
bcd_outcome_name(BcdOutcome outcome)
{
	return outcome_names[outcome];
}
