/*
 * datetime.c
 *		Dates and times in the API's format.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "payload/datetime.h"

/* The point in time that a string represents; false: none. */
static bool
parse(const char *text, TimestampTz *instant)
{
	MemoryContext old = CurrentMemoryContext;
	volatile bool parsed = false;

	PG_TRY();
	{
		*instant = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
														   ObjectIdGetDatum(InvalidOid),
														   Int32GetDatum(-1)));
		parsed = true;
	}
	PG_CATCH();
	{
		/* a pure parser: only the error itself has to be cleaned up */
		MemoryContextSwitchTo(old);
		FlushErrorState();
	}
	PG_END_TRY();
	return parsed;
}

/* The same, but for a finite one. */
bool
bcd_instant(const char *text, TimestampTz *instant)
{
	return parse(text, instant) && !TIMESTAMP_NOT_FINITE(*instant);
}

/*
 * Date, time and zone, all of which the API requires: a date alone means its
 * first instant. NULL if the string is not a date; palloc'd.
 */
char *
bcd_instant_text(const char *text)
{
	char		buffer[MAXDATELEN + 1];
	TimestampTz instant;
	int			utc = 0;

	if (!parse(text, &instant) || TIMESTAMP_NOT_FINITE(instant))
		return NULL;
	return pstrdup(JsonEncodeDateTime(buffer, TimestampTzGetDatum(instant), TIMESTAMPTZOID, &utc));
}

/*
 * Timestamps are compared regardless of their time zone, to the second, which
 * is the precision of the store.
 */
bool
bcd_same_instant(const char *a, const char *b)
{
	TimestampTz x;
	TimestampTz y;

	if (!parse(a, &x) || !parse(b, &y))
		return strcmp(a, b) == 0;
	return x / USECS_PER_SEC == y / USECS_PER_SEC;
}

/* Is one earlier than the other?  Not if one of them is no date. */
bool
bcd_is_earlier(const char *a, const char *b)
{
	TimestampTz x;
	TimestampTz y;

	return parse(a, &x) && parse(b, &y) && x < y;
}
