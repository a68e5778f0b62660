/*
 * roles.c
 *		Owners of feeds and schedules: roles, known by OID.
 *
 * A name could be given to another role after its bearer was renamed or
 * dropped. The OID of a dropped role may also be reused after a long time, and
 * in a restored dump it may belong to another role: so the worker clears it
 * (bcd_disown()), and OID 0 is no role.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "base/roles.h"

bool
bcd_role_exists(Oid role)
{
	return OidIsValid(role) && SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role));
}

/* A role as messages name it; palloc'd. */
char *
bcd_role_words(Oid role)
{
	char	   *name = OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;

	return name ? psprintf("role \"%s\"", name) : pstrdup("a role that was dropped");
}

/*
 * May the current user do what the owner may?  Only a superuser may act for a
 * dropped role.
 */
bool
bcd_may_act_for(Oid role)
{
	return superuser() || (bcd_role_exists(role) && has_privs_of_role(GetUserId(), role));
}

/* What a superuser may do about a feed whose owner was dropped. */
char *
bcd_owner_hint(const char *feed)
{
	char	   *name = quote_literal_cstr(feed);

	return psprintf("A superuser can assign another owner with UPDATE bcdelta.feed SET owner = 'role' WHERE feed = %s; then SELECT bcdelta.resume(%s).",
					name, name);
}
