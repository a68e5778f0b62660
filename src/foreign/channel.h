/*
 * channel.h
 *		How a session gets pages of a store's lists from the worker.
 */
#ifndef BCD_CHANNEL_H
#define BCD_CHANNEL_H

#include "scan/segment.h"

typedef struct BcdChannel BcdChannel;

extern BcdChannel *bcd_channel_open(Oid serverid, Oid userid);
extern void bcd_channel_ask(BcdChannel *channel, const char *path);
extern bool bcd_channel_look(BcdChannel *channel);
extern void bcd_channel_await(BcdChannel *channel, void *by);
extern bool bcd_channel_any_ready(void *by);
extern void bcd_channel_wait(BcdChannel *channel);
extern char *bcd_channel_take(BcdChannel *channel, BcdScanReply *reply, Size *len);
extern void bcd_channel_close(BcdChannel *channel);

#endif							/* BCD_CHANNEL_H */
