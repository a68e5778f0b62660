/*
 * server_dropped.c
 *		What is forgotten with a foreign server: the plan of its cutover, the
 *		stage that it is in, and what people have signed.
 *
 * All of that goes by the name of the server, and another server of this name
 * may be another shop.  Rules (authority, criterion) are kept: they say what
 * people want, and not how far a shop is.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "base/db.h"
#include "base/shmem.h"
#include "feed/stage_change.h"
#include "functions/decided.h"
#include "functions/server_dropped.h"
#include "tables/cutover.h"
#include "tables/cutover_step.h"
#include "tables/event.h"
#include "tables/signature.h"
#include "tables/stage.h"

#define REASON	"the server was dropped"

/* Ends the plan of a server; returns whether it had one. */
static bool
abort_plan(const char *server, const char *by)
{
	const BcdCutover *plan = bcd_cutover_active(server);

	if (plan == NULL)
		return false;
	bcd_steps_skip(plan->plan_id, REASON, by);
	bcd_cutover_set_state(plan->plan_id, "aborted");
	bcd_event_cutover(server, "warning", NULL, psprintf("the cutover of server \"%s\" is aborted: %s", server, REASON), 0);
	return true;
}

static void
forget(const char *server, const char *by)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	bool		planned;
	char	   *stage;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	planned = abort_plan(server, by);
	bcd_signatures_remove(server);
	MemoryContextSwitchTo(cxt);
	stage = bcd_stage_now(server);
	if (stage)
		bcd_stage_change(server, NULL, by, REASON);
	bcd_spi_end(&rights);
	if (planned)
		bcd_decided_on("abort_cutover", server, NULL, NULL, REASON, NULL);
	if (stage)
		bcd_decided_on("stage", server, NULL, NULL, REASON, bcd_detail_text(NULL, "stage", "none"));
}

static void
forget_all(void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	List	   *servers;
	ListCell   *lc;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	servers = bcd_cutovers_orphans();
	bcd_spi_end(&rights);
	foreach(lc, servers)
		forget(lfirst(lc), arg);
	if (servers != NIL)
		bcd_wake_worker_at_commit();
}

/* After a statement that may have dropped servers; never makes it fail. */
void
bcd_servers_dropped(void)
{
	char	   *by = GetUserNameFromId(GetSessionUserId(), true);
	ErrorData  *error = bcd_attempt(forget_all, by);

	if (error)
		ereport(WARNING,
				(errmsg("could not end the cutover of a server that was dropped: %s", error->message),
				 errhint("bcdelta.stage(), bcdelta.abort_cutover() do so once there is a server of that name again.")));
}
