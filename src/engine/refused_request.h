/*
 * refused_request.h
 *		The request that a row failed with, for bcdelta.result.
 */
#ifndef BCD_REFUSED_REQUEST_H
#define BCD_REFUSED_REQUEST_H

#include "engine/engine.h"

extern char *bcd_refused_request(const BcdJob *job, const BcdItem *item);

#endif							/* BCD_REFUSED_REQUEST_H */
