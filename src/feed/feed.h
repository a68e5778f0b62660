/*
 * feed.h
 *		Feeds: reading bcdelta.feed, and turning a source row into a payload.
 */
#ifndef BCD_FEED_H
#define BCD_FEED_H

#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/jsonb.h"
#include "utils/relcache.h"

#include "capture/key_text.h"
#include "feed/feed_halt.h"
#include "feed/feed_options.h"
#include "resource/name_list.h"
#include "resource/resource.h"

typedef enum BcdOnDelete
{
	BCD_DELETE_IGNORE,
	BCD_DELETE_HIDE,
	BCD_DELETE_DELETE
} BcdOnDelete;

/* One key column of the source */
typedef struct BcdKeyColumn
{
	NameData	name;
	AttrNumber	attnum;
	Oid			type;
	int32		typmod;
	Oid			collation;
	Oid			input;			/* type input function and its argument */
	Oid			ioparam;
	char	   *equals;			/* "OPERATOR(schema.=)" of its unique index */
} BcdKeyColumn;

typedef struct BcdFeedField
{
	const BcdField *field;
	char	   *expression;
} BcdFeedField;

/* The lists of the store that a run has read; see bcd_names_bit() */
typedef struct BcdListsRead
{
	uint32		read;
	uint32		changed;		/* those that it has written to since */
} BcdListsRead;

/*
 * The same, and those that it has yet to read for a feed.  A session that wants
 * to know which those would be has no list of what is read.
 */
typedef struct BcdLists
{
	const uint32 *read;			/* NULL: what the last run has read is used */
	uint32		wanted;
} BcdLists;

/* Queries over the source of a feed */
typedef enum BcdPlan
{
	BCD_PLAN_ROW,				/* a row through the mapping, by its key */
	BCD_PLAN_ROWS,				/* several */
	BCD_PLAN_FILTER,			/* whether a row satisfies the filter */
	BCD_PLAN_FILTERS,			/* several */
	BCD_PLAN_EXISTS,			/* whether there is such a row */
	BCD_NPLANS
} BcdPlan;

/*
 * A feed as the worker uses it.  Everything hangs below cxt; the plan is
 * SPI's and is freed with bcd_feed_free().
 */
typedef struct BcdFeed
{
	MemoryContext cxt;
	int32		feed_id;
	char	   *name;
	Oid			source;
	char	   *server;
	const BcdResource *resource;
	int			nkeys;
	BcdKeyColumn *keys;
	BcdKeyText *keytext;		/* valid after bcd_feed_load(), as the keys */
	int			nfields;
	BcdFeedField *fields;
	char	   *filter;			/* condition over the source row, or NULL */
	int32		version;		/* incremented by alter_feed() */
	char	   *capture;
	BcdOnDelete on_delete;
	int			on_conflict;	/* BcdPolicy */
	Jsonb	   *policies;		/* of fields that have their own, by name; or
								 * NULL */
	bool		counts;			/* the stage of the store has stock sent as
								 * differences, whatever the options say */
	bool		disputed;		/* fields of some rows may have a current
								 * conflict; else only their policies count */
	BcdFeedOptions options;
	Jsonb	   *options_json;	/* the same */
	uint32		merged;			/* bits of the facets that are written with
								 * the record, because the store does not let
								 * us write them on their own */
	uint32		together;		/* bits of the collections whose elements are
								 * written by updates of their records */
	uint32		asks;			/* bits of those of which it is not known
								 * whether that would harm others */
	bool		adjusted;		/* fields of some rows may be adjusted: see
								 * tables/adjustment.h */
	Oid			owner;			/* exists after bcd_feed_load() */
	char	   *owner_name;		/* for messages: see bcd_role_words() */
	Datum		key_names;		/* name[] */
	Datum		key_types;		/* regtype[]: the types with which keys were
								 * written */
	bool		paused;
	char	   *paused_reason;
	BcdHalt		halt;			/* then it is paused regardless of its state */
	char	   *store;			/* that its links belong to, or NULL */
	bool		has_links;		/* or may have created a record there */
	char	   *server_store;	/* that its server leads to, or NULL */
	BcdLists   *lists;			/* of the run that it is read for, or of an
								 * estimate, or NULL */
	SPIPlanPtr	plans[BCD_NPLANS];	/* that have been made, else NULL */
	bool		apart;			/* no query may read several of its rows */
} BcdFeed;

typedef enum BcdRowState
{
	BCD_ROW_FOUND,
	BCD_ROW_MISSING,			/* no such row in the source */
	BCD_ROW_DEFERRED,			/* refers to a row without a link */
	BCD_ROW_INVALID,			/* cannot be sent; see message */
	BCD_ROW_UNLISTED,			/* needs a list of the store that has not been
								 * read; see message */
	BCD_ROW_HELD_UP				/* could not be read now, for an external
								 * reason; see message and error */
} BcdRowState;

/* The outcome of reading one source row; in the caller's context */
typedef struct BcdRow
{
	BcdRowState state;
	Jsonb	   *payload;
	char	   *waits_feed;
	char	   *waits_key;
	char	   *message;
	ErrorData  *error;			/* that message belongs to, if any */
	TimestampTz modified;		/* of a row that was found: the value of
								 * option "modified"; -infinity: null, or
								 * there is no such option */
} BcdRow;

/* catalog and mapping: feed.c */
extern BcdFeed *bcd_feed_read(const char *name, bool missing_ok);
extern BcdFeed *bcd_feed_load(const char *name, bool missing_ok);
extern void bcd_feed_check_current(const BcdFeed *feed);
extern void bcd_feed_free(BcdFeed *feed);
extern bool bcd_feed_has_types(const BcdFeed *feed);
extern void bcd_feed_look_up(BcdFeed *feed, bool retyped);
extern void bcd_feed_set_fields(BcdFeed *feed, Jsonb *fields);
extern BcdOnDelete bcd_on_delete_from(const char *text);
extern void bcd_feed_check_owner(const BcdFeed *feed, const char *doing);
extern char *bcd_feed_from(const BcdFeed *feed);
extern void bcd_expression_check(const char *expression, const char *what);
extern bool bcd_feed_maps(const BcdFeed *feed, const char *field);

/* the fields by which a record is found: identity_feed.c */
extern BcdFeed *bcd_feed_identity(const BcdFeed *feed);

/* the mapping as a query: row.c */
extern void bcd_check_encoding(void);
extern void bcd_feed_prepare(BcdFeed *feed);
extern void bcd_feed_check_rights(BcdFeed *feed);
extern char *bcd_feed_select(const BcdFeed *feed, const char *condition);

/* Most rows that are read by one query */
#define BCD_ROWS_TOGETHER	32

/* reading rows: row_read.c */
extern bool bcd_feed_try_lock(const BcdFeed *feed);
extern void bcd_feed_lock(const BcdFeed *feed);
extern int64 bcd_feed_count(BcdFeed *feed);
extern void bcd_rows_expect(BcdFeed *feed, List *keys, bool filter_only);
extern void bcd_feed_try_row(BcdFeed *feed, const char *key, BcdRow *row);
extern void bcd_feed_look_at_row(BcdFeed *feed, const char *key, BcdRow *row);
extern void bcd_feed_look_at_identity(BcdFeed *feed, const char *key, BcdRow *row);
extern void bcd_feed_row(BcdFeed *feed, const char *key, BcdRow *row);

/* is it there? row_exists.c */
extern bool bcd_feed_exists(BcdFeed *feed, const char *key);
extern bool bcd_feed_look_for(BcdFeed *feed, const char *key, char **held_up);

#endif							/* BCD_FEED_H */
