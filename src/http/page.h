/*
 * page.h
 *		Pages that come in place of the API's reply.
 *
 * Pure: no ereport, no SPI, no libcurl.
 */
#ifndef BCD_PAGE_H
#define BCD_PAGE_H

extern bool bcd_page_stands_in(long status, const char *reply);
extern void bcd_page_describe(long status, const char *page, char *error, size_t size);

#endif							/* BCD_PAGE_H */
