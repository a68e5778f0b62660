/*
 * place.c
 *		Where this database is, and whether it may push from there.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"

#include "place.h"

/*
 * Identifies this cluster and database.  A restored dump, a copy made with
 * CREATE DATABASE ... TEMPLATE: each has another one, and must not push.
 */
char *
bcd_home(void)
{
	return psprintf(UINT64_FORMAT "/%u", GetSystemIdentifier(), MyDatabaseId);
}
