/*
 * criterion_words.c
 *		What go_live_check() has found, in the language of a reader.
 *
 * It answers in English.  Criteria keep their names in any language, since
 * calls need them; those that come with bcdelta are explained, and what it
 * found for them is translated as far as its pattern is known here.  A pattern
 * that the view go_live_fact has and this file lacks stays in English.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "papers/criterion_words.h"

#define MAX_TEXTS	4

typedef struct Words
{
	const char *english;
	const char *german;
} Words;

static const Words names[] = {
	{"pending", "ausstehende Änderungen"},
	{"failed", "abgewiesene Zeilen"},
	{"deferred", "Zeilen, die auf andere warten"},
	{"conflicts", "offene Konflikte"},
	{"verified", "vollständiger Vergleich"},
	{"proof", "letzter Vergleich"},
	{"differences", "Unterschiede"},
	{"silent_edits", "nicht datierte Änderungen im neuen Shop"},
	{"capture", "Erfassung der Änderungen"},
	{"feeds", "Feeds"},
	{"mappings", "Zuordnungen"},
	{"store", "neuer Shop"},
	{"token", "Zugang zum neuen Shop"},
	{"quota_taken", "Anteil anderer Apps"},
	{"refusals", "zurückgewiesene Anfragen"},
	{"estimate", "Dauer des letzten Abgleichs"},
	{"leaks", "Änderungen trotz Änderungsstopp"},
	{"worker", "Worker"},
	{"clock", "Uhr des neuen Shops"},
	{"undo", "Aufbewahrung für den Rückweg"},
	{"afterwards", "Vergleiche nach der Öffnung"},
	{"disk", "freier Speicherplatz"},
	{"stock", "ungeklärte Bestände"},
	{"rehearsal", "Probe des Rückwegs"},
	{"dns", "DNS"},
	{"payment", "Bezahlung"},
	{"shipping", "Versandkosten und Steuern"},
	{"mails", "Mails an Kunden"},
	{"contingency", "Entscheidung über den Rückweg"},
	{"staff", "Absprache mit allen Beteiligten"},
};

/* $ stands for what differs; the more special pattern first */
static const Words found[] = {
	{"no-go", "nicht erfüllt"},
	{"unknown", "nicht bekannt"},
	{"nothing", "nichts"},
	{"none", "keine"},
	{"everywhere", "überall"},
	{"valid", "gültig"},
	{"running", "läuft"},
	{"no trouble", "keine Störung"},
	{"no feed is tracked", "es gibt keinen Feed"},
	{"no freeze is planned", "kein Änderungsstopp ist geplant"},
	{"quantities are set, not counted", "Mengen werden gesetzt, nicht gezählt"},
	{"$ rows in about $ seconds: until $", "$ Zeilen in etwa $ Sekunden: bis $"},
	{"1 row, the oldest since $", "1 Zeile, seit $"},
	{"$ rows, the oldest since $", "$ Zeilen, die älteste seit $"},
	{"1 row differs: $", "1 Zeile weicht ab: $"},
	{"$ rows differ: $", "$ Zeilen weichen ab: $"},
	{"1 row", "1 Zeile"},
	{"$ rows", "$ Zeilen"},
	{"$ open", "$ offen"},
	{"$ so far", "bisher $"},
	{"$ active", "$ aktiv"},
	{"$ of $ resources were never compared", "$ von $ Ressourcen wurden nie verglichen"},
	{"$ of $ requests", "$ von $ Anfragen"},
	{"the oldest of $", "der älteste von $"},
	{"accepted at $", "angenommen am $"},
	{"1 change, at $: $", "1 Änderung, am $: $"},
	{"$ changes, the last at $: $", "$ Änderungen, die letzte am $: $"},
	{"$ steps of the plan, $ schedules", "$ Schritte des Plans, $ Zeitpläne"},
	{"$ units more than there should be, $ differences in doubt", "$ Stück zu viel, $ Differenzen ungewiss"},
	{"$ seconds", "$ Sekunden"},
	{"$ days", "$ Tage"},
	{"of $", "vom $"},
	{"all $ feeds: $", "alle $ Feeds: $"},
	{"feeds $: $", "Feeds $: $"},
	{"feed $: $", "Feed $: $"},
};

static char *
here(const char *utf8)
{
	return pg_any_to_server(utf8, strlen(utf8), PG_UTF8);
}

static bool
is_german(const BcdTongue *t)
{
	return strcmp(t->language, "de") == 0;
}

/* Does a text fit a pattern?  What stands for each $ is in texts. */
static bool
fits(const char *text, const char *pattern, char **texts, int *n)
{
	*n = 0;
	while (*pattern)
	{
		const char *next;
		const char *end;
		char	   *literal;

		if (*pattern != '$')
		{
			if (*text ++!= *pattern++)
				return false;
			continue;
		}
		pattern++;
		next = pattern + strcspn(pattern, "$");
		literal = pnstrdup(pattern, next - pattern);
		end = *literal ? strstr(text, literal) : text +strlen(text);

		/* the last words of a pattern end the text */
		if (*literal && *next == '\0')
			end = strlen(text) >= strlen(literal) ? text +strlen(text) - strlen(literal) : NULL;

		if (end == NULL || end == text ||strncmp(end, literal, strlen(literal)) != 0 || *n == MAX_TEXTS)
			return false;
		texts[(*n)++] = pnstrdup(text, end - text);
		text = end + strlen(literal);

		pattern = next;
	}
	return *text == '\0';
}

/* A criterion: what it is about, and its name */
char *
bcd_tell_criterion(const BcdTongue *t, const char *name)
{
	int			i;

	for (i = 0; is_german(t) && i < lengthof(names); i++)
		if (strcmp(names[i].english, name) == 0)
			return psprintf("%s (%s)", here(names[i].german), name);
	return pstrdup(name);
}

/* What was found for a criterion, or its verdict if nothing was */
char *
bcd_tell_found(const BcdTongue *t, const BcdCheckRow *c)
{
	const char *text = c->found ? c->found : c->verdict;
	char	   *texts[MAX_TEXTS];
	int			n;
	int			i;

	for (i = 0; is_german(t) && i < lengthof(found); i++)
		if (fits(text, found[i].english, texts, &n))
			return bcd_compose(found[i].german, (const char *const *) texts, n);
	return pstrdup(text);
}
