/*
 * resource.h
 *		Describes each BigCommerce resource as data.
 *
 * A resource is one descriptor in a file of its own; registry.c lists them. A
 * row of a feed becomes one record. Its fields are divided among facets: the
 * parts of a record that are written through separate endpoints. The first
 * facet creates the record.  A facet is either some fields of the record, or a
 * collection of records below it.
 *
 * Paths and queries are templates, expanded by url.c alone: {x} is a value
 * that all records of a request share, {x,} lists one for each of them, and a
 * parameter with {x?} is left out where there is no value.
 */
#ifndef BCD_RESOURCE_H
#define BCD_RESOURCE_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>

#define BCD_PAGE_LIMIT			250 /* records per page of a list */
#define BCD_MAX_RESOURCES		32
#define BCD_MAX_KEYS			2	/* of a resource */
#define BCD_MAX_FACETS			12	/* likewise */

#define BCD_NO_MAX				DBL_MAX /* only a minimum is given */

#define BCD_LIST(...)	((const char *const[]) {__VA_ARGS__, NULL})
#define BCD_FIELDS(table)	.fields = table, .nfields = sizeof(table) / sizeof((table)[0])
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
	BCD_RECORDS					/* array of objects: records below this one */
} BcdType;

#define BCD_F_REQUIRED		0x01	/* to create a record */
#define BCD_F_NULLABLE		0x02	/* null may be sent */
#define BCD_F_WRITE_ONLY	0x04	/* never echoed, or changed by the store
									 * itself: not read back */
#define BCD_F_SET			0x08	/* the order of the array means nothing */
#define BCD_F_HTML			0x10	/* the store may reformat it */
#define BCD_F_NO_CASE		0x20	/* compared without regard to case */
#define BCD_F_UNLISTED		0x40	/* include_fields does not accept it */

/* A value of new records that is requested from the store once per run */
typedef struct BcdDefault
{
	const char *path;			/* below /v3 */
	const char *value;			/* its place in the reply: an id */
	const char *unless;			/* not for rows whose field of this name holds
								 * an id; else that field is not sent */
	const char *missing;		/* the error if the store has none */
} BcdDefault;

typedef struct BcdField
{
	const char *name;
	BcdType		type;
	double		min;			/* number: least value; string: characters;
								 * array: elements */
	double		max;			/* maximum likewise; max < min: no bounds */
	int			scale;			/* decimals the store keeps; -1: does not
								 * apply */
	int			flags;
	const char *const *values;	/* enumerated strings, NULL-terminated, or
								 * NULL */
	const char *refers_to;		/* holds ids of records of this resource (0:
								 * none), or NULL */
	const BcdDefault *otherwise;	/* for rows without a value, or NULL */
	const char *facet;			/* it is written with that facet; NULL: with
								 * the first */
} BcdField;

/*
 * How a refusal names the records of a batch that are to blame.  No family of
 * replies promises it but that of the echo; so who is named is sent alone, and
 * not given up.
 */
typedef enum BcdBlames
{
	BCD_BLAMES_NONE,			/* not at all */
	BCD_BLAMES_TEXT,			/* in words: by an id or a natural key */
	BCD_BLAMES_PLACE,			/* keys of a map have their places in the
								 * batch, "3.name"; else in words */
	BCD_BLAMES_ECHO				/* their keys are repeated; else in words */
} BcdBlames;

/* How the replies of an endpoint refer to the records of a request */
typedef struct BcdReplyForm
{
	const char *records;		/* their path; NULL: a successful reply names
								 * none */
	const char *errors;			/* path of what is wrong; NULL: not documented */
	BcdBlames	blames;
	bool		keeps_some;		/* a batch that is refused may have been saved
								 * in part */
	bool		drops_twins;	/* success leaves out a record of which the
								 * store has the like */
	int			delay_ms;		/* until what was written can be read */
} BcdReplyForm;

typedef enum BcdBody
{
	BCD_NO_BODY,
	BCD_ONE,					/* the record itself */
	BCD_ARRAY					/* an array, whatever the number */
} BcdBody;

/* Where a member of a body takes its value from */
typedef enum BcdSource
{
	BCD_FROM_NOTHING,			/* the end of a list of members */
	BCD_FROM_FIELD,
	BCD_FROM_ID,				/* of the record, or of the element */
	BCD_FROM_PARENT,			/* of an element: the id of the record */
	BCD_FROM_OPTION				/* of the feed */
} BcdSource;

/* A member of a body that is not simply a field of the same name */
typedef struct BcdMember
{
	const char *name;
	BcdSource	from;
	const char *what;			/* the field, or the option */
	const char *otherwise;		/* JSON, where there is no such value; or NULL */
} BcdMember;

