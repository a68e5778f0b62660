/*
 * outcome.c
 *		The outcomes of rows, as named in bcdelta.result.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "tables/outcome.h"

PG_FUNCTION_INFO_V1(bcdelta_is_outcome);

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

/*
 * is_outcome(word): may bcdelta.result have it?  A conflict is not an outcome of
 * a push so far.
 */
Datum
bcdelta_is_outcome(PG_FUNCTION_ARGS)
{
	char	   *word = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		found = strcmp(word, "conflict") == 0;
	int			i;

	for (i = BCD_NO_OUTCOME + 1; !found && i < lengthof(outcome_names); i++)
		found = strcmp(word, outcome_names[i]) == 0;
	PG_RETURN_BOOL(found);
}
