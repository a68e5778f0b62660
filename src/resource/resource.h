/*
 * resource.h
 *		What bcdelta knows of each BigCommerce resource, as data.
 *
 * Adding a resource is adding a descriptor.  The sources of the facts are
 * the vendor's OpenAPI files; each table in resource.c names its file.
 */
#ifndef BCD_RESOURCE_H
#define BCD_RESOURCE_H

#include <float.h>

#define BCD_MAX_RESOURCES		32
#define BCD_PAGE_LIMIT			250 /* records per page of a list */
#define BCD_MAX_NATURAL			2	/* natural fields of a resource */

#define BCD_NO_MAX				DBL_MAX /* a least value alone is given */

typedef enum BcdType
{
	BCD_STRING,
	BCD_NUMBER,
	BCD_INTEGER,
	BCD_BOOLEAN,
	BCD_DATETIME,
	BCD_INTEGERS,				/* array of integers */
	BCD_STRINGS,				/* array of strings */
	BCD_OBJECT
} BcdType;

#define BCD_F_REQUIRED		0x01	/* to create a record */
#define BCD_F_NULLABLE		0x02	/* null may be sent */
#define BCD_F_WRITE_ONLY	0x04	/* never echoed, or changed by the store
									 * itself: not read back */
#define BCD_F_SET			0x08	/* the order of the array means nothing */
#define BCD_F_HTML			0x10	/* the store may spell it in its own way */
#define BCD_F_NO_CASE		0x20	/* compared without regard to case */
#define BCD_F_UNLISTED		0x40	/* include_fields does not know it */

typedef struct BcdField
{
	const char *name;
	BcdType		type;
	double		min;			/* number: least value; string: characters;
								 * array: elements */
	double		max;			/* likewise the most; max < min: no bounds */
	int			scale;			/* decimals the store keeps; -1: does not
								 * apply */
	int			flags;
	const char *const *values;	/* enumerated strings, NULL-terminated, or
								 * NULL */
	const char *refers_to;		/* holds ids of records of this resource (0:
								 * none), or NULL */
} BcdField;

typedef struct BcdEndpoint
{
	const char *method;
	const char *path;			/* below /v3; "{id}" is replaced; a "=" at the
								 * end takes a comma list of ids */
	int			batch;			/* most records in one request */
	bool		array;			/* the body is an array, whatever the number */
	bool		assumed;		/* the batch is not documented */
	int			concurrent;		/* most requests at a time; 0: none is stated */
} BcdEndpoint;

typedef struct BcdResource
{
	const char *name;
	int			rank;			/* dependency order: lower ranks go first */
	const char *id;				/* name of the record's id */
	const BcdField *fields;
	int			nfields;

	/*
	 * The natural key: the first of these fields that a row has identifies
	 * the record, within the same value of scope (or no scope).
	 */
	const char *const *natural;
	bool		exchanges;		/* rows that exchange natural keys exchange
								 * records: nothing much refers to those */
	const char *lookup_list;	/* query parameter taking a comma list of the
								 * first natural field, or NULL */
	const char *scope;			/* "parent_id" for categories, or NULL */
	bool		small;			/* few enough to read the whole list once and
								 * to look up in it */

	const char *list_path;
	int			list_concurrent;	/* most requests at a time; 0: none is
									 * stated */
	const char *list_ids;		/* query parameter taking a comma list of ids */
	const char *list_after;		/* query parameter "id greater than", or NULL:
								 * page by number */
	BcdEndpoint create;
	BcdEndpoint update;
	BcdEndpoint remove;
	const char *update_needs;	/* field that every update has to carry, or
								 * NULL */
	const char *hidden_by;		/* boolean field set false by on_delete 'hide' */
	bool		gone_is_refused;	/* an update of a record that is not there
									 * may be answered like a bad one */
	bool		silent_update;	/* the reply to an update may name no record */
	const char *needs_tree;		/* field to fill from the default tree when
								 * scope is missing on create, or NULL */
} BcdResource;

extern const BcdResource *bcd_resource_find(const char *name);
extern const BcdResource *bcd_resource_nth(int n);
extern char *bcd_resource_field_names(const BcdResource *resource);
extern const BcdField *bcd_resource_field(const BcdResource *resource, const char *name);

#endif							/* BCD_RESOURCE_H */
