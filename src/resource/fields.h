/*
 * fields.h
 *		Shorthand for the tables of fields.
 */
#ifndef BCD_FIELDS_H
#define BCD_FIELDS_H

#include "resource/resource.h"

/* Bounds of integers that several fields share */
#define INT32_LEAST			(-2147483648.0)
#define INT32_MOST			2147483647.0
#define QUANTITY_MOST		1000000000.0
#define MEASURE_MOST		9999999999.0

/*
 * Prices keep four decimals (the vendor's catalog guide). The precision of
 * measures is not documented; we assume the same.
 */
#define DECIMALS			4

#define TEXT(name, least, most, flags) \
	{name, BCD_STRING, least, most, -1, flags}
#define FREE_TEXT(name, flags) \
	{name, BCD_STRING, 0, -1, -1, flags}
#define ENUM(name, values, flags) \
	{name, BCD_STRING, 0, -1, -1, flags, values}
#define NUMBER(name, least, most, flags) \
	{name, BCD_NUMBER, least, most, DECIMALS, flags}
#define PRICE(name, flags) \
	NUMBER(name, 0, BCD_NO_MAX, flags)
#define MEASURE(name, flags) \
	NUMBER(name, 0, MEASURE_MOST, flags)
#define WHOLE(name, least, most, flags) \
	{name, BCD_INTEGER, least, most, -1, flags}
#define FLAG(name) \
	{name, BCD_BOOLEAN, 0, -1, -1, 0}
#define INSTANT(name, flags) \
	{name, BCD_DATETIME, 0, -1, -1, flags}
#define OBJECT(name, flags) \
	{name, BCD_OBJECT, 0, -1, -1, flags}
#define REFERENCE(name, most, resource) \
	{name, BCD_INTEGER, 0, most, -1, 0, NULL, resource}
#define REFERENCES(name, most, resource) \
	{name, BCD_INTEGERS, 0, most, -1, BCD_F_SET, NULL, resource}
#define IDS(name, flags) \
	{name, BCD_INTEGERS, 0, -1, -1, BCD_F_SET | (flags)}
#define RECORDS(name, most, elements, facet) \
	{name, BCD_RECORDS, 0, most, -1, 0, NULL, NULL, NULL, facet, elements}
#define WORDS(name) \
	{name, BCD_STRINGS, 0, -1, -1, 0}

/* What most lists can be limited by */
#define BY_DATE(name) \
	{name, BCD_BY_MIN, name ":min"}, \
	{name, BCD_BY_MAX, name ":max"}
#define BY_ID_RANGE(name) \
	{name, BCD_BY_MIN, name ":min", .exact = true}, \
	{name, BCD_BY_MAX, name ":max", .exact = true}

#endif							/* BCD_FIELDS_H */
