/*
 * resource.h
 *		Describes each BigCommerce resource as data.
 *
 * A resource is one descriptor in a file of its own; registry.c lists them. A
 * row of a feed becomes one record. Its fields are divided among facets: the
 * parts of a record that are written through separate endpoints. The first
 * facet creates the record. A facet is either a set of fields of the record,
 * or a collection of records below it.
 *
 * Paths and queries are templates, expanded only in url.c: {x} is a value that
 * all records of a request share, {x,} lists one value for each of them, and a
 * parameter with {x?} is left out if there is no value. {parent} is the record
 * above, {element} the element of its collection.
 */
#ifndef BCD_RESOURCE_H
#define BCD_RESOURCE_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>

#include "resource/filter.h"

#define BCD_PAGE_LIMIT			250 /* records per page of a list */
#define BCD_MAX_RESOURCES		32
#define BCD_MAX_KEYS			2	/* of a resource */
#define BCD_MAX_UNIQUE			(BCD_MAX_KEYS + 1)
#define BCD_MAX_FACETS			12	/* of a resource */
#define BCD_NO_MAX				DBL_MAX /* only a minimum exists */
#define BCD_LIST(...)	((const char *const[]) {__VA_ARGS__, NULL})
#define BCD_FIELDS(table)	.fields = table, .nfields = sizeof(table) / sizeof((table)[0])
#define BCD_SHOWN(table)	.shown = table, .nshown = sizeof(table) / sizeof((table)[0])
#define BCD_FACETS(table)	.facets = table, .nfacets = sizeof(table) / sizeof((table)[0])

typedef enum BcdType
{
	BCD_STRING,
	BCD_NUMBER,
	BCD_INTEGER,
	BCD_BOOLEAN,
	BCD_DATETIME,
	BCD_INTEGERS,				/* array of integers */
	BCD_STRINGS,				/* array of strings */
	BCD_OBJECT,
	BCD_ANY,					/* a string, a number, or an array of strings */
	BCD_RECORDS					/* array of objects: records below this one */
} BcdType;

#define BCD_F_REQUIRED		0x01	/* required to create a record */
#define BCD_F_NULLABLE		0x02	/* null can be sent */
#define BCD_F_WRITE_ONLY	0x04	/* not read back: never returned, or
									 * changed by the store itself */
#define BCD_F_SHOWN			0x4000	/* although it is not read back, records
									 * have it: as the store has it */
#define BCD_F_SET			0x08	/* the order of the array has no meaning */
#define BCD_F_HTML			0x10	/* the store may reformat it */
#define BCD_F_NO_CASE		0x20	/* compared without regard to case */
#define BCD_F_UNLISTED		0x40	/* include_fields does not accept it */
#define BCD_F_CREATE_ONLY	0x80	/* never sent with an update */
#define BCD_F_EMAIL			0x100	/* an e-mail address */
#define BCD_F_FIXED			0x200	/* cannot be changed once the record
									 * exists */
#define BCD_F_CHOICES		0x400	/* what of each option: choices.c */
#define BCD_F_URL			0x800	/* an http or https URL */
#define BCD_F_ONCE			0x1000	/* true in one element at most */
#define BCD_F_FILLED		0x2000	/* the store fills it in if it is empty */
#define BCD_F_DECIMALS		0x200000	/* its texts, if they are decimals,
										 * are compared by value */
#define BCD_F_CODE			0x40000 /* only letters, digits, blanks, hyphens
									 * and underscores are surely accepted */
#define BCD_F_PLACE			0x8000	/* never changes in a record: a row with
									 * another value gets another record, and
									 * the old one is removed */

#define BCD_F_LATER			0x400000	/* new elements are sent without it,
										 * and changed afterwards */

#define BCD_F_COUNTED		0x800000	/* a quantity: the store changes it,
										 * too, when it sells */
#define BCD_F_SOME			0x100000	/* the store may have more elements
										 * than those of the row */
#define BCD_F_NO_NONE		0x1000000	/* no value is known to mean none: 0
										 * may be taken for a price */

