/*
 * tongue.c
 *		Numbers, times and words in the language of a reader.
 *
 * Times are in the session's time zone, which is that of the plan while a paper
 * is written.  Numbers are rounded as people say them.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "papers/tongue.h"

static const BcdTongue tongues[] = {
	{
		"en", ",",
		{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
		"$ $ $", "$ $, $$",
		{"under a minute", "1 minute", "$ minutes"}, {"1 hour", "$ hours"}, {"1 day", "$ days"},
		{
			[BCD_SAY_NOBODY] = "somebody",
			[BCD_SAY_NO_CAUSE] = "none is recorded",
			[BCD_SAY_NO_REASON] = "no reason is recorded",
			[BCD_SAY_NO_STEP] = "none",
			[BCD_SAY_NOTHING_UNMET] = "Nothing speaks against it.",
			[BCD_SAY_HELD] = "held: $",
			[BCD_SAY_HELD_FROM_START] = "it waits for somebody who says go",
			[BCD_SAY_STEP_FAILED] = "step $ ($) failed: $",
			[BCD_SAY_STEP_MISSED] = "step $ ($) was missed: $",
			[BCD_SAY_STEP_ENDED] = "$, $: $",
			[BCD_SAY_STEP_COMES] = "$, $",
			[BCD_SAY_STEPS_MORE] = "and $ more",
			[BCD_SAY_CRITERIA] = "$ of $ criteria are met.",
			[BCD_SAY_CRITERIA_UNKNOWN] = "Whether the criteria are met is not known: $",
			[BCD_SAY_UNKNOWN] = "not known ($)",
			[BCD_SAY_OVERRIDE] = "Not all criteria were met; the reason for going on: $",
			[BCD_SAY_NO_OVERRIDE] = "Nobody has overruled the criteria.",
			[BCD_SAY_ABOUT] = "about $",
			[BCD_SAY_ESTIMATE] = "$ ($ calls for $)",
			[BCD_SAY_NO_FEED] = "nothing: no table feeds this store",
			[BCD_SAY_ROWS] = "$ rows",
			[BCD_SAY_ROW] = "1 row",
			[BCD_SAY_ROLLBACK] = "$ (records: $, calls: about $, $)",
			[BCD_SAY_NO_ROLLBACK] = "nothing has been written that could be undone",
			[BCD_SAY_NO_STAGE] = "none",
			[BCD_SAY_OWNER_SOURCE] = "the old shop",
			[BCD_SAY_OWNER_STORE] = "the new shop",
			[BCD_SAY_OWNER_NEWEST] = "whoever has changed it last",
			[BCD_SAY_OWNER_REVIEW] = "the old shop; a person decides where both have changed something",
			[BCD_SAY_OWNER_RELATIVE] = "both shops, which count what each sells",
		}
	},
	{
		"de", ".",
		{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
		{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
		"$. $ $", "$, $, $ Uhr$",
		{"unter einer Minute", "1 Minute", "$ Minuten"}, {"1 Stunde", "$ Stunden"}, {"1 Tag", "$ Tage"},
		{
			[BCD_SAY_NOBODY] = "unbekannt",
			[BCD_SAY_NO_CAUSE] = "keine vermerkt",
			[BCD_SAY_NO_REASON] = "kein Grund vermerkt",
			[BCD_SAY_NO_STEP] = "keiner",
			[BCD_SAY_NOTHING_UNMET] = "Nichts spricht dagegen.",
			[BCD_SAY_HELD] = "angehalten: $",
			[BCD_SAY_HELD_FROM_START] = "es fehlt die Freigabe",
			[BCD_SAY_STEP_FAILED] = "Schritt $ ($) ist gescheitert: $",
			[BCD_SAY_STEP_MISSED] = "Schritt $ ($) wurde versäumt: $",
			[BCD_SAY_STEP_ENDED] = "$, $: $",
			[BCD_SAY_STEP_COMES] = "$: $",
			[BCD_SAY_STEPS_MORE] = "und $ weitere",
			[BCD_SAY_CRITERIA] = "$ von $ Kriterien sind erfüllt.",
			[BCD_SAY_CRITERIA_UNKNOWN] = "Ob die Kriterien erfüllt sind, ist nicht bekannt: $",
			[BCD_SAY_UNKNOWN] = "nicht bekannt ($)",
			[BCD_SAY_OVERRIDE] = "Nicht alle Kriterien waren erfüllt; trotzdem weiter, weil: $",
			[BCD_SAY_NO_OVERRIDE] = "Niemand hat sich über die Kriterien hinweggesetzt.",
			[BCD_SAY_ABOUT] = "etwa $",
			[BCD_SAY_ESTIMATE] = "$ ($ Anfragen für $)",
			[BCD_SAY_NO_FEED] = "keiner: Keine Tabelle speist diesen Shop",
			[BCD_SAY_ROWS] = "$ Zeilen",
			[BCD_SAY_ROW] = "1 Zeile",
			[BCD_SAY_ROLLBACK] = "$ (Datensätze: $, Anfragen: etwa $, $)",
			[BCD_SAY_NO_ROLLBACK] = "es ist nichts geschrieben, das zurückzunehmen wäre",
			[BCD_SAY_NO_STAGE] = "keine",
			[BCD_SAY_OWNER_SOURCE] = "der alte Shop",
			[BCD_SAY_OWNER_STORE] = "der neue Shop",
			[BCD_SAY_OWNER_NEWEST] = "wer zuletzt geändert hat",
			[BCD_SAY_OWNER_REVIEW] = "der alte Shop; wo beide etwas geändert haben, entscheidet ein Mensch",
			[BCD_SAY_OWNER_RELATIVE] = "beide Shops, die zählen, was jeder verkauft",
		}
	},
};

/* Resources as people call them */
static const struct
{
	const char *resource;
	const char *words[lengthof(tongues)];
}			resource_words[] = {
	{"brand", {"brands", "Marken"}},
	{"brand_metafield", {"metafields of brands", "Metafelder von Marken"}},
	{"category", {"categories", "Kategorien"}},
	{"category_assignment", {"the categories of products", "Kategorien der Artikel"}},
	{"category_metafield", {"metafields of categories", "Metafelder von Kategorien"}},
	{"channel_assignment", {"the channels of products", "Kanäle der Artikel"}},
	{"customer", {"customers", "Kunden"}},
	{"customer_address", {"addresses of customers", "Kundenadressen"}},
	{"customer_attribute", {"attributes of customers", "Kundenattribute"}},
	{"customer_attribute_value", {"values of customer attributes", "Werte von Kundenattributen"}},
	{"customer_group", {"customer groups", "Kundengruppen"}},
	{"customer_metafield", {"metafields of customers", "Metafelder von Kunden"}},
	{"inventory", {"stock", "Bestände"}},
	{"location", {"locations", "Standorte"}},
	{"price_list", {"price lists", "Preislisten"}},
	{"price_list_assignment", {"price lists of customer groups", "Preislisten von Kundengruppen"}},
	{"price_record", {"prices in price lists", "Preise in Preislisten"}},
	{"product", {"products", "Artikel"}},
	{"product_metafield", {"metafields of products", "Metafelder von Artikeln"}},
	{"redirect", {"redirects", "Weiterleitungen"}},
	{"variant", {"variants", "Varianten"}},
	{"variant_metafield", {"metafields of variants", "Metafelder von Varianten"}},
};

