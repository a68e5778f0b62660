/*
 * freeze.c
 *		Counts changes of sources that nobody should change any more.
 *
 * A change is counted in the transaction that takes it out of its table, so it
 * is either there or counted, and never both.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "fold/freeze.h"
#include "tables/freeze_leak.h"
#include "tables/stage.h"

/* Counts the changes that were removed, if they were made during a freeze. */
void
bcd_freeze_count(const BcdDrain *drain)
{
	BcdLeaks	leaks = {0};
	Size		bytes = sizeof(Datum) * drain->nchanges;
	Size		flags = sizeof(bool) * drain->nchanges;
	int			i;

	if (!bcd_stage_any_freeze())
		return;
	leaks.feed_ids = palloc(bytes);
	leaks.dependency_ids = palloc(bytes);
	leaks.changed_ats = palloc(bytes);
	leaks.by_roles = palloc0(bytes);
	leaks.no_role = palloc(flags);
	leaks.applications = palloc0(bytes);
	leaks.no_application = palloc(flags);
	for (i = 0; i < drain->nchanges; i++)
	{
		const BcdChange *change = &drain->changes[i];
		int			n = leaks.n;

		if (!change->counted)
			continue;
		leaks.feed_ids[n] = Int32GetDatum(change->feed_id);
		leaks.dependency_ids[n] = Int32GetDatum(change->told ? change->dependency_id : BCD_NOT_TOLD);
		leaks.changed_ats[n] = TimestampTzGetDatum(change->changed_at);
		leaks.no_role[n] = change->by_role == NULL;
		if (change->by_role)
			leaks.by_roles[n] = CStringGetTextDatum(change->by_role);
		leaks.no_application[n] = change->application == NULL;
		if (change->application)
			leaks.applications[n] = CStringGetTextDatum(change->application);
		leaks.n++;
	}
	if (leaks.n > 0)
		bcd_freeze_leaks_add(&leaks);
}
