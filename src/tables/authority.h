/*
 * authority.h
 *		bcdelta.authority: who owns what at which stage of the cutover.
 */
#ifndef BCD_TABLE_AUTHORITY_H
#define BCD_TABLE_AUTHORITY_H

/*
 * What the present stage of a feed's store says of its resource, as columns of
 * a query on bcdelta.feed.  Usually no store is in a stage.
 */
#define BCD_AUTHORITY_OF_FEED \
	"(SELECT n.owner FROM bcdelta.authority_now AS n WHERE n.server = feed.server AND n.resource = feed.resource AND n.field IS NULL)," \
	" (SELECT jsonb_object_agg(n.field, CASE n.owner WHEN 'feed' THEN coalesce(feed.policies ->> n.field, feed.on_conflict) ELSE n.owner END)" \
	"  FROM bcdelta.authority_now AS n WHERE n.server = feed.server AND n.resource = feed.resource" \
	"  AND n.field IS NOT NULL AND n.owner IN ('feed', 'source', 'newest', 'review'))," \
	" EXISTS (SELECT FROM bcdelta.authority_now AS n WHERE n.server = feed.server AND n.resource = feed.resource AND n.owner = 'store')"

extern bool bcd_authority_set(const char *server, const char *stage, const char *resource, const char *field,
							  const char *owner, const char *by, const char *note);
extern char *bcd_authority_of(const char *server, const char *stage, const char *resource);
extern int64 bcd_authority_rename_server(const char *from, const char *to);

#endif							/* BCD_TABLE_AUTHORITY_H */
