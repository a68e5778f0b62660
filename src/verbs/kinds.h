/*
 * kinds.h
 *		The kinds of runs.
 */
#ifndef BCD_KINDS_H
#define BCD_KINDS_H

#include "engine/engine.h"

extern const BcdRunKind bcd_push_kind;
extern const BcdRunKind bcd_link_kind;
extern const BcdRunKind bcd_verify_kind;
extern const BcdRunKind bcd_rollback_kind;
extern const BcdRunKind bcd_preflight_kind;

/* all of them, ended by NULL */
extern const BcdRunKind *const bcd_run_kinds[];

#endif							/* BCD_KINDS_H */
