/*
 * schedule_owner.c
 *		To whom schedules belong after REASSIGN OWNED, and their server after it is renamed.
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

static BcdStatement rename_server = {
	"UPDATE bcdelta.schedule SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the schedules of a server follow its new name.
 * Returns the number of rows.
 */
int64
bcd_schedules_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	return (int64) bcd_execute(&rename_server, args, NULL);
}
