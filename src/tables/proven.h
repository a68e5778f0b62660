/*
 * proven.h
 *		bcdelta.proven: what was found to agree, and when.
 */
#ifndef BCD_TABLE_PROVEN_H
#define BCD_TABLE_PROVEN_H

#include "datatype/timestamp.h"

/* The last proof of a resource, as far as the next one builds on it */
typedef struct BcdProven
{
	int64		run_id;
	TimestampTz proven_at;
	char	   *watermark;		/* by the store's clock, in the API's format */
	char	   *from;			/* a little earlier */
} BcdProven;

/* A proof that has ended */
typedef struct BcdProof
{
	int64		run_id;
	TimestampTz proven_at;
	TimestampTz watermark;
	bool		full;
	bool		counted;		/* the store's number of records was compared */
	bool		dated;			/* what was changed in the store was compared */
	int64		touched;
	int64		calls;
} BcdProof;

extern bool bcd_proven_read(const char *server, const char *resource, const char *store, int slack_s, BcdProven *proven);
extern void bcd_proven_write(const char *server, const char *resource, const char *store, const BcdProof *proof);
extern int64 bcd_proven_rename_server(const char *from, const char *to);

#endif							/* BCD_TABLE_PROVEN_H */