/* A value for new records that is requested from the store once per run */
typedef struct BcdDefault
{
	const char *path;			/* below /v3 */
	const char *value;			/* its path in the reply; an id */
	const char *beside;			/* always sent with it: 0 if a row has no
								 * value */
	const char *missing;		/* error message if the store has none */
} BcdDefault;

/* What is true of another field of elements if a field has a value */
typedef struct BcdDemand
{
	const char *field;			/* NULL marks the end of a list */
	const char *value;
	const char *other;
	bool		later;			/* new elements are sent without it, rather
								 * than that they need it */
} BcdDemand;

/*
 * The elements of an array of records.  An element whose field with the flag
 * PLACE differs is another element.
 */
typedef struct BcdRecords
{
	const struct BcdField *fields;	/* sorted by name */
	int			nfields;
	const char *const *key;		/* the fields in which elements differ; all of
								 * them are required; none: elements are not
								 * compared with each other */
	int			kin;			/* an element can be changed into another one
								 * that has the same values in so many leading
								 * key fields; 0: its key cannot be changed */
	bool		bare;			/* a set of ids: elements consist of their key
								 * field alone, in rows and replies just its
								 * value. What the row lacks is removed, even
								 * if we have not added it, for a new record
								 * may have elements from the beginning. */
	const BcdDemand *demands;	/* or NULL */
	const char *unique;			/* text that no two elements of all records
								 * have in common, or NULL */
	const char *file;			/* member in which the store repeats the file
								 * name of a key that it does not return;
								 * NULL: the keys are returned */
} BcdRecords;

typedef struct BcdField
{
	const char *name;
	BcdType		type;
	double		min;			/* number: minimum; string: characters; array:
								 * elements */
	double		max;			/* maximum likewise; max < min: no bounds */
	int			scale;			/* decimals that the store keeps; -1: does not
								 * apply */
	int			flags;
	const char *const *values;	/* allowed strings, NULL-terminated, or NULL */
	const char *refers_to;		/* holds ids of records of this resource (0:
								 * none), or NULL */
	const BcdDefault *otherwise;	/* for rows without a value, or NULL */
	const char *facet;			/* written with this facet; NULL: the first */
	const BcdRecords *records;	/* the elements of BCD_RECORDS, or the members
								 * of BCD_OBJECT (NULL: any) */
	const char *typed_by;		/* field that refers to a record whose field
								 * "type" says what text this one may hold:
								 * "string", "number" or "date"; or NULL */
	const char *refers_by;		/* of a member: holds the id of a record of
								 * the resource that this other member names */
	const char *only_if;		/* of a member or an element's field: has a
								 * value if this other one ... */
	const char *equals;			/* ... has this value, and only then */
	const char *differs;		/* the same, if it has another value */
	const char *rows_of;		/* resource whose rows are parts of the value,
								 * each written alone; or NULL */
} BcdField;

/*
 * Does a field hold records below the record, with an endpoint of their own? If
 * not, an array of objects is a value like others, and written with the record.
 */
#define BCD_IS_COLLECTION(field)	((field)->records != NULL && (field)->facet != NULL)

/*
 * How a refusal identifies the records of a batch that are to blame. Only the
 * family with the echo promises to do so; therefore records that are blamed
 * are sent alone rather than given up.
 */
typedef enum BcdBlames
{
	BCD_BLAMES_NONE,			/* not at all */
	BCD_BLAMES_TEXT,			/* in text: by an id or a natural key */
	BCD_BLAMES_PLACE,			/* keys of a map contain positions in the
								 * batch, "3.name"; otherwise as text */
	BCD_BLAMES_ECHO				/* the records' keys are repeated; otherwise
								 * as text */
} BcdBlames;