/* Steps of a plan, whose names are in English, by kind and detail (NULL: any) */
static const struct
{
	const char *kind;
	const char *detail;
	const char *words[lengthof(tongues)];
}			step_words[] = {
	{"push", NULL, {NULL, "Abgleich"}},
	{"verify", "full", {NULL, "vollständiger Vergleich"}},
	{"verify", "changed", {NULL, "Vergleich der Änderungen"}},
	{"verify", "sample", {NULL, "Vergleich einer Stichprobe"}},
	{"verify", NULL, {NULL, "Vergleich"}},
	{"estimate", NULL, {NULL, "Probe: Aufwand eines Abgleichs"}},
	{"rollback", NULL, {NULL, "Probe: der Rückweg"}},
	{"check", NULL, {NULL, "Prüfung der Kriterien"}},
	{"go", NULL, {NULL, "Freigabe"}},
	{"stage", "prepare", {NULL, "die Vorbereitung beginnt"}},
	{"stage", "freeze", {NULL, "der Änderungsstopp beginnt"}},
	{"stage", "live", {NULL, "der neue Shop öffnet"}},
	{"stage", "watch", {NULL, "der alte Shop sieht nur noch zu"}},
	{"stage", "closed", {NULL, "der Umzug ist abgeschlossen"}},
};

