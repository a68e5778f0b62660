/*
 * authority_stages.h
 *		Who owns what at each stage of the cutover, for papers.
 */
#ifndef BCD_TABLE_AUTHORITY_STAGES_H
#define BCD_TABLE_AUTHORITY_STAGES_H

#include "nodes/pg_list.h"

/* What a stage says of the records of a feed, or of a field of them */
typedef struct BcdStageRule
{
	char	   *stage;			/* "" for the stages before the cutover, which
								 * leave it to the feeds */
	char	   *resource;
	char	   *field;			/* NULL: the records as a whole */
	char	   *owner;			/* source, store, newest, review, relative */
	char	   *note;			/* NULL: none */
	bool		by_feed;		/* the policy of the feed says so */
} BcdStageRule;

extern List *bcd_stage_rules(const char *server);

#endif							/* BCD_TABLE_AUTHORITY_STAGES_H */
