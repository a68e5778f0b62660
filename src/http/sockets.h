/*
 * sockets.h
 *		Waits for libcurl's sockets and timer in a WaitEventSet.
 */
#ifndef BCD_SOCKETS_H
#define BCD_SOCKETS_H

#include <curl/curl.h>

extern CURLMcode bcd_sockets_attach(CURLM *multi);
extern CURLcode bcd_sockets_account(CURL *easy, const char *url);
extern bool bcd_sockets_any_closed(const char *url);
extern bool bcd_sockets_wait(CURLM *multi, long timeout_ms, uint32 wait_event_info);
extern void bcd_sockets_drive(CURLM *multi);
extern void bcd_sockets_block_signals(sigset_t *saved);
extern void bcd_sockets_restore_signals(const sigset_t *saved);

#endif							/* BCD_SOCKETS_H */
