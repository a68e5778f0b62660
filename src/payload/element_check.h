/*
 * element_check.h
 *		What elements of an array of records must have, and must not have.
 */
#ifndef BCD_ELEMENT_CHECK_H
#define BCD_ELEMENT_CHECK_H

#include "utils/jsonb.h"

#include "resource/resource.h"

extern char *bcd_element_flaw(const BcdRecords *records, JsonbContainer *element);
extern char *bcd_elements_flaw(const BcdField *field, Jsonb *array);

#endif							/* BCD_ELEMENT_CHECK_H */
