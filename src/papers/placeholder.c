/*
 * placeholder.c
 *		What the placeholders of templates stand for.
 *
 * Values that come from people, sources or stores are one line each.  They are
 * put into a template as they are: braces in them mean nothing.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "base/one_line.h"
#include "papers/criterion_words.h"
#include "papers/placeholder.h"
#include "papers/plan_words.h"
#include "tables/authority_stages.h"
#include "tables/journal_report.h"

/* Longer values are cut: a message is read on a phone */
#define MAX_VALUE	300

/* More lines than this are not read */
#define MAX_LINES	15

static char *
line(const char *text)
{
	return bcd_one_line(text, MAX_VALUE);
}

static void
add_line(StringInfo out, const char *text)
{
	appendStringInfo(out, "%s- %s", out->len > 0 ? "\n" : "", text);
}

static char *
step_name(const BcdTongue *t, const BcdStepShown *s)
{
	return line(bcd_tell_step(t, s->name, s->kind, s->detail));
}

/* Who is in charge of what at a stage (NULL: none), one line for each owner */
static char *
authority_at(const BcdPaper *p, const char *stage)
{
	static const struct
	{
		const char *owner;
		BcdPhrase	words;
	}			owners[] = {
		{"source", BCD_SAY_OWNER_SOURCE}, {"store", BCD_SAY_OWNER_STORE}, {"newest", BCD_SAY_OWNER_NEWEST},
		{"review", BCD_SAY_OWNER_REVIEW}, {"relative", BCD_SAY_OWNER_RELATIVE},
	};
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	for (i = 0; i < lengthof(owners); i++)
	{
		StringInfoData things;
		ListCell   *lc;

		initStringInfo(&things);
		foreach(lc, p->rules)
		{
			const BcdStageRule *r = lfirst(lc);

			if (strcmp(r->stage, stage ? stage : "prepare") != 0 || strcmp(r->owner, owners[i].owner) != 0)
				continue;
			appendStringInfo(&things, "%s%s", things.len > 0 ? ", " : "", bcd_tell_resource(p->tongue, r->resource));
			if (r->field)
				appendStringInfo(&things, " (%s)", r->field);
		}
		if (things.len > 0)
			add_line(&out, psprintf("%s: %s", bcd_phrase(p->tongue, owners[i].words), things.data));
	}
	return out.len > 0 ? out.data : psprintf("- %s", bcd_phrase(p->tongue, BCD_SAY_NO_FEED));
}

static char *
authority(BcdPaper *p)
{
	return authority_at(p, p->stage);
}

static char *
authority_live(BcdPaper *p)
{
	return authority_at(p, "live");
}

static char *
by(BcdPaper *p)
{
	const BcdDecisionShown *d = bcd_plan_decision(p);

	return d ? line(d->by) : bcd_phrase(p->tongue, BCD_SAY_NOBODY);
}

/* Why it does not go on */
static char *
cause(BcdPaper *p)
{
	return line(bcd_plan_cause(p));
}

static char *
criteria(BcdPaper *p)
{
	const BcdCriteria *all = bcd_paper_criteria(p);

	if (all->unknown)
		return bcd_phrase(p->tongue, BCD_SAY_CRITERIA_UNKNOWN, line(all->unknown));
	return bcd_phrase(p->tongue, BCD_SAY_CRITERIA, bcd_tell_number(p->tongue, bcd_criteria_count_met(all->rows)), bcd_tell_number(p->tongue, list_length(all->rows)));
}

static char *
rows(const BcdTongue *t, int64 n)
{
	return n == 1 ? bcd_phrase(t, BCD_SAY_ROW) : bcd_phrase(t, BCD_SAY_ROWS, bcd_tell_about(t, n));
}

static char *
estimate(BcdPaper *p)
{
	const BcdEffort *e = bcd_paper_effort(p);

	if (e->unknown)
		return bcd_phrase(p->tongue, BCD_SAY_UNKNOWN, line(e->unknown));
	return bcd_phrase(p->tongue, BCD_SAY_ESTIMATE, bcd_tell_takes(p->tongue, e->seconds), bcd_tell_about(p->tongue, e->calls), rows(p->tongue, e->rows));
}

