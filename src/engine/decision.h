/*
 * decision.h
 *		What will become of an item, and the words for it: its stage, why it is
 *		looked up, what happens to its link and its pending row.
 */
#ifndef BCD_ENGINE_DECISION_H
#define BCD_ENGINE_DECISION_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "resource/resource.h"
#include "tables/outcome.h"

typedef enum BcdStage
{
	BCD_LOOKUP,					/* find the record by its natural key */
	BCD_READ,					/* read the record by its id */
	BCD_BELOW,					/* read what the record does not show */
	BCD_RECHECK,				/* the row is gone: is its record linked? */
	BCD_TURN,					/* wait until unique values can be written */
	BCD_CREATE,
	BCD_UPDATE,
	BCD_REMOVE,
	BCD_FACET,					/* write the second facet of the record; each
								 * further facet has its own stages: stage.c */
	BCD_STAGES = BCD_FACET + 5 * (BCD_MAX_FACETS - 1),
	BCD_CLAIM = BCD_STAGES		/* no queue: where new items come from */
} BcdStage;

/* Is this the stage of a facet other than the first? */
#define BCD_IS_FACET(stage)	((stage) >= BCD_FACET && (stage) < BCD_STAGES)

/* Why an item is looked up, or was last looked up */
typedef enum BcdLookupReason
{
	BCD_REASON_RECORD,			/* find its record, by its own key */
	BCD_REASON_LOST_CREATE,		/* find the record of a create whose reply was
								 * lost, by the key it had then */
	BCD_REASON_RECORD_GONE,		/* its record no longer exists */
	BCD_REASON_REFUSED_CREATE,	/* its create was refused: find the record
								 * that has its key, maybe its own */
	BCD_REASON_KEY_HOLDER,		/* its update was refused: who has its key? */
	BCD_REASON_NEXT_HOLDER		/* nobody: who has its next natural key? */
} BcdLookupReason;

typedef enum BcdLinkAction
{
	BCD_LINK_KEEP,
	BCD_LINK_PUT,				/* link to store_id, with payload known */
	BCD_LINK_FORGET,			/* what the store holds is unknown */
	BCD_LINK_FORGET_FACET,		/* the same, for the facet that was written */
	BCD_LINK_HIDING,			/* the record is about to be hidden */
	BCD_LINK_ASIDE,				/* the record is about to give up aside */
	BCD_LINK_TRUST,				/* the record was not adjusted: adjust.c */
	BCD_LINK_REMOVE
} BcdLinkAction;

typedef enum BcdPendingAction
{
	BCD_PENDING_KEEP,			/* still in flight, or not ours to change */
	BCD_PENDING_DONE,
	BCD_PENDING_WAIT,			/* until delay_ms from now */
	BCD_PENDING_DEFER,
	BCD_PENDING_FAIL,
	BCD_PENDING_REVIEW,
	BCD_PENDING_READY
} BcdPendingAction;

/* What an item's next update is for */
typedef enum BcdUpdatePurpose
{
	BCD_PURPOSE_ROW,			/* make its record agree with its row */
	BCD_PURPOSE_GIVE_WAY,		/* give up a natural key, so that another row
								 * can have it */
	BCD_PURPOSE_PUT_BACK,		/* restore what it has given up, and then
								 * carry out its final decision */
	BCD_PURPOSE_IDENTIFY,		/* the same, but only what other rows wait for */
	BCD_PURPOSE_LET_GO			/* make the record of a row that is gone give
								 * up what another row needs */
} BcdUpdatePurpose;

/* What an item is doing to find out what the store keeps: see nested.c */
typedef enum BcdAsking
{
	BCD_ASKS_NOTHING,
	BCD_ASKS_READ,				/* its record is read ... */
	BCD_ASKS_WRITE,				/* ... and written ... */
	BCD_ASKS_CHECK,				/* ... and read once more */
	BCD_ASKS_NO_MORE			/* a decision: it is done */
} BcdAsking;

/* What is known of an item's record */
typedef struct BcdItemRecord
{
	int64		store_id;
	bool		linked;
	bool		looked_up;
	bool		unsure;
	Jsonb	   *known;
	Jsonb	   *remembered;
	Jsonb	   *sent;
	Jsonb	   *was;
	Jsonb	   *kept;
	Jsonb	   *image;
	Jsonb	   *aside;
	Jsonb	   *doubt;
	bool		in_doubt;
} BcdItemRecord;

