/*
 * move.h
 *		bcdelta.move: changed keys whose links have not moved yet.
 */
#ifndef BCD_TABLE_MOVE_H
#define BCD_TABLE_MOVE_H

/*
 * The feeds (w.id) that have key changes, of which there may be many: the
 * recursion steps from one feed to the next
 */
#define BCD_MOVING \
	"WITH RECURSIVE w (id) AS (" \
	"  (SELECT feed_id FROM bcdelta.move ORDER BY feed_id LIMIT 1)" \
	" UNION ALL" \
	"  SELECT (SELECT m.feed_id FROM bcdelta.move AS m WHERE m.feed_id > w.id ORDER BY m.feed_id LIMIT 1)" \
	"  FROM w WHERE w.id IS NOT NULL)"

typedef struct BcdMove
{
	char	   *key;
	char	   *moved_from;
	int64		move_id;
	Datum		changed_at;
} BcdMove;

extern void bcd_moves_insert(Datum feed_ids, Datum keys, Datum moved_froms, Datum move_ids,
							 Datum changed_ats);
extern bool bcd_moves_any(int32 feed_id);
extern bool bcd_moves_left(void);
extern bool bcd_moves_exist(int32 feed_id, const char *key);
extern BcdMove *bcd_moves_read(int32 feed_id, int64 end, int limit, int *n);
extern void bcd_moves_delete(int32 feed_id, int64 end);
extern void bcd_moves_delete_orphans(void);
extern void bcd_moves_respell(const char *feed, Datum old, Datum new);

#endif							/* BCD_TABLE_MOVE_H */