/* How the replies of an endpoint refer to the records of a request */
typedef struct BcdReplyForm
{
	const char *records;		/* path of the records; NULL: success names
								 * none */
	const char *errors;			/* path of the errors; NULL: not documented */
	BcdBlames	blames;
	bool		keeps_some;		/* a refused batch may have been saved in part */
	bool		drops_twins;	/* success leaves out records that equal one
								 * in the store */
	int			delay_ms;		/* until a written value can be read */
	bool		empty;			/* success with status 200 has no body */
	bool		denies_records; /* a 403 may be due to a single record, which
								 * belongs to another app */
} BcdReplyForm;

typedef enum BcdBody
{
	BCD_NO_BODY,
	BCD_ONE,					/* the record itself */
	BCD_ARRAY,					/* an array, even for a single record */
	BCD_IDS						/* an array of the records' ids */
} BcdBody;

/* Where the value of a member comes from */
typedef enum BcdSource
{
	BCD_FROM_NOTHING,			/* marks the end of a list of members */
	BCD_FROM_FIELD,
	BCD_FROM_ID,				/* the id of the record or element */
	BCD_FROM_PARENT,			/* for an element: the id of the record; for a
								 * record: that of its parent */
	BCD_FROM_OPTION,			/* an option of the feed */
	BCD_FROM_CONSTANT,			/* nowhere: it is always the same */
	BCD_FROM_DIFFERENCE,		/* by how much the field has changed since it
								 * was last sent */
	BCD_FROM_IDENTITY			/* the field, of several, that the record is
								 * identified by: see BcdKey.one_of */
} BcdSource;

/*
 * A member of a body that is not just a field of the same name. What identifies
 * a record has the name of its field, unless the member has a name, which is
 * then that of an object with the field.
 */
typedef struct BcdMember
{
	const char *name;
	BcdSource	from;
	const char *what;			/* name of the field or option */
	const char *otherwise;		/* JSON to use without such a value, or the
								 * constant; or NULL */
} BcdMember;

/* A target of requests: one object for each method and path */
typedef struct BcdEndpoint
{
	const char *method;
	const char *path;			/* below /v3 */
	int			batch;			/* maximum number of records per request */
	BcdBody		body;
	const BcdReplyForm *reply;
	int			concurrent;		/* maximum concurrent requests; 0: not
								 * documented */
	bool		assumed;		/* the batch is not documented */
	bool		narrows;		/* include_fields limits its reply */
	const char *inside;			/* member of an enclosing object that holds
								 * the array, or NULL */
	const char *beside;			/* further members of that object, as JSON */
	bool		alone;			/* never at the same time as another write */
	int			parents;		/* maximum number of parents whose records a
								 * request may have; 0: any */
	bool		once;			/* a repeated request would do the same again:
								 * see adjust.c */
	const char *const *lacks;	/* fields that it may not take, or NULL: a
								 * record goes there if it needs none of them */
} BcdEndpoint;

/* How a facet is created, updated or removed */
typedef struct BcdAction
{
	const BcdEndpoint *endpoint;	/* NULL: not possible */
	const char *query;			/* or NULL */
	const char *needs;			/* field that is sent even if unchanged, or
								 * NULL */
	const BcdMember *members;	/* members of the body besides the id and the
								 * fields; if any comes from a field, they
								 * replace the fields */
	bool		whole;			/* send all fields, not only changed ones */
	const char *const *least;	/* the same, unless one of these has changed;
								 * or NULL */
	const BcdEndpoint *many;	/* or NULL: create_many.c */
} BcdAction;

/* How records are read or found */
typedef struct BcdView
{
	const BcdEndpoint *endpoint;	/* NULL: not possible */
	const char *query;
	bool		siblings;		/* lists all records below the parents of
								 * those that are asked for, or all that there
								 * are, page by page: siblings.c */
	bool		whole;			/* the latter, although there are parents */
} BcdView;

/* A field whose value is part of a key that consists of several */
typedef struct BcdMadeOf
{
	const char *field;			/* NULL marks the end of the list */
	const char *otherwise;		/* what the store has if a row has no value,
								 * or NULL */
} BcdMadeOf;