/* The target of requests: one object for each method and path */
typedef struct BcdEndpoint
{
	const char *method;
	const char *path;			/* below /v3 */
	int			batch;			/* most records in one request */
	BcdBody		body;
	const BcdReplyForm *reply;
	int			concurrent;		/* most requests at a time; 0: none is stated */
	bool		assumed;		/* the batch is not documented */
	bool		narrows;		/* of a write: include_fields limits its reply */
	const char *inside;			/* the member of an object that holds the
								 * array, or NULL */
	const char *beside;			/* what else that object has, as JSON members */
	bool		alone;			/* never beside another write */
} BcdEndpoint;

/* The part of a record that is sent there */
typedef struct BcdAction
{
	const BcdEndpoint *endpoint;	/* NULL: there is no such action */
	const char *query;			/* or NULL */
	const char *needs;			/* field that is sent even if it has not
								 * changed, or NULL */
	const BcdMember *members;	/* of the body, besides the id and the fields;
								 * those from a field: instead of them */
	bool		whole;			/* all fields are sent, not only those that
								 * have changed */
} BcdAction;

/* How records are read, or found */
typedef struct BcdView
{
	const BcdEndpoint *endpoint;	/* NULL: they cannot be */
	const char *query;
} BcdView;

/*
 * The key by which a record is found: a string, the last of the fields, among
 * records with the same ids in the others
 */
typedef struct BcdKey
{
	const char *const *fields;	/* NULL: after the last key */
	BcdView		one;			/* asks for one record */
	BcdView		many;			/* for several of them, or nothing */
} BcdKey;

typedef struct BcdFacet
{
	const char *name;			/* NULL: the first */
	bool		nested;			/* the record is created with it */
	const char *collection;		/* the field with the records below; NULL: the
								 * facet is some fields of the record */
	const char *const *key;		/* of a collection: the fields that tell its
								 * records apart */
	const char *if_field;		/* a field on whose value it depends whether
								 * the facet can be written on its own ... */
	const char *if_value;		/* ... it can with this one */
	const char *placed_by;		/* an option with which the record's own
								 * fields no longer tell what the facet has */
	BcdAction	create;
	BcdAction	update;
	BcdAction	remove;
} BcdFacet;

typedef struct BcdResource
{
	const char *name;
	const char *id;				/* name of the record's id; NULL: it has none,
								 * its key is its address */
	const BcdKey *keys;			/* the first key that a row has identifies the
								 * record */
	const char *parent;			/* field with the id of the record above, of
								 * this resource; or NULL */
	const char *defaulted;		/* field with a default, or NULL */
	const BcdField *fields;		/* sorted by name */
	int			nfields;
	const BcdFacet *facets;
	int			nfacets;
	BcdView		view;			/* by id */
	BcdView		list;			/* all of them */
	const char *list_after;		/* query parameter "id greater than", or NULL:
								 * page by number */
	bool		small;			/* few enough to read the whole list once and
								 * search it */
	bool		exchanges;		/* rows that exchange natural keys exchange
								 * records, because little refers to these */
	const char *hidden_by;		/* boolean field set false by on_delete 'hide' */
	bool		gone_is_refused;	/* the reply to an update of a missing
									 * record may look like that to a bad
									 * request */
} BcdResource;

/* the families of replies: replies.c */
extern const BcdReplyForm bcd_reply_records;
extern const BcdReplyForm bcd_reply_variants;
extern const BcdReplyForm bcd_reply_customers;
extern const BcdReplyForm bcd_reply_addresses;
extern const BcdReplyForm bcd_reply_metafields;
extern const BcdReplyForm bcd_reply_categories;
extern const BcdReplyForm bcd_reply_categories_updated;
extern const BcdReplyForm bcd_reply_price_records;
extern const BcdReplyForm bcd_reply_price_list_assignments;
extern const BcdReplyForm bcd_reply_silent;
extern const BcdReplyForm bcd_reply_stock;
extern const BcdReplyForm bcd_reply_stock_settings;
extern const BcdReplyForm bcd_reply_redirects;

/* endpoints that several resources share */
extern const BcdEndpoint bcd_stock_absolute;

/* the resources */
extern const BcdResource bcd_brand;
extern const BcdResource bcd_category;
extern const BcdResource bcd_product;

/* dependency.c */
extern int	bcd_dependency_rank(const BcdResource *const *resources, int n, const BcdResource *resource);

/* registry.c */
extern const BcdResource *bcd_resource_find(const char *name);
extern const BcdResource *bcd_resource_nth(int n);
extern int	bcd_resource_rank(const BcdResource *resource);
extern char *bcd_resource_field_names(const BcdResource *resource);
extern const BcdField *bcd_resource_field(const BcdResource *resource, const char *name);
extern const char *bcd_resource_key(const BcdResource *resource, int n);
extern bool bcd_resource_identifies(const BcdResource *resource, const char *field);
extern const BcdFacet *bcd_resource_facet_of(const BcdResource *resource, const BcdField *field);

#endif							/* BCD_RESOURCE_H */
