/*
 * matrix.c
 *		Who owns what at each stage, as a table of a paper.
 */
#include "postgres.h"

#include "papers/markdown.h"
#include "papers/runbook.h"
#include "tables/authority_stages.h"

static const char *const stages[] = {"prepare", "freeze", "live", "watch", "closed"};

/* What to read in place of the words of bcdelta.authority */
static const char *const owners[][2] = {
	{"source", "old shop"}, {"store", "new shop"}, {"newest", "the later change"}, {"review", "a person decides"}, {"relative", "both count"},
};

static const char *
owner_words(const char *owner)
{
	int			i;

	for (i = 0; i < lengthof(owners); i++)
		if (strcmp(owners[i][0], owner) == 0)
			return owners[i][1];
	return owner;
}

/* The owners that a stage gives a thing: feeds may have different policies */
static char *
owners_at(const BcdPaper *paper, const BcdStageRule *thing, const char *stage)
{
	StringInfoData words;
	ListCell   *lc;

	initStringInfo(&words);
	foreach(lc, paper->rules)
	{
		const BcdStageRule *r = lfirst(lc);

		if (strcmp(r->stage, stage) != 0 || strcmp(r->resource, thing->resource) != 0 ||
			strcmp(r->field ? r->field : "", thing->field ? thing->field : "") != 0)
			continue;
		appendStringInfo(&words, "%s%s", words.len > 0 ? ", " : "", owner_words(r->owner));
	}
	return words.len > 0 ? words.data : "as the whole";
}

static bool
same_thing(const BcdStageRule *a, const BcdStageRule *b)
{
	return a && strcmp(a->resource, b->resource) == 0 && strcmp(a->field ? a->field : "", b->field ? b->field : "") == 0;
}

/* The rules are sorted by the things that they are about. */
void
bcd_put_matrix(StringInfo out, const BcdPaper *paper)
{
	const BcdStageRule *last = NULL;
	ListCell   *lc;
	int			i;

	if (paper->rules == NIL)
	{
		bcd_md(out, "No table feeds this store yet.\n\n");
		return;
	}
	bcd_md(out, "| |");
	for (i = 0; i < lengthof(stages); i++)
		bcd_md(out, strcmp(paper->stage ? paper->stage : "", stages[i]) == 0 ? " **$ (now)** |" : " $ |", stages[i]);
	bcd_md(out, "\n|---|---|---|---|---|---|\n");
	foreach(lc, paper->rules)
	{
		const BcdStageRule *r = lfirst(lc);

		if (same_thing(last, r))
			continue;
		last = r;
		bcd_md(out, "| $ |", r->field ? psprintf("%s.%s", r->resource, r->field) : r->resource);
		for (i = 0; i < lengthof(stages); i++)
			bcd_md(out, " $ |", owners_at(paper, r, stages[i]));
		bcd_md(out, "\n");
	}
	bcd_md(out, "\n");
}
