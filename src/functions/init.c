/*
 * init.c
 *		Initialization when the library is loaded.
 *
 * Without shared_preload_libraries, only the settings are defined, so that SQL
 * functions can report the problem instead of failing to load.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "feed/database_identity.h"
#include "functions/utility.h"
#include "worker/launcher.h"

BCD_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	bcd_place_define();
	bcd_guc_define();
	if (!process_shared_preload_libraries_in_progress)
		return;
	bcd_shmem_install();
	/* pg_upgrade needs databases that nobody is connected to */
	if (!IsBinaryUpgrade)
	{
		bcd_place_register();
		bcd_launcher_register();
		bcd_utility_install();
	}
}
