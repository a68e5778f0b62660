/*
 * told.c
 *		What people are told about the times of a plan.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "pgtime.h"
#include "utils/timestamp.h"

#include "cutover/told.h"
#include "tables/cutover_step.h"
#include "worker/cutover_place.h"

/* A time as people read it, in a time zone */
char *
bcd_time_words(TimestampTz at, const char *zone_name)
{
	pg_tz	   *zone = pg_tzset(zone_name);
	pg_time_t	t = timestamptz_to_time_t(at);
	char		words[64];

	pg_strftime(words, sizeof(words), "%a %Y-%m-%d %H:%M %Z", pg_localtime(&t, zone));
	return pstrdup(words);
}

/* Tells when it is, and how to name a time zone if the session has another one than the plan. */
void
bcd_tell_go_live(const BcdCutover *plan)
{
	pg_time_t	at = timestamptz_to_time_t(plan->go_live);
	long		offset = pg_localtime(&at, pg_tzset(plan->zone))->tm_gmtoff;
	struct pg_tm *here = pg_localtime(&at, session_timezone);
	bool		elsewhere = here->tm_gmtoff != offset;
	char		words[64];

	pg_strftime(words, sizeof(words), "%Y-%m-%d %H:%M", here);
	ereport(NOTICE,
			(errmsg("%s goes live at %s, once bcdelta.go() is called", plan->server, bcd_time_words(plan->go_live, plan->zone)),
			 elsewhere ? errhint("A time without a time zone is one of the session's, which is in %s: '%s %s' names one.",
								 pg_get_timezone_name(session_timezone), words, plan->zone) : 0));
}

/* Tells if go-live is at an hour of which people may think otherwise: clocks change in its night. */
void
bcd_tell_clocks(const BcdCutover *plan)
{
	pg_tz	   *zone = pg_tzset(plan->zone);
	pg_time_t	at = timestamptz_to_time_t(plan->go_live);
	pg_time_t	from = at - SECS_PER_DAY / 2;
	pg_time_t	boundary;
	long		before;
	long		after;
	int			isdst;

	if (pg_next_dst_boundary(&from, &before, &isdst, &boundary, &after, &isdst, zone) <= 0 ||
		boundary > at + SECS_PER_DAY / 2)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("clocks change around go-live, which is at %s", bcd_time_words(plan->go_live, plan->zone)),
			 errdetail("At %s, they go %s by %ld minutes.", bcd_time_words(time_t_to_timestamptz(boundary - 1), plan->zone),
					   after > before ? "forward" : "back", labs(after - before) / 60)));
}

/* Names the steps for which there is no time left. */
void
bcd_tell_misfits(const BcdCutover *plan, List *steps, TimestampTz now)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, steps)
	{
		const BcdCutoverStep *s = lfirst(lc);

		if (strcmp(s->state, "skipped") == 0)
			appendStringInfo(&names, "%s%s", names.len > 0 ? "; " : "", s->name);
	}
	if (bcd_freeze_time(plan) < now)
		appendStringInfo(&names, "%sthe freeze begins at once", names.len > 0 ? "; " : "");
	if (names.len > 0)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("go-live is so near that not all steps fit"),
				 errdetail("Left out: %s.", names.data)));
}