/* The language, or the one with its name before a "-"; NULL: it is not known. */
const BcdTongue *
bcd_tongue_known(const char *language)
{
	size_t		len = strcspn(language, "-");
	int			i;

	for (i = 0; i < lengthof(tongues); i++)
		if (strlen(tongues[i].language) == len && strncmp(tongues[i].language, language, len) == 0)
			return &tongues[i];
	return NULL;
}

/* The same; values in a text of another language are as in English. */
const BcdTongue *
bcd_tongue(const char *language)
{
	const BcdTongue *known = bcd_tongue_known(language);

	return known ? known : &tongues[0];
}

/* Words of this file, which are in UTF-8, in the encoding of the database */
static char *
words(const char *utf8)
{
	return pg_any_to_server(utf8, strlen(utf8), PG_UTF8);
}

/* Puts a text in the place of each $ of a pattern; what is in a text stays as it is. */
char *
bcd_compose(const char *pattern, const char *const *texts, int n)
{
	StringInfoData out;
	int			i = 0;

	initStringInfo(&out);
	pattern = words(pattern);
	for (; *pattern; pattern++)
	{
		if (*pattern != '$')
			appendStringInfoChar(&out, *pattern);
		else if (i < n)
			appendStringInfoString(&out, texts[i++]);
	}
	Assert(i == n);
	return out.data;
}

#define compose(pattern, ...) \
	bcd_compose(pattern, (const char *const[]) {__VA_ARGS__}, lengthof(((const char *const[]) {__VA_ARGS__})))

/* 1204 -> 1,204 */
char *
bcd_tell_number(const BcdTongue *t, int64 n)
{
	char	   *digits = psprintf(INT64_FORMAT, n);
	int			left = strlen(digits);
	StringInfoData text;

	initStringInfo(&text);
	for (; left > 0; left--)
	{
		appendStringInfoChar(&text, *digits++);
		if (left % 3 == 1 && left > 1 && digits[-1] != '-')
			appendStringInfoString(&text, t->separator);
	}
	return text.data;
}

/* 8943 -> 8,940: three digits are enough for people. */
char *
bcd_tell_about(const BcdTongue *t, int64 n)
{
	double		unit = 1;

	while (n / unit >= 1000)
		unit *= 10;
	return bcd_tell_number(t, (int64) (rint(n / unit) * unit));
}

static char *
count(const BcdTongue *t, const char *const *one_many, int64 n)
{
	return n == 1 ? pstrdup(one_many[0]) : compose(one_many[1], bcd_tell_number(t, n));
}

/* Minutes, from an hour on in steps of five, from two days on whole days; rounded up */
char *
bcd_tell_duration(const BcdTongue *t, double seconds)
{
	int64		minutes = (int64) ceil(Min(Max(seconds, 0), 1e10) / 60);

	if (seconds < 60)
		return pstrdup(seconds > 59 ? t->minutes[1] : t->minutes[0]);
	if (minutes < 60)
		return count(t, t->minutes + 1, minutes);
	minutes = (minutes + 4) / 5 * 5;
	if (minutes % 1440 == 0 || minutes >= 2 * 1440)
		return count(t, t->days_of, (minutes + 1439) / 1440);
	if (minutes % 60 == 0)
		return count(t, t->hours, minutes / 60);
	return psprintf("%s %s", count(t, t->hours, minutes / 60), count(t, t->minutes + 1, minutes % 60));
}

