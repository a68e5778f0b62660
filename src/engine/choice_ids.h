/*
 * choice_ids.h
 *		The ids of options and their values, by name, for each parent.
 */
#ifndef BCD_CHOICE_IDS_H
#define BCD_CHOICE_IDS_H

#include "engine/engine.h"

typedef struct BcdValue
{
	int64		id;
	char	   *label;
	char	   *folded;
} BcdValue;

typedef struct BcdOption
{
	int64		id;
	char	   *name;
	char	   *folded;
	int64		last;			/* greatest sort_order among its values */
	List	   *values;
} BcdOption;

typedef struct BcdChoiceParent
{
	int64		id;				/* the hash key */
	MemoryContext cxt;			/* of its options */
	bool		known;			/* its options have been read or created */
	bool		shown;			/* they were read together with those of other
								 * parents */
	bool		apart;			/* they have to be read apart from others */
	bool		stale;			/* options were created since they were read */
	bool		bare;			/* it had none when they were read, and ours
								 * is the first one */
	int64		grows;			/* the option that gets a value, or 0: a new
								 * one is made */
	List	   *options;
	int64		records;		/* number of records below it */
} BcdChoiceParent;

/* What one element of a row's field names */
typedef struct BcdChoice
{
	char	   *name;
	char	   *label;
	BcdOption  *option;			/* NULL: there is no option of this name */
	BcdValue   *value;			/* NULL: the option has no value with this
								 * label */
} BcdChoice;

extern BcdChoiceParent *bcd_choice_parent(BcdGates *gates, int64 id);
extern const BcdChoices *bcd_stage_choices(const BcdResource *resource, BcdStage stage);
extern int64 bcd_choice_parent_id(const BcdItem *item, BcdStage stage);
extern List *bcd_choices_of(const BcdItem *item, BcdStage stage, const BcdChoiceParent *parent);
extern struct BcdChoice *bcd_choice_missing(List *choices);
extern List *bcd_choices_ahead(const BcdItem *item, BcdStage stage, const BcdChoiceParent *parent);
extern void bcd_choice_add(BcdChoiceParent *parent, const cJSON *got);
extern bool bcd_choice_add_value(BcdChoiceParent *parent, const cJSON *got);
extern void bcd_choice_forget(BcdChoiceParent *parent);
extern Jsonb *bcd_choice_ids_put(const BcdItem *item, BcdStage stage, Jsonb *fields);
extern void bcd_choice_ids_count(BcdLane *lane, const cJSON *records);

#endif							/* BCD_CHOICE_IDS_H */
