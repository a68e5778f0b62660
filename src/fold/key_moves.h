/*
 * key_moves.h
 *		Key changes: links move with their rows.
 */
#ifndef BCD_KEY_MOVES_H
#define BCD_KEY_MOVES_H

extern void bcd_moves_apply(int32 feed_id);

#endif							/* BCD_KEY_MOVES_H */
