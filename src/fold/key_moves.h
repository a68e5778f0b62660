/*
 * key_moves.h
 *		Changed keys: links go with their rows.
 */
#ifndef BCD_KEY_MOVES_H
#define BCD_KEY_MOVES_H

extern void bcd_moves_apply(int32 feed_id);

#endif							/* BCD_KEY_MOVES_H */
