/*
 * writer.c
 *		Who is changing the source, for those who want it to rest.
 *
 * This runs in the source's transactions: what a session knows of itself is
 * enough, and no table of ours is read.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "capture/writer.h"

/* Names are shared by all databases, whatever their encodings. */
static text *
as_text(const char *name)
{
	if (name == NULL || name[0] == '\0' || !pg_verifymbstr(name, strlen(name), true))
		return NULL;
	return cstring_to_text(name);
}

/* The role that has logged in, or for which a process works; NULL: not known. */
text *
bcd_writer_role(void)
{
	return as_text(GetUserNameFromId(GetSessionUserId(), true));
}

/* The name that a session, or a process of the server, goes by; NULL: none. */
text *
bcd_writer_application(void)
{
	if (application_name && application_name[0] != '\0')
		return as_text(application_name);
	return MyBgworkerEntry ? as_text(MyBgworkerEntry->bgw_name) : NULL;
}
