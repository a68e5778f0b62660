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

/* Returns which criteria that were met when somebody answered are surely not any more; NULL: none. */
static char *
worse_since(const char *server, const BcdSignature *s)
{
	StringInfoData words;
	ListCell   *lc;

	initStringInfo(&words);
	foreach(lc, s->met)
	{
		BcdFact		fact;

		if (bcd_fact_read(server, lfirst(lc), &fact) && fact.known && !fact.met)
			appendStringInfo(&words, "%s%s", words.len > 0 ? ", " : "", (char *) lfirst(lc));
	}
	return words.len > 0 ? words.data : NULL;
}

static void
look(void *server)
{
	List	   *signatures = bcd_signatures_of(server);
	ListCell   *lc;

	foreach(lc, signatures)
	{
		const BcdSignature *s = lfirst(lc);
		char	   *worse;

		if (s->ended || s->lapsed)
			continue;
		worse = worse_since(server, s);
		if (worse)
			bcd_signature_lapsed(server, s->criterion, worse);
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