/*
 * A key that identifies a record: a string, which is the last of the fields,
 * and what limits where it is unique: the parent, the field with a default, or
 * the text field "within". The key of a record
 * without an id may have fields of any kind: they are its address. In paths and
 * queries, {identity} is the value of the field of one_of that a row has, and
 * {identity_name} is its name.
 */
typedef struct BcdKey
{
	const char *const *fields;	/* NULL marks the end of the list of keys */
	const char *const *one_of;	/* exactly one of these belongs to the
								 * address, too; or NULL */
	BcdView		one;			/* to look up one record */
	BcdView		many;			/* to look up several records, or nothing */
	bool		shared;			/* several records may have the same key: a
								 * row that finds more than one is not linked */
	const char *apart_by;		/* field with an id that sets records with the
								 * same key apart, if the row has it; or NULL */
	const BcdMadeOf *made_of;	/* the last of the fields is none of the API:
								 * its text consists of the values of these,
								 * all of them strings or ids; or NULL */
} BcdKey;

/* Where a reply has a field that is no member of the record by its own name */
typedef struct BcdPlace
{
	const char *field;			/* NULL marks the end of the list */
	const char *path;
	bool		above;			/* in the object that has the record below it */
} BcdPlace;

/* How a reply shows records that are not simply the elements of its data */
typedef struct BcdShape
{
	const char *below;			/* array in each element of data, whose
								 * elements are the records; NULL: data has
								 * them */
	const BcdPlace *places;
} BcdShape;

/*
 * A field whose names stand for ids that the store gives below each parent, to
 * the options of a product and to their values. They are made as needed.
 */
typedef struct BcdChoices
{
	const char *field;
	const char *list;			/* path of the options, with their values */
	BcdView		shown;			/* records that show them, of several parents;
								 * or nothing */
	const char *member;			/* of such a record: its options */
	int			page;			/* most records of a page that shows them */
	const char *option;			/* path for a new option */
	const char *value;			/* path for a new value: below the option,
								 * whose id stands for %s */
	const char *parent;			/* member of a new option with their parent */
	const char *type;			/* JSON of new options besides name and values */
	int			most_values;	/* of an option */
	int			most_records;	/* below a parent */
} BcdChoices;

typedef struct BcdFacet
{
	const char *name;			/* NULL: the first facet */
	bool		nested;			/* creating the record also writes it */
	const char *collection;		/* field with the records below; NULL: the
								 * facet consists of fields of the record */
	const char *if_field;		/* whether the facet can be written separately
								 * depends on this field ... */
	const char *if_value;		/* ... which must have this value */
	const char *placed_by;		/* option that moves the facet to a place that
								 * the record's own fields do not show */
	const char *rows;			/* a collection: resource whose rows may be
								 * its elements when the record is created, or
								 * NULL; its fields are theirs, and the parent */
	bool		separate;		/* its fields cannot go with the record once
								 * that exists */
	const char *inside;			/* field of these records whose elements the
								 * facet writes instead; or NULL */
	int			page;			/* most records of a page that shows it; 0: as
								 * many as of others */
	BcdView		list;			/* of all elements, if records show none */
	BcdView		list_one;		/* the same, of one record; or nothing */
	const char *changes_of;		/* field of the first facet: once the record
								 * is known to exist, this facet writes its
								 * changes instead, if ... */
	const char *by_option;		/* ... this option of the feed (NULL: always)
								 * ... */
	const char *by_value;		/* ... has this value */
	const char *not_below;		/* differences cannot lower the record's value
								 * below that of this field; NULL: below 0 */
	BcdAction	create;
	BcdAction	update;
	BcdAction	alone;			/* of a collection: update of those fields of
								 * an element that have a facet */
	BcdAction	together;		/* the same, of several elements, and of new
								 * ones: an update of the record that has
								 * them, if the store keeps the others; or
								 * nothing */
	BcdAction	remove;
	const BcdChoices *choices;	/* of the records that are created, or NULL */
} BcdFacet;

