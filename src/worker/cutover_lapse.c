/*
 * cutover_lapse.c
 *		Signatures end when what they rested on gets worse, whether or not
 *		anybody looks at it then.
 *
 * go_live_check() notes that as well, and for criteria that are queries of
 * people only it does: their code does not run here.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/attempt.h"
#include "tables/criterion.h"
#include "tables/signature.h"
#include "worker/cutover_lapse.h"

static bool
is_among(const List *names, const char *name)
{
	const ListCell *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
		return true;
	return false;
}

/* Returns the criteria on which signatures rest that count, each once. */
static List *
rested_on(const List *signatures)
{
	List	   *names = NIL;
	const ListCell *lc;
	const ListCell *name;

	foreach(lc, signatures)
	{
		const BcdSignature *s = lfirst(lc);

		foreach(name, s->ended || s->lapsed ? NIL : s->met)
			if (!is_among(names, lfirst(name)))
			names = lappend(names, lfirst(name));
	}
	return names;
}

/* Returns which of some criteria are surely not met; each is measured once, since that may take a while. */
static List *
unmet(const char *server, const List *names)
{
	List	   *list = NIL;
	const ListCell *lc;

	foreach(lc, names)
	{
		BcdFact		fact;

		if (bcd_fact_read(server, lfirst(lc), &fact) && fact.known && !fact.met)
			list = lappend(list, lfirst(lc));
	}
	return list;
}

static void
look(void *server)
{
	List	   *signatures = bcd_signatures_of(server);
	List	   *worse = unmet(server, rested_on(signatures));
	ListCell   *lc;
	ListCell   *name;

	foreach(lc, worse == NIL ? NIL : signatures)
	{
		const BcdSignature *s = lfirst(lc);
		StringInfoData words;

		initStringInfo(&words);
		foreach(name, s->met)
			if (is_among(worse, lfirst(name)))
			appendStringInfo(&words, "%s%s", words.len > 0 ? ", " : "", (char *) lfirst(name));
		if (words.len > 0 && !s->ended && !s->lapsed)
			bcd_signature_lapsed(server, s->criterion, words.data);
	}
}

/*
 * Ends the signatures of a store that rest on what is not met any more. What
 * cannot be measured ends none.
 *
 * Called by the worker in a transaction, with SPI connected.
 */
void
bcd_signatures_lapse(const char *server)
{
	(void) bcd_attempt(look, unconstify(char *, server));
}
