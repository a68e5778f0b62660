/*
 * link_referrers.h
 *		bcdelta.link: rows whose records refer to others.
 */
#ifndef BCD_TABLE_LINK_REFERRERS_H
#define BCD_TABLE_LINK_REFERRERS_H

/*
 * The links (l) of a server ($1) that refer to records with these ids ($3,
 * jsonb[]), in one of the fields that hold ids of their resource ($2); and
 * their feeds (f).  In lax mode a single id is an array of one.
 */
#define BCD_REFERRERS \
	" FROM bcdelta.link AS l JOIN bcdelta.feed AS f USING (feed)" \
	" CROSS JOIN unnest($2) AS field" \
	" CROSS JOIN LATERAL pg_catalog.jsonb_path_query(" \
	"  pg_catalog.jsonb_build_array(l.payload -> field, l.remembered -> field, l.referred -> field), 'lax $[*][*]') AS id" \
	" JOIN unnest($3) AS gone ON gone = id" \
	" WHERE f.server = $1 AND f.fields ?| $2"

/* A row that refers to one of them; the key is a text */
typedef struct BcdReferrer
{
	int32		feed_id;
	Datum		key;
} BcdReferrer;

extern BcdReferrer *bcd_link_referrers(const char *server, Datum fields, Datum ids, uint64 *n);

#endif							/* BCD_TABLE_LINK_REFERRERS_H */
