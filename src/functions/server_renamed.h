/*
 * server_renamed.h
 *		What follows a foreign server to its new name.
 */
#ifndef BCD_SERVER_RENAMED_H
#define BCD_SERVER_RENAMED_H

extern void bcd_server_renamed(const char *from, const char *to);

#endif							/* BCD_SERVER_RENAMED_H */
