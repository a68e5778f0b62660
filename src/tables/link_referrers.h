/*
 * link_referrers.h
 *		bcdelta.link: rows whose records refer to other records.
 */
#ifndef BCD_TABLE_LINK_REFERRERS_H
#define BCD_TABLE_LINK_REFERRERS_H

#include "nodes/pg_list.h"

#include "resource/resource.h"
#include "tables/rows.h"

/*
 * The links (l) of a server ($1) that refer to records with these hashes ($3,
 * bigint[]), and their feeds (f), which must map one of the fields that hold
 * ids of the records' resource ($2).
 */
#define BCD_REFERRERS \
	" FROM unnest($3) AS gone (hash) CROSS JOIN LATERAL (" \
	"  SELECT o.feed, o.key FROM bcdelta.link AS o WHERE o.refers_to @> ARRAY[gone.hash] OFFSET 0) AS l" \
	" JOIN bcdelta.feed AS f USING (feed)" \
	" WHERE f.server = $1 AND f.fields ?| $2"

extern int64 bcd_record_hash(const char *resource, int64 id);
extern List *bcd_link_fields_of_referrers(const char *server, const BcdResource *resource, const char *field, int64 parent);
extern BcdFoundRow *bcd_link_referrers(const char *server, Datum fields, Datum hashes, uint64 *n);

#endif							/* BCD_TABLE_LINK_REFERRERS_H */
