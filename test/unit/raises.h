/*
 * raises.h
 *		Errors on the host: raises(expression, name) is a test that
 *		elog(ERROR) or ereport(ERROR) is called; raised_text is its message then.
 */
#ifndef BCD_RAISES_H
#define BCD_RAISES_H

#include <setjmp.h>

#include "tap.h"

static jmp_buf raised;
static char raised_text[512];

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

#define KEEP_RAISED_TEXT(format) \
	do { \
		va_list		args; \
		\
		va_start(args, format); \
		vsnprintf(raised_text, sizeof(raised_text), format, args); \
		va_end(args); \
		return 0; \
	} while (0)

int
errmsg_internal(const char *fmt,...)
{
	KEEP_RAISED_TEXT(fmt);
}

int
errmsg(const char *fmt,...)
{
	KEEP_RAISED_TEXT(fmt);
}

int
errdetail(const char *fmt,...)
{
	return 0;
}

int
errcode(int sqlerrcode)
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
