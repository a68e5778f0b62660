/*
 * feed_proof.c
 *		Proofs, as a report shows them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/feed_proof.h"
#include "tables/report_scope.h"

static BcdStatement proofs = {
	"SELECT p.resource, p.sentence, p.proven_at, p.records, p.different, p.strangers, p.run_id FROM bcdelta.proof AS p"
	" WHERE p.server = $1 AND p.resource IN (SELECT f.resource FROM bcdelta.feed AS f WHERE f.server = $1 AND " BCD_SCOPE_SEES("f.feed") ")"
	" ORDER BY p.different > 0 OR p.strangers > 0 DESC, p.run_id IS NULL, p.records DESC, p.resource",
	BCD_SCOPE_ARGS
};

/* What is known of each resource; returns their number for bcd_proofs_shown_row(). */
uint64
bcd_proofs_shown(const BcdScope *scope)
{
	return bcd_scope_select(&proofs, scope);
}

void
bcd_proofs_shown_row(uint64 i, BcdProofShown *p)
{
	p->resource = bcd_column_text(i, 1);
	p->sentence = bcd_column_text(i, 2);
	p->proven_at = bcd_column_time(i, 3);
	p->records = bcd_column_int64(i, 4, NULL);
	p->different = bcd_column_int64(i, 5, NULL);
	p->strangers = bcd_column_int64(i, 6, NULL);
	p->run_id = bcd_column_int64(i, 7, NULL);
}
