/*
 * signature.h
 *		bcdelta.signature: what people have answered to criteria of a go-live.
 */
#ifndef BCD_TABLE_SIGNATURE_H
#define BCD_TABLE_SIGNATURE_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

typedef struct BcdSignature
{
	char	   *criterion;
	char	   *verdict;		/* go, no-go or waived */
	char	   *by;				/* name of the role */
	char	   *at;				/* in words; not written */
	char	   *note;			/* or NULL */
	TimestampTz until;			/* 0: it has no end of its own */
	char	   *ended;			/* why it does not count any more, or NULL;
								 * not written */
	List	   *met;			/* names of measured criteria */
	char	   *lapsed;			/* those that were not met since, or NULL; not
								 * written */
} BcdSignature;

extern List *bcd_signatures_of(const char *server);
extern void bcd_signature_put(const char *server, const BcdSignature *signature);
extern void bcd_signature_lapsed(const char *server, const char *criterion, const char *worse);
extern void bcd_signatures_remove(const char *server);
extern bool bcd_signature_remove(const char *server, const char *criterion);
extern int64 bcd_signatures_rename_server(const char *from, const char *to);

#endif							/* BCD_TABLE_SIGNATURE_H */
