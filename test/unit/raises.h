/*
 * raises.h
 *		elog(ERROR) on the host: raises(expression, name) is a test that it is
 *		called.
 */
#ifndef BCD_RAISES_H
#define BCD_RAISES_H

#include <setjmp.h>

#include "tap.h"

static jmp_buf raised;

bool
errstart(int elevel, const char *domain)
{
	return true;
}

#if PG_VERSION_NUM >= 140000
bool
errstart_cold(int elevel, const char *domain)
{
	return true;
}
#endif

int
errmsg_internal(const char *fmt,...)
{
	return 0;
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	longjmp(raised, 1);
}

#define raises(expression, name) \
	do { \
		volatile bool raised_ = true; \
		\
		if (setjmp(raised) == 0) \
		{ \
			(void) (expression); \
			raised_ = false; \
		} \
		ok(raised_, "%s", name); \
	} while (0)

#endif							/* BCD_RAISES_H */