typedef struct BcdResource
{
	const char *name;
	const char *id;				/* name of the record's id; NULL: it has none,
								 * and its key is its address */
	const BcdKey *keys;			/* the first key for which a row has values
								 * identifies the record; one facet writes all
								 * of them */
	const char *parent;			/* field with the id below which keys are
								 * unique, of a record of the resource that it
								 * refers to, if any; or NULL */
	const char *within;			/* text that limits keys, like the parent */
	bool		keys_everywhere;	/* its natural keys are unique in the
									 * whole store, but looked up below a
									 * parent */
	const char *keys_with;		/* resource that shares its natural keys */
	const char *same_by;		/* field that no two records below one parent
								 * have the same value of, or NULL; no record
								 * ever has another value */
	const char *implied_without;	/* a record whose value of this field is
									 * empty is part of its parent: no row of
									 * its own is missed; or NULL. Its list
									 * has numbered pages */
	const char *after;			/* resource that its records lead to, although
								 * no field always refers to one; or NULL */
	const char *defaulted;		/* field with a default, or NULL */
	const BcdField *fields;		/* sorted by name */
	int			nfields;
	const BcdField *shown;		/* others, which are read only; sorted */
	int			nshown;
	const BcdIncluded *parts;	/* of both kinds: not shown by default; NULL:
								 * none */
	const BcdFilter *filters;	/* what the list can be limited by, or NULL */
	const BcdFacet *facets;
	int			nfacets;
	BcdView		view;			/* by id, or by address */
	BcdView		view_one;		/* the same, of one whose parent is not known;
								 * or nothing */
	BcdView		list;			/* all records */
	BcdView		changed;		/* by date_modified:min, or nothing */
	bool		dated;			/* records show date_modified */
	bool		ranges;			/* the list accepts id:min and id:max */
	bool		tells_fields;	/* a record that is read by its id shows all
								 * fields that can be written and read */
	bool		tells_all;		/* and what it takes to make it again */
	const BcdEndpoint *total;	/* the list, of records without an id: only
								 * their number is read; NULL: not possible */
	const BcdShape *shape;		/* of the replies of view; NULL: simple */
	const BcdPlace *aliases;	/* fields of records with an id that replies
								 * have under other names; or NULL */
	const char *list_after;		/* query parameter "id greater than"; NULL:
								 * use page numbers */
	int			most;			/* records that a store can have; 0: any
								 * number */
	int			deepest;		/* levels of records below each other; 0: any
								 * number, or none */
	bool		uncounted;		/* the list does not say how many records it
								 * has */
	bool		small;			/* few enough records to read the whole list
								 * once and search it */
	bool		exchanges;		/* rows that exchange natural keys exchange
								 * records, because few records refer to these */
	const char *hidden_by;		/* boolean field that on_delete 'hide' sets */
	bool		hidden_when;	/* to this value */
	bool		upserts;		/* a record is written by its key, whether it
								 * exists or not: without its id, and without
								 * a look-up before that */
	bool		guarded;		/* the store refuses a second record with the
								 * same key, so a new one is not looked up */
	const char *leads_to;		/* path of a text that must differ from the
								 * key, or NULL */
	bool		gone_is_refused;	/* an update of a missing record may be
									 * answered like a bad request */
	bool		removal_is_refused; /* so may its removal */
	const char *open_if;		/* member of a record without an id that is
								 * false while nothing can be written there;
								 * or NULL */
	bool		twin_is_refused;	/* so may the create of a record that
									 * exists already, or an update to the
									 * natural key of another record */
} BcdResource;

/* elements and endpoints shared by several resources */
extern const BcdRecords bcd_form_field;
extern const BcdEndpoint bcd_stock_absolute;
extern const BcdEndpoint bcd_channel_assign;
extern const BcdEndpoint bcd_channel_unassign;
extern const BcdEndpoint bcd_stock_relative;

/* dependency.c */
extern int	bcd_dependency_rank(const BcdResource *const *resources, int n, const BcdResource *resource);

#include "resource/keys.h"
#include "resource/registry.h"

#endif							/* BCD_RESOURCE_H */
