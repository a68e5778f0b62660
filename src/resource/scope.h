/*
 * scope.h
 *		The OAuth scopes that endpoints need.
 */
#ifndef BCD_SCOPE_H
#define BCD_SCOPE_H

#define BCD_MAX_SCOPES	32		/* bits of a set */

typedef struct BcdScope
{
	const char *name;
	const char *const *paths;	/* these, and what is below those that end
								 * with a slash; ended by NULL */
	const char *reads;			/* path with which reading is tried, or NULL */
	const char *writes;			/* the same for writing: with PUT, ... */
	const char *body;			/* ... and a body that names no record */
	bool		besides;		/* needed besides another scope, for paths
								 * that contain one of these */
} BcdScope;

extern const BcdScope *bcd_scope_nth(int n);
extern bool bcd_scope_covers(const BcdScope *scope, const char *path);

#endif							/* BCD_SCOPE_H */