static char *
pending(BcdPaper *p)
{
	const BcdEffort *e = bcd_paper_effort(p);

	return e->unknown ? bcd_phrase(p->tongue, BCD_SAY_UNKNOWN, line(e->unknown)) : rows(p->tongue, e->rows);
}

static char *
freeze(BcdPaper *p)
{
	return bcd_tell_moment(p->tongue, bcd_plan_stage_at(p, "freeze", p->plan.freeze_at));
}

static char *
freeze_length(BcdPaper *p)
{
	return bcd_tell_duration(p->tongue, p->plan.freeze_seconds);
}

static char *
go_live(BcdPaper *p)
{
	return bcd_tell_moment_zone(p->tongue, p->plan.go_live);
}

static char *
go_live_date(BcdPaper *p)
{
	return bcd_tell_date(p->tongue, p->plan.go_live);
}

static char *
go_live_time(BcdPaper *p)
{
	return bcd_tell_clock(p->plan.go_live);
}

static char *
hours(BcdPaper *p)
{
	return line(p->plan.hours);
}

static char *
last_step(BcdPaper *p)
{
	const BcdStepShown *s = bcd_plan_last_step(p);

	if (s == NULL)
		return bcd_phrase(p->tongue, BCD_SAY_NO_STEP);
	return bcd_phrase(p->tongue, BCD_SAY_STEP_ENDED, step_name(p->tongue, s), bcd_tell_moment(p->tongue, s->done_at), line(s->measured ? s->measured : s->note ? psprintf("%s: %s", s->state, s->note) : s->state));
}

/* In a message of what is to come, the time that is planned */
static char *
live_at(BcdPaper *p)
{
	return bcd_tell_moment_zone(p->tongue, TIMESTAMP_NOT_FINITE(p->plan.went_live_at) ? p->plan.go_live : p->plan.went_live_at);
}

static char *
step_comes(const BcdTongue *t, const BcdStepShown *s)
{
	return bcd_phrase(t, BCD_SAY_STEP_COMES, bcd_tell_moment(t, s->due_at), step_name(t, s));
}

static char *
next_step(BcdPaper *p)
{
	const BcdStepShown *s = bcd_plan_next_step(p);

	return s ? step_comes(p->tongue, s) : bcd_phrase(p->tongue, BCD_SAY_NO_STEP);
}

/* Does it change something?  Who hears of the plan need not know how often it is looked at. */
static bool
is_worth_telling(const BcdStepShown *s)
{
	return strcmp(s->kind, "push") == 0 || strcmp(s->kind, "stage") == 0 || strcmp(s->kind, "check") == 0 || strcmp(s->kind, "go") == 0;
}

static char *
steps(BcdPaper *p)
{
	StringInfoData out;
	int			n = 0;
	ListCell   *lc;

	initStringInfo(&out);
	foreach(lc, p->steps)
	{
		const BcdStepShown *s = lfirst(lc);

		if (bcd_step_is_over(s) || !is_worth_telling(s))
			continue;
		if (++n <= MAX_LINES)
			add_line(&out, step_comes(p->tongue, s));
	}
	if (n > MAX_LINES)
		add_line(&out, bcd_phrase(p->tongue, BCD_SAY_STEPS_MORE, bcd_tell_number(p->tongue, n - MAX_LINES)));
	return n > 0 ? out.data : psprintf("- %s", bcd_phrase(p->tongue, BCD_SAY_NO_STEP));
}

static char *
override(BcdPaper *p)
{
	if (p->plan.override_note == NULL)
		return bcd_phrase(p->tongue, BCD_SAY_NO_OVERRIDE);
	return bcd_phrase(p->tongue, BCD_SAY_OVERRIDE, line(p->plan.override_note));
}

static char *
reason(BcdPaper *p)
{
	const BcdDecisionShown *d = bcd_plan_decision(p);

	return d && d->reason ? line(d->reason) : bcd_phrase(p->tongue, BCD_SAY_NO_REASON);
}

/* The call that takes back what was written since the freeze, and what it takes */
static char *
rollback(BcdPaper *p)
{
	BcdUndoCost cost;

	if (!bcd_plan_undo_all(p, &cost))
		return bcd_phrase(p->tongue, BCD_SAY_NO_ROLLBACK);
	return bcd_phrase(p->tongue, BCD_SAY_ROLLBACK, bcd_call_rollback_since(p, cost.since), bcd_tell_about(p->tongue, cost.records),
					  bcd_tell_about(p->tongue, cost.calls), bcd_tell_takes(p->tongue, bcd_paper_seconds(p, cost.calls)));
}

