/*
 * tongue.h
 *		Numbers, times and words in the language of a reader.
 */
#ifndef BCD_TONGUE_H
#define BCD_TONGUE_H

#include "datatype/timestamp.h"

/* Words that are put together with values; each $ stands for one */
typedef enum BcdPhrase
{
	BCD_SAY_NOBODY,
	BCD_SAY_NO_CAUSE,
	BCD_SAY_NO_REASON,
	BCD_SAY_NO_STEP,
	BCD_SAY_NOTHING_UNMET,
	BCD_SAY_HELD,
	BCD_SAY_HELD_FROM_START,
	BCD_SAY_STEP_FAILED,
	BCD_SAY_STEP_MISSED,
	BCD_SAY_STEP_ENDED,
	BCD_SAY_STEP_COMES,
	BCD_SAY_STEPS_MORE,
	BCD_SAY_CRITERIA,
	BCD_SAY_CRITERIA_UNKNOWN,
	BCD_SAY_UNKNOWN,
	BCD_SAY_OVERRIDE,
	BCD_SAY_NO_OVERRIDE,
	BCD_SAY_ABOUT,
	BCD_SAY_ESTIMATE,
	BCD_SAY_NO_FEED,
	BCD_SAY_ROWS,
	BCD_SAY_ROW,
	BCD_SAY_ROLLBACK,
	BCD_SAY_NO_ROLLBACK,
	BCD_SAY_NO_STAGE,
	BCD_SAY_OWNER_SOURCE,
	BCD_SAY_OWNER_STORE,
	BCD_SAY_OWNER_NEWEST,
	BCD_SAY_OWNER_REVIEW,
	BCD_SAY_OWNER_RELATIVE,
	BCD_SAY_LAST
} BcdPhrase;

typedef struct BcdTongue
{
	const char *language;
	const char *separator;		/* of thousands */
	const char *days[7];
	const char *months[12];
	const char *date;			/* day and month stand for $ */
	const char *moment;			/* day of the week, date, hours, zone */
	const char *minutes[3];		/* none, one, many */
	const char *hours[2];
	const char *days_of[2];
	const char *phrases[BCD_SAY_LAST];
} BcdTongue;

extern const BcdTongue *bcd_tongue(const char *language);
extern const BcdTongue *bcd_tongue_known(const char *language);

extern char *bcd_compose(const char *pattern, const char *const *texts, int n);
#define bcd_phrase(t, phrase, ...) \
	bcd_compose((t)->phrases[phrase], (const char *const[]) {NULL, __VA_ARGS__} + 1, lengthof(((const char *const[]) {NULL, __VA_ARGS__})) - 1)

extern char *bcd_tell_number(const BcdTongue *t, int64 n);
extern char *bcd_tell_about(const BcdTongue *t, int64 n);
extern char *bcd_tell_duration(const BcdTongue *t, double seconds);
extern char *bcd_tell_takes(const BcdTongue *t, double seconds);
extern char *bcd_tell_date(const BcdTongue *t, TimestampTz at);
extern char *bcd_tell_day(const BcdTongue *t, TimestampTz at);
extern char *bcd_tell_clock(TimestampTz at);
extern char *bcd_tell_moment(const BcdTongue *t, TimestampTz at);
extern char *bcd_tell_moment_zone(const BcdTongue *t, TimestampTz at);
extern char *bcd_tell_step(const BcdTongue *t, const char *name, const char *kind, const char *detail);
extern const char *bcd_tell_resource(const BcdTongue *t, const char *resource);

#endif							/* BCD_TONGUE_H */
