/*
 * tap.h
 *		The little that the unit tests need to print TAP.
 *
 * Each test is one program that includes the sources it tests.
 */
#ifndef BCD_TAP_H
#define BCD_TAP_H

#include <stdarg.h>

static int	tap_tests = 0;
static int	tap_failures = 0;

static bool tap_ok(bool passed, const char *format,...) pg_attribute_printf(2, 3);

/* One result, and the line of the call when it is bad */
#define ok(passed, ...) \
	do { \
		if (!tap_ok(passed, __VA_ARGS__)) \
			printf("# at line %d\n", __LINE__); \
	} while (0)

#define is_int(got, wanted, name) \
	do { \
		long long	got_ = (got); \
		long long	wanted_ = (wanted); \
		\
		ok(got_ == wanted_, "%s", name); \
		if (got_ != wanted_) \
			printf("# got %lld, wanted %lld\n", got_, wanted_); \
	} while (0)

#define is_text(got, wanted, name) \
	do { \
		const char *got_ = (got); \
		const char *wanted_ = (wanted); \
		\
		ok(got_ && wanted_ ? strcmp(got_, wanted_) == 0 : got_ == wanted_, "%s", name); \
		if (!(got_ && wanted_ ? strcmp(got_, wanted_) == 0 : got_ == wanted_)) \
			printf("# got    \"%s\"\n# wanted \"%s\"\n", \
				   got_ ? got_ : "(null)", wanted_ ? wanted_ : "(null)"); \
	} while (0)

static bool
tap_ok(bool passed, const char *format,...)
{
	va_list		args;

	/* what was printed is there if the next test crashes */
	if (tap_tests++ == 0)
		setvbuf(stdout, NULL, _IOLBF, 0);
	if (!passed)
		tap_failures++;
	printf("%s %d - ", passed ? "ok" : "not ok", tap_tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	return passed;
}

/* The plan comes last; the exit status for main() */
static int
tap_done(void)
{
	printf("1..%d\n", tap_tests);
	return tap_failures > 0 ? 1 : 0;
}

#ifdef USE_ASSERT_CHECKING
/* What a failed Assert() calls in the server */
#if PG_VERSION_NUM >= 160000
void
ExceptionalCondition(const char *condition, const char *file, int line)
#else
void
ExceptionalCondition(const char *condition, const char *type, const char *file, int line)
#endif
{
	printf("Bail out! assertion failed: %s at %s:%d\n", condition, file, line);
	fflush(stdout);
	abort();
}
#endif

#endif							/* BCD_TAP_H */
