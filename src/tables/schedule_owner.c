/*
 * schedule_owner.c
 *		To whom schedules belong after REASSIGN OWNED.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/db.h"
#include "tables/schedule_owner.h"

static BcdStatement reassign = {
	"UPDATE bcdelta.schedule SET owner = $2 WHERE owner = $1", 2, {OIDOID, OIDOID}
};

/* Gives the schedules of one role to another; returns their number. */
int64
bcd_schedules_reassign(Oid from, Oid to)
{
	Datum		args[] = {ObjectIdGetDatum(from), ObjectIdGetDatum(to)};

	return (int64) bcd_execute(&reassign, args, NULL);
}
