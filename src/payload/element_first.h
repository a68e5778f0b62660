/*
 * element_first.h
 *		With which fields a new element of an array of records is sent.
 */
#ifndef BCD_ELEMENT_FIRST_H
#define BCD_ELEMENT_FIRST_H

#include "utils/jsonb.h"

#include "resource/resource.h"

extern bool bcd_demand_holds(const BcdDemand *demand, JsonbContainer *element);
extern Jsonb *bcd_element_at_first(const BcdRecords *records, Jsonb *element);

#endif							/* BCD_ELEMENT_FIRST_H */