static char *
server(BcdPaper *p)
{
	return line(p->scope.server);
}

static char *
stage(BcdPaper *p)
{
	return p->stage ? p->stage : bcd_phrase(p->tongue, BCD_SAY_NO_STAGE);
}

static char *
time_zone(BcdPaper *p)
{
	return line(p->plan.time_zone);
}

static char *
unmet(BcdPaper *p)
{
	StringInfoData out;
	int			n = 0;
	ListCell   *lc;

	initStringInfo(&out);
	if (bcd_paper_criteria(p)->unknown)
		return bcd_phrase(p->tongue, BCD_SAY_UNKNOWN, line(bcd_paper_criteria(p)->unknown));
	foreach(lc, bcd_paper_criteria(p)->rows)
	{
		const BcdCheckRow *c = lfirst(lc);

		if (c->met || ++n > MAX_LINES)
			continue;
		add_line(&out, line(psprintf("%s: %s%s%s", bcd_tell_criterion(p->tongue, c->criterion), bcd_tell_found(p->tongue, c), c->next_step ? ": " : "", c->next_step ? c->next_step : "")));
	}
	if (n > MAX_LINES)
		add_line(&out, bcd_phrase(p->tongue, BCD_SAY_STEPS_MORE, bcd_tell_number(p->tongue, n - MAX_LINES)));
	return n > 0 ? out.data : bcd_phrase(p->tongue, BCD_SAY_NOTHING_UNMET);
}

static char *
watch_end(BcdPaper *p)
{
	return bcd_tell_date(p->tongue, p->plan.watch_end);
}

/* Sorted by name */
static const BcdPlaceholder placeholders[] = {
	{"authority", authority},
	{"authority_live", authority_live},
	{"by", by},
	{"cause", cause},
	{"check_call", bcd_call_check},
	{"criteria", criteria},
	{"estimate", estimate},
	{"freeze", freeze},
	{"freeze_length", freeze_length},
	{"go_call", bcd_call_go},
	{"go_live", go_live},
	{"go_live_date", go_live_date},
	{"go_live_time", go_live_time},
	{"hold_call", bcd_call_hold},
	{"hours", hours},
	{"last_step", last_step},
	{"leaks_call", bcd_call_leaks},
	{"live_at", live_at},
	{"move_call", bcd_call_move},
	{"next_step", next_step},
	{"override", override},
	{"pending", pending},
	{"reason", reason},
	{"rollback", rollback},
	{"runbook_call", bcd_call_runbook},
	{"server", server},
	{"sop_call", bcd_call_sop},
	{"stage", stage},
	{"steps", steps},
	{"time_zone", time_zone},
	{"unmet", unmet},
	{"watch_end", watch_end},
};

/* The placeholder of this name, or NULL */
const BcdPlaceholder *
bcd_placeholder(const char *name, int len)
{
	int			i;

	for (i = 0; i < lengthof(placeholders); i++)
		if (strlen(placeholders[i].name) == len && memcmp(placeholders[i].name, name, len) == 0)
			return &placeholders[i];
	return NULL;
}

/* The one whose name is most like this one */
const char *
bcd_placeholder_like(const char *name, int len)
{
	const char *best = placeholders[0].name;
	int			least = INT_MAX;
	int			i;

	/* varstr_levenshtein() takes no more than 255 characters */
	len = pg_mbcliplen(name, len, 60);
	name = asc_tolower(name, len);
	for (i = 0; i < lengthof(placeholders); i++)
	{
		const char *other = placeholders[i].name;
		int			distance = varstr_levenshtein(name, len, other, strlen(other), 1, 1, 1, false);

		if (distance < least)
		{
			least = distance;
			best = other;
		}
	}
	return best;
}

/* All names, for a hint */
char *
bcd_placeholder_names(void)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < lengthof(placeholders); i++)
		appendStringInfo(&names, "%s%s", i ? ", " : "", placeholders[i].name);
	return names.data;
}
