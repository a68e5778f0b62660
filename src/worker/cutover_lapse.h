/*
 * cutover_lapse.h
 *		Signatures end when what they rested on gets worse.
 */
#ifndef BCD_CUTOVER_LAPSE_H
#define BCD_CUTOVER_LAPSE_H

extern void bcd_signatures_lapse(const char *server);

#endif							/* BCD_CUTOVER_LAPSE_H */
