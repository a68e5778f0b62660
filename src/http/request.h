/*
 * request.h
 *		A request to a store, and its outcome.
 *
 * Contains only data, and is separate from http.h, so that the pure modules
 * that judge a reply do not need libcurl.
 */
#ifndef BCD_REQUEST_H
#define BCD_REQUEST_H

/* The known outcome of a request, in order from harmless to doubtful */
typedef enum BcdHttpFate
{
	BCD_HTTP_REPLIED,			/* a whole reply was read: look at status */
	BCD_HTTP_NOT_SENT,			/* the store cannot have seen the request */
	BCD_HTTP_UNKNOWN			/* sent, at least in part, and no whole reply */
} BcdHttpFate;

/* Reply headers used by pacing and retries; -1: not sent by the store */
typedef struct BcdHttpHeaders
{
	int64		rate_window_ms;
	int64		rate_reset_ms;
	int64		rate_quota;
	int64		rate_left;
	int64		retry_after_ms; /* X-Retry-After (or Retry-After), in ms */
	int64		date_ms;		/* Date, in ms since 1970 */
	int64		elapsed_ms;		/* from the request's start to the reply's end */
	char		content_type[64];
	char		request_id[64]; /* X-Request-Id, when there is one */
} BcdHttpHeaders;

#define BCD_HTTP_MAX_REPLY		(32 * 1024 * 1024)	/* bytes after
													 * decompression */

/* Trust and credentials shared by a store's requests; owned by the caller */
typedef struct BcdHttpTarget
{
	const char *token;			/* X-Auth-Token; never printed */
	const char *ca_file;		/* additional trusted authorities, or NULL */
	long		timeout_ms;		/* whole request */
	bool		loopback;		/* plain http allowed, no proxy */
} BcdHttpTarget;

typedef struct BcdHttpRequest
{
	/* set by the caller */
	const char *method;			/* static string: "GET", "POST", ... */
	char	   *url;			/* malloc'd, freed with the request */
	char	   *body;			/* malloc'd JSON text or NULL */
	size_t		body_len;
	void	   *owner;			/* the caller's */
	void		(*replied) (struct BcdHttpRequest *request);	/* called when it is
																 * over */

	/* set by http.c, valid when the request comes back */
	BcdHttpFate fate;
	bool		timed_out;		/* it was given up after timeout_ms */
	long		status;			/* 0 when there was no reply */
	BcdHttpHeaders headers;
	char	   *reply;			/* malloc'd, NUL-terminated, or NULL */
	size_t		reply_len;
	char		error[256];		/* without secrets; empty after a reply */
	char		correlation_id[37]; /* what we sent as X-Correlation-Id */
	double		seconds;		/* from start to end */
	bool		new_connection;
	bool		repeated;		/* sent a second time, since the connection
								 * broke before a reply: no body */

	struct BcdHttpTransfer *transfer;	/* http.c's own */
} BcdHttpRequest;

#endif							/* BCD_REQUEST_H */
