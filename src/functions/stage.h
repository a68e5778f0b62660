/*
 * stage.h
 *		Who may decide on the cutover of a store.
 */
#ifndef BCD_FUNCTIONS_STAGE_H
#define BCD_FUNCTIONS_STAGE_H

#include "fmgr.h"

extern void bcd_check_owners(const char *server, const char *doing);
extern char *bcd_own_server(FunctionCallInfo fcinfo);

#endif							/* BCD_FUNCTIONS_STAGE_H */
