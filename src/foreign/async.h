/*
 * async.h
 *		Reads several stores side by side.
 */
#ifndef BCD_FOREIGN_ASYNC_H
#define BCD_FOREIGN_ASYNC_H

#include "foreign/fdwapi.h"

extern void bcd_async_install(FdwRoutine *routine);

#endif							/* BCD_FOREIGN_ASYNC_H */