/*
 * What will become of an item.  The code that reads replies writes this and
 * nothing else in the item; it is committed first, and then taken over by the
 * item.
 */
typedef struct BcdDecision
{
	bool		made;
	bool		leaves;			/* the item leaves the run */
	bool		postponed;		/* left to the next claim, without a decision */
	BcdStage	next;			/* if it stays: its next stage */
	BcdLookupReason lookup_reason;
	char	   *natural;		/* the key it is looked up by from now on;
								 * NULL: unchanged */
	int			natural_index;
	bool		clashes;		/* after a refusal, which error and status
								 * describe */
	bool		has_record;		/* record below replaces what is known:
								 * another record, or more of it */
	BcdItemRecord record;
	bool		exchanged;		/* with another row's: what was known is void */
	Jsonb	   *body;			/* sent by the next request; NULL: unchanged */
	Jsonb	   *repeated;		/* see the item; NULL: unchanged */
	bool		has_tasks;		/* tasks below replaces the remaining tasks */
	List	   *tasks;
	BcdOutcome	part;			/* the outcome of a request for one part of
								 * the row; none: the row was written as a
								 * whole */
	BcdStage	part_stage;		/* which part that is */
	char	   *part_element;	/* of a collection: the key, as JSON */
	struct BcdPart *riders;		/* a second part that the same request was
								 * for, or NULL: parts.c */
	BcdUpdatePurpose purpose;
	struct BcdDecision *final_decision;
	bool		attempted;		/* this counts as one more attempt */
	bool		afresh;			/* earlier attempts no longer count */
	int			group;			/* new limit of the items per request; 0: none */
	int			place;			/* among items that stay with the job; 0:
								 * first */
	bool		unsent;			/* no write of it is under way */
	bool		dropped;		/* its pending row is deleted already */
	struct BcdShown *shown;		/* see the item; NULL: unchanged */
	bool		follows;		/* see the item */
	bool		rereads;
	const void *noted_for;		/* see the item; NULL: nothing was noted */
	int64		undo_id;
	uint32		noted_facets;
	bool		note_ends;		/* the write that was noted has ended, or will
								 * not be sent */
	bool		unnoted;		/* and certainly was not done */
	bool		whole;			/* the read that follows shows all fields */
	bool		looks;			/* it is only to see what is overwritten */
	bool		apart;
	bool		singly;
	bool		sweeps;
	bool		asks;
	BcdAsking	asking;			/* see the item; nothing: unchanged */
	bool		answered;		/* the store's answer is ... */
	bool		keeps;			/* ... that it keeps what an update lacks */
	struct BcdHeldBy *held_by;
	char	   *waits_feed;		/* the row it waits for */
	char	   *waits_key;
	bool		taken;			/* the store accepted its write */
	bool		refused;		/* the store refused it; counted per lane */
	bool		seen;			/* its record exists (verify) */
	bool		doubtful;		/* to be looked at once more (verify) */
	BcdOutcome	outcome;
	BcdLinkAction link;
	BcdPendingAction pending;
	int64		delay_ms;
	const char *trouble;		/* the endpoint in trouble, if not the row's
								 * own fault: see endpoint_trouble.c */
	int64		early_ms;		/* when the row may come back, then */
	int64		rest_ms;		/* it is not tried again before, even if it
								 * changes */
	int			status;			/* HTTP status, 0: none */
	int			conflicts;		/* number of differences recorded */
	int64		gone_id;		/* a record that is gone, or about to go */
	char	   *error;
	char		request_id[64];
	char	   *request;		/* that was refused, as JSON */
	Jsonb	   *lost_create;	/* the key of a create that is about to be
								 * sent */
	bool		no_lost_create; /* that create was not done, or was found */
	Jsonb	   *aside;			/* for BCD_LINK_ASIDE: what the record has now */
	bool		back;			/* the record has what it gave up, or better */
	Jsonb	   *found;			/* see the item; to be noted with the link */
	List	   *filed;			/* new conflicts: conflicts.c */
	bool		judged;			/* the record was compared: these three
								 * replace what an earlier read has found */
	List	   *ends;			/* fields whose conflicts end with the row */
	List	   *over;			/* those that end with the link, already */
	char	   *held;			/* fields that a person has to decide on */
	Jsonb	   *values;			/* to send in place of the row's */
	int64		read_at;		/* see the item; 0: unchanged */
} BcdDecision;

#endif							/* BCD_ENGINE_DECISION_H */
