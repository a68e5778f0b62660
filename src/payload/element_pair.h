/*
 * element_pair.h
 *		Finds the matching elements of two collections.
 */
#ifndef BCD_ELEMENT_PAIR_H
#define BCD_ELEMENT_PAIR_H

#include <cjson/cJSON.h>

#include "utils/jsonb.h"

#include "resource/resource.h"

/* The member with an element's id, in the store and in known elements */
#define BCD_ELEMENT_ID	"id"

/* One of two collections; its elements are either jsonb or cJSON */
typedef struct BcdSide
{
	const BcdRecords *records;
	int			n;
	Jsonb	  **elements;		/* or NULL: */
	const cJSON **got;
	int		   *partner;		/* index in the other collection, or -1 */
} BcdSide;

extern void bcd_side_of(BcdSide *side, const BcdRecords *records, Jsonb *collection);
extern void bcd_side_of_reply(BcdSide *side, const BcdRecords *records, const cJSON *got);
extern void bcd_side_unpair(BcdSide *side);
extern void bcd_pair(BcdSide *a, BcdSide *b, int nkeys);
extern void bcd_pair_by_id(BcdSide *a, BcdSide *b);
extern char *bcd_element_id(Jsonb *element);
extern int	bcd_records_nkeys(const BcdRecords *records);
extern char *bcd_side_key(const BcdSide *side, int nth, int nkeys);
extern int	bcd_side_twin(const BcdSide *side, int *other);

#endif							/* BCD_ELEMENT_PAIR_H */
