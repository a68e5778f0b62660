/*
 * kinds.c
 *		The kinds of runs.
 */
#include "postgres.h"

#include "verbs/kinds.h"

const BcdRunKind *const bcd_run_kinds[] = {
	&bcd_push_kind,
	&bcd_link_kind,
	&bcd_verify_kind,
	&bcd_rollback_kind,
	&bcd_preflight_kind,
	NULL
};
