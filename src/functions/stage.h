/*
 * stage.h
 *		Who may decide on the cutover of a store.
 */
#ifndef BCD_FUNCTIONS_STAGE_H
#define BCD_FUNCTIONS_STAGE_H

#include "fmgr.h"

extern char *bcd_own_server(FunctionCallInfo fcinfo);

#endif							/* BCD_FUNCTIONS_STAGE_H */
