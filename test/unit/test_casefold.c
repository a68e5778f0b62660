/*
 * test_casefold.c
 *		Which texts differ in the case of letters only.
 */
#include "postgres.h"

#include "../../src/base/casefold.c"
#include "tap.h"

/* Folds a copy that ends where the text does, so that reading on is caught. */
static char *
fold(const char *text)
{
	int			len = strlen(text);
	char	   *copy = malloc(Max(len, 1));
	char	   *result;

	memcpy(copy, text, len);
	result = bcd_fold_case(copy, len);
	free(copy);
	return result;
}

static void
same(const char *a, const char *b)
{
	ok(strcmp(fold(a), fold(b)) == 0, "same: %s %s", a, b);
	ok(strcmp(fold(fold(a)), fold(a)) == 0, "for good");
}

static void
differ(const char *a, const char *b)
{
	ok(strcmp(fold(a), fold(b)) != 0, "differ: %s %s", a, b);
}

int
main(void)
{
	int			i;
	int			last = 0x7f;
	bool		ordered = true;
	pg_wchar	c;
	pg_wchar	unstable = 0;

	same("", "");
	same("ACME 1", "acme 1");
	same("M\u00DCLLER", "m\u00FCller");
	same("\u00C4u\u00DFerst \u00C9T\u00C9 \u00D1", "\u00E4u\u00DFerst \u00E9t\u00E9 \u00F1");
	same("\u0141\u00D3D\u0179 \u010CESK\u00DD \u0150\u0170", "\u0142\u00F3d\u017A \u010Desk\u00FD \u0151\u0171");
	same("\u03A3\u038A\u03A3\u03A5\u03A6\u039F\u03A3", "\u03C3\u03AF\u03C3\u03C5\u03C6\u03BF\u03C2");
	same("\u0416\u0423\u0420\u041D\u0410\u041B \u0400", "\u0436\u0443\u0440\u043D\u0430\u043B \u0450");
	same("\u0532\u0531\u0550\u0535\u0552", "\u0562\u0561\u0580\u0565\u0582");
	same("\u1E9E", "\u00DF");
	same("\u0178", "\u00FF");
	same("D\u017E", "d\u017E");
	same("\342\204\252", "k");	/* the sign of kelvin */
	same("\342\204\253", "\u00E5"); /* and of angstrom */
	same("\u216B\u24B6", "\u217B\u24D0");
	same("\U00010400", "\U00010428");
	same("\u023A", "\u2C65");	/* from two bytes to three */
	/* a letter and its accent as one character and as two */
	same("\u00C9", "e\314\201");
	same("E\314\201", "\u00E9");
	same("\u01D5", "u\314\210\314\204");
	same("\uAC00", "\341\204\200\341\205\241");

	differ("ss", "\u00DF");
	differ("STRASSE", "stra\u00DFe");
	differ("I", "\u0131");
	differ("i", "\u0130");
	differ("\u00E9", "e");
	differ("\u00F6", "o");
	differ("a", "\u0430");		/* Latin and Cyrillic */
	differ("\uFB01", "fi");
	differ("A", "\uFF21");		/* full width */
	differ("1", "\u2460");

	/* what is no UTF-8 is compared by its bytes, but for ASCII */
	same("\374 A", "\374 a");
	differ("\334", "\374");
	differ("\303", "\303\274");
	differ("\355\240\200", "\355\240\201");
	same("\360\237\230\200 A", "\360\237\230\200 a");

	for (i = 0; i < lengthof(foldings); i++)
	{
		ordered = ordered && foldings[i].first > (uint32) last && foldings[i].last >= foldings[i].first;
		last = foldings[i].last;
	}
	ok(ordered, "the table is in order");
	for (c = 1; c <= 0x10ffff; c++)
		if (folded(folded(c)) != folded(c))
			unstable = c;
	ok(unstable == 0, "what is folded stays (U+%04X)", unstable);
	return tap_done();
}
