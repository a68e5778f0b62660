/*
 * collection.h
 *		Collections: arrays of records below a record.
 */
#ifndef BCD_COLLECTION_H
#define BCD_COLLECTION_H

#include <cjson/cJSON.h>

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "payload/element_order.h"
#include "payload/element_pair.h"
#include "resource/resource.h"

extern uint32 bcd_collections_in(const BcdResource *resource, Jsonb *payload);
extern Jsonb *bcd_collection_of(Jsonb *payload, const char *name);
extern List *bcd_collection_changes(const BcdRecords *records, Jsonb *wanted, Jsonb *known);
extern List *bcd_collection_changes_inside(const BcdRecords *records, const char *inside, Jsonb *wanted, Jsonb *known);
extern Jsonb *bcd_collection_with_inside(Jsonb *collection, Jsonb *element, const char *inside, Jsonb *below);
extern Jsonb *bcd_collection_read(const BcdRecords *records, Jsonb *wanted, Jsonb *known, bool unsure,
								  const cJSON *got);
extern Jsonb *bcd_collection_created(const BcdRecords *records, Jsonb *wanted, const cJSON *got);
extern Jsonb *bcd_collection_after(const BcdRecords *records, Jsonb *known, Jsonb *was, Jsonb *is, Jsonb *sent, const char *id);
extern Jsonb *bcd_collection_with(Jsonb *collection, Jsonb *element);
extern Jsonb *bcd_collection_find(Jsonb *collection, const char *id);
extern Jsonb *bcd_collection_known(const BcdRecords *records, Jsonb *collection, const char *id, Jsonb *element);
extern bool bcd_element_is(const BcdRecords *records, Jsonb *element, const cJSON *got);
extern Jsonb *bcd_element_written(const BcdRecords *records, Jsonb *element, const cJSON *got);
extern Jsonb *bcd_element_key(const BcdRecords *records, Jsonb *element);

#endif							/* BCD_COLLECTION_H */
