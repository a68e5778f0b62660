/*
 * key_text.h
 *		The text of a row's key.
 */
#ifndef BCD_KEY_TEXT_H
#define BCD_KEY_TEXT_H

#include "access/tupdesc.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

typedef enum BcdKeyKind
{
	BCD_KEY_INT2,
	BCD_KEY_INT4,
	BCD_KEY_INT8,
	BCD_KEY_TEXT,				/* text and varchar */
	BCD_KEY_OTHER
} BcdKeyKind;

/* How to print one key column */
typedef struct BcdKeyPart
{
	BcdKeyKind	kind;
	FmgrInfo	output;			/* of BCD_KEY_OTHER */
	char	   *(*tidy) (char *text);	/* its result as equal values have it,
										 * or NULL */
	bool		varlena;		/* output function wants it detoasted */
} BcdKeyPart;

/* How to print a key; lives as long as its memory context */
typedef struct BcdKeyText
{
	int			nparts;
	BcdKeyPart *parts;
	bool		pinned;			/* depends on settings: see bcd_keytext_pin() */
	bool		allocates;		/* printing leaves things in memory */
} BcdKeyText;

extern char *bcd_keytext_flaw(Oid type, Oid collation);
extern bool bcd_keytext_alike(Oid type, Oid other);
extern bool bcd_keytext_is_number(Oid type);
extern bool bcd_keytext_is_plain(Oid type);
extern BcdKeyText *bcd_keytext_create(int nparts, const Oid *types, MemoryContext cxt);
extern int	bcd_keytext_pin(const BcdKeyText *keytext);
extern void bcd_keytext_unpin(int level);
extern void bcd_keytext_append_values(BcdKeyText *keytext, const Datum *values,
									  const bool *nulls, StringInfo out);
extern void bcd_keytext_append(BcdKeyText *keytext, const Datum *values, StringInfo out);

#endif							/* BCD_KEY_TEXT_H */
