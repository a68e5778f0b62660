/*
 * stores.h
 *		The stores that the worker talks to: what it has learned about each.
 */
#ifndef BCD_STORES_H
#define BCD_STORES_H

#include "engine/engine.h"

extern BcdStore *bcd_engine_store(Oid serverid);

#endif							/* BCD_STORES_H */
