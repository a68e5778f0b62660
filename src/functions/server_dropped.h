/*
 * server_dropped.h
 *		What is forgotten with a foreign server.
 */
#ifndef BCD_SERVER_DROPPED_H
#define BCD_SERVER_DROPPED_H

extern void bcd_servers_dropped(void);

#endif							/* BCD_SERVER_DROPPED_H */
