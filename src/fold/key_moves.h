/*
 * key_moves.h
 *		Changed keys: links go with their rows.
 */
#ifndef BCD_KEY_MOVES_H
#define BCD_KEY_MOVES_H

/*
 * The end of an INSERT INTO bcdelta.pending AS p (feed, key, changed_at): what
 * a changed row becomes, unless a request for it is under way.
 */
#define BCD_MARK_PENDING \
	" ON CONFLICT (feed, key) DO UPDATE SET" \
	" state = CASE p.state WHEN 'in_flight' THEN 'in_flight' ELSE 'ready' END," \
	" again = (p.state = 'in_flight')," \
	" attempts = CASE p.state WHEN 'in_flight' THEN p.attempts ELSE 0 END," \
	" next_attempt_at = NULL, last_error = NULL, waits_feed = NULL, waits_key = NULL," \
	" changed_at = least(p.changed_at, excluded.changed_at)" \
	" WHERE NOT (p.state = 'in_flight' AND p.again)" \
	" AND NOT (p.state = 'ready' AND p.attempts = 0 AND p.next_attempt_at IS NULL" \
	"  AND p.last_error IS NULL AND p.changed_at <= excluded.changed_at)"

extern void bcd_moves_apply(int32 feed_id);

#endif							/* BCD_KEY_MOVES_H */
