/*
 * feed_proof.h
 *		Proofs, as a report shows them.
 */
#ifndef BCD_TABLE_FEED_PROOF_H
#define BCD_TABLE_FEED_PROOF_H

#include "tables/report_scope.h"

/* What is known of a resource */
typedef struct BcdProofShown
{
	char	   *resource;
	char	   *sentence;
	TimestampTz proven_at;		/* -infinity: nothing is known */
	int64		records;
	int64		different;
	int64		strangers;
	int64		run_id;
} BcdProofShown;

extern uint64 bcd_proofs_shown(const BcdScope *scope);
extern void bcd_proofs_shown_row(uint64 i, BcdProofShown *proof);

#endif							/* BCD_TABLE_FEED_PROOF_H */
