/*
 * serve.h
 *		Makes the requests of sessions that read a store.
 */
#ifndef BCD_SERVE_H
#define BCD_SERVE_H

extern int64 bcd_scans_step(const char *trouble, int64 now);
extern void bcd_scans_end(void);

#endif							/* BCD_SERVE_H */
