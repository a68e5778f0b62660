/*
 * server_renamed.c
 *		What follows a foreign server to its new name.
 *
 * Our tables know servers by their names, since a dump has no OIDs.  So all
 * that goes by a name is renamed in the transaction that renames the server:
 * feeds without their plan, or a plan without its feeds, would be of no use.
 * Only the journal keeps the names of its time.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "base/db.h"
#include "base/shmem.h"
#include "functions/decided.h"
#include "functions/server_renamed.h"
#include "store/store_identity.h"
#include "tables/authority.h"
#include "tables/criterion.h"
#include "tables/cutover.h"
#include "tables/directory.h"
#include "tables/event.h"
#include "tables/feed_owner.h"
#include "tables/proven.h"
#include "tables/run.h"
#include "tables/sample.h"
#include "tables/schedule_owner.h"
#include "tables/signature.h"
#include "tables/stage.h"
#include "tables/total.h"

/* What goes by the name of a server; people are told of what they have made. */
static const struct
{
	const char *words;			/* NULL: not worth mentioning */
	int64		(*rename) (const char *from, const char *to);
}			named[] =

{
	{"feeds", bcd_feeds_rename_server},
	{"schedules", bcd_schedules_rename_server},
	{"plans of cutovers", bcd_cutovers_rename_server},
	{"stages", bcd_stage_rename_server},
	{"rules of authority", bcd_authority_rename_server},
	{"criteria", bcd_criteria_rename_server},
	{"signatures", bcd_signatures_rename_server},
	{NULL, bcd_runs_rename_server},
	{NULL, bcd_totals_rename_server},
	{NULL, bcd_proven_rename_server},
	{NULL, bcd_events_rename_server},
	{NULL, bcd_samples_rename_server},
	{NULL, bcd_directory_rename_server},
};

typedef struct BcdNewName
{
	const char *from;
	const char *to;
} BcdNewName;

static void
follow(void *arg)
{
	const BcdNewName *name = arg;
	StringInfoData moved;
	BcdRights	rights;
	int			i;

	/* a server of another wrapper */
	if (bcd_server_identity(name->to) == NULL)
		return;
	initStringInfo(&moved);
	bcd_spi_begin(&rights);
	for (i = 0; i < lengthof(named); i++)
	{
		int64		n = named[i].rename(name->from, name->to);

		if (n > 0 && named[i].words)
			appendStringInfo(&moved, "%s%s: " INT64_FORMAT, moved.len > 0 ? ", " : "", named[i].words, n);
	}
	bcd_spi_end(&rights);
	if (moved.len == 0)
		return;
	bcd_decided_on("rename_server", name->to, NULL, NULL, NULL, bcd_detail_text(NULL, "from", name->from));
	ereport(NOTICE,
			(errmsg("what belongs to server \"%s\" follows to its new name \"%s\": %s", name->from, name->to, moved.data),
			 errhint("Scripts and scheduled jobs that name the server have to be changed. A run that is in progress fails; its rows stay pending.")));
	bcd_wake_worker_at_commit();
}

/* After a server was renamed; never makes the statement fail. */
void
bcd_server_renamed(const char *from, const char *to)
{
	BcdNewName	name = {from, to};
	ErrorData  *error = bcd_attempt(follow, &name);

	if (error)
		ereport(WARNING,
				(errmsg("feeds, schedules and the cutover of server \"%s\" could not follow to its new name: %s", from, error->message),
				 errhint("They go on once the server has its old name again.")));
}
