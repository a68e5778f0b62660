/*
 * transfer.h
 *		One request in progress: the curl handle and the data that its
 *		callbacks fill.
 */
#ifndef BCD_TRANSFER_H
#define BCD_TRANSFER_H

#include <curl/curl.h>

#include "http/request.h"

/* malloc'd; lives from the start of a request until it is fetched */
typedef struct BcdHttpTransfer
{
	BcdHttpRequest *request;
	CURL	   *easy;			/* NULL when the request is over */
	struct curl_slist *headers;
	char	   *token;
	long		timeout_ms;
	bool		started;		/* libcurl has it */
	int			sendings;		/* how often libcurl was about to send it */
	size_t		body_taken;		/* bytes of the body that libcurl has */
	size_t		reply_size;		/* allocated */
	size_t		header_bytes;
	const char *refused;		/* why we ended the transfer */
	char		curl_error[CURL_ERROR_SIZE];
	struct BcdHttpTransfer *next_done;
} BcdHttpTransfer;

extern CURLcode bcd_transfer_prepare(BcdHttpTransfer *transfer, const BcdHttpTarget *target);
extern void bcd_transfer_clear(BcdHttpTransfer *transfer);
extern void bcd_transfer_clear_headers(BcdHttpHeaders *headers);

#endif							/* BCD_TRANSFER_H */
