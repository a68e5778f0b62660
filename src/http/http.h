/*
 * http.h
 *		Non-blocking HTTPS requests over one curl multi handle.
 *
 * Knows nothing of BigCommerce, of SPI or of transactions.  A request is
 * malloc'd, because libcurl's callbacks fill it and must never longjmp.
 */
#ifndef BCD_HTTP_H
#define BCD_HTTP_H

#include "http/request.h"

extern void bcd_http_init(void);
extern BcdHttpRequest *bcd_http_request(const char *method, const char *url, const char *body);
extern void bcd_http_start(BcdHttpRequest *request, const BcdHttpTarget *target);
extern BcdHttpRequest *bcd_http_next_done(void);
extern int	bcd_http_in_flight(void);
extern void bcd_http_wait(long timeout_ms, uint32 wait_event_info);
extern void bcd_http_abandon(BcdHttpRequest *request);
extern void bcd_http_free(BcdHttpRequest *request);
extern bool bcd_http_url_is_loopback(const char *url);

#endif							/* BCD_HTTP_H */
