/*
 * session.h
 *		The worker's session: its settings, and whether it is still wanted.
 */
#ifndef BCD_SESSION_H
#define BCD_SESSION_H

extern void bcd_pin_session(void);
extern bool bcd_is_listed(void);
extern void bcd_reload(void);

#endif							/* BCD_SESSION_H */
