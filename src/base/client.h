/*
 * client.h
 *		Is the client of this session still there?
 */
#ifndef BCD_CLIENT_H
#define BCD_CLIENT_H

extern void bcd_client_check(void);

#endif							/* BCD_CLIENT_H */