/* The same as an estimate: about 12 minutes */
char *
bcd_tell_takes(const BcdTongue *t, double seconds)
{
	char	   *duration = bcd_tell_duration(t, seconds);

	return seconds < 60 ? duration : bcd_phrase(t, BCD_SAY_ABOUT, duration);
}

static struct pg_tm
local(TimestampTz at, const char **zone)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;

	if (TIMESTAMP_NOT_FINITE(at) || timestamp2tm(at, &tz, &tm, &fsec, zone, NULL) != 0)
		memset(&tm, 0, sizeof(tm));
	if (tm.tm_mon < 1 || tm.tm_mon > 12)
		tm.tm_mon = 1;
	return tm;
}

/* 16 January 2027 */
char *
bcd_tell_date(const BcdTongue *t, TimestampTz at)
{
	struct pg_tm tm = local(at, NULL);

	return compose(t->date, psprintf("%d", tm.tm_mday), words(t->months[tm.tm_mon - 1]), psprintf("%d", tm.tm_year));
}

/* Sat 16 Jan 2027 */
char *
bcd_tell_day(const BcdTongue *t, TimestampTz at)
{
	struct pg_tm tm = local(at, NULL);

	return psprintf("%.3s %d %.3s %d", t->days[j2day(date2j(tm.tm_year, tm.tm_mon, tm.tm_mday))], tm.tm_mday, t->months[tm.tm_mon - 1], tm.tm_year);
}

/* 05:10 */
char *
bcd_tell_clock(TimestampTz at)
{
	struct pg_tm tm = local(at, NULL);

	return psprintf("%02d:%02d", tm.tm_hour, tm.tm_min);
}

static char *
moment(const BcdTongue *t, TimestampTz at, const char *zone)
{
	struct pg_tm tm = local(at, NULL);

	return compose(t->moment, t->days[j2day(date2j(tm.tm_year, tm.tm_mon, tm.tm_mday))], bcd_tell_date(t, at), bcd_tell_clock(at), zone);
}

/* Saturday 16 January 2027, 05:10 */
char *
bcd_tell_moment(const BcdTongue *t, TimestampTz at)
{
	return moment(t, at, "");
}

/* Saturday 16 January 2027, 05:10 CET (Europe/Berlin) */
char *
bcd_tell_moment_zone(const BcdTongue *t, TimestampTz at)
{
	const char *name = pg_get_timezone_name(session_timezone);
	const char *zone = NULL;

	(void) local(at, &zone);
	if (zone == NULL || strcmp(zone, name) == 0)
		return moment(t, at, psprintf(" %s", name));
	return moment(t, at, psprintf(" %s (%s)", zone, name));
}

/* The records of a resource, as people call them */
const char *
bcd_tell_resource(const BcdTongue *t, const char *resource)
{
	int			i;

	for (i = 0; i < lengthof(resource_words); i++)
		if (strcmp(resource_words[i].resource, resource) == 0)
			return words(resource_words[i].words[t - tongues]);
	return resource;
}

/* A step of a plan, in words */
char *
bcd_tell_step(const BcdTongue *t, const char *name, const char *kind, const char *detail)
{
	int			i;

	for (i = 0; i < lengthof(step_words); i++)
		if (strcmp(step_words[i].kind, kind) == 0 && step_words[i].words[t - tongues] &&
			(step_words[i].detail == NULL || (detail && strcmp(step_words[i].detail, detail) == 0)))
			return words(step_words[i].words[t - tongues]);
	return pstrdup(name);
}
