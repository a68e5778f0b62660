/*
 * probe.h
 *		Looks up in an index whether a row exists, without a statement.
 */
#ifndef BCD_PROBE_H
#define BCD_PROBE_H

/* A question, written as a static variable */
typedef struct BcdProbe
{
	const char *table;
	const char *index;
	const char *column;			/* the index's first, or NULL: is there any
								 * row? */
	const char *other;			/* one more that must have some text, or NULL */
} BcdProbe;

extern bool bcd_probe(const BcdProbe *probe, Datum value, const char *string);

#endif							/* BCD_PROBE_H */
