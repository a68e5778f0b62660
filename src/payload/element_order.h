/*
 * element_order.h
 *		In which order the elements of a collection get unique values.
 */
#ifndef BCD_ELEMENT_ORDER_H
#define BCD_ELEMENT_ORDER_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "resource/resource.h"

/* What has to be done to one element of a collection */
typedef struct BcdElementChange
{
	Jsonb	   *was;			/* as known; NULL: it has to be added */
	Jsonb	   *is;				/* as wanted; NULL: it has to be removed */
	Jsonb	   *fields;			/* the fields that differ; all fields of a new
								 * one */
	bool		alone;			/* they have a facet of their own */
	char	   *within;			/* id of the element that it is inside, or
								 * NULL */
} BcdElementChange;

extern BcdElementChange *bcd_element_steps_aside(const BcdRecords *records, BcdElementChange *change);
extern List *bcd_elements_in_order(const BcdRecords *records, List *changes);

#endif							/* BCD_ELEMENT_ORDER_H */
