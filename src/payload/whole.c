/*
 * whole.c
 *		Requests that send all fields of a facet, not only changed ones.
 */
#include "postgres.h"

#include "payload/payload.h"
#include "payload/whole.h"

/* Does an action send all fields of its facet if these have changed? */
bool
bcd_sends_all(const BcdAction *action, Jsonb *changes)
{
	const char *const *field = action->least;

	while (field && *field && !bcd_payload_has(changes, *field))
		field++;
	return action->whole || (field && *field == NULL);
}
