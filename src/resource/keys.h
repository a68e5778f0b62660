/*
 * keys.h
 *		Fields by which records of a resource are found, and told from each
 *		other; resource.h includes it.
 */
#ifndef BCD_KEYS_H
#define BCD_KEYS_H

#include "resource/resource.h"

/*
 * A field with unique values, and the fields that hold their scope, or NULL
 */
typedef struct BcdUniqueField
{
	const char *field;
	const char *parent;
	const char *within;
} BcdUniqueField;

extern const char *bcd_resource_key(const BcdResource *resource, int n);
extern const char *bcd_resource_unique(const BcdResource *resource, int n);
extern const char *bcd_resource_scope(const BcdResource *resource, const char *field);
extern bool bcd_resource_is_own_parent(const BcdResource *resource);
extern bool bcd_resource_identifies(const BcdResource *resource, const char *field);
extern const BcdKey *bcd_resource_made_key(const BcdResource *resource, const char *name);
extern const BcdUniqueField *bcd_unique_fields(int *n);
extern const BcdField *bcd_unique_collection(const BcdResource *r, int *i);
extern const BcdField *const *bcd_unique_collections(void);

#endif							/* BCD_KEYS_H */
