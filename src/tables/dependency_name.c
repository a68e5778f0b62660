/*
 * dependency_name.c
 *		bcdelta.dependency: the names of child tables.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/table_names.h"

static BcdStatement select_taken = {
	BCD_SELECT_TAKEN("bcdelta.dependency", "child", "child_name"), 1, {TEXTOID}
};

/* Returns a text for each child table of a feed whose name another table has taken. */
List *
bcd_child_names_taken(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);
	int			n = bcd_execute(&select_taken, &arg, NULL);
	List	   *texts = NIL;
	int			i;

	for (i = 0; i < n; i++)
		texts = lappend(texts, bcd_words_of_taken(i));
	return texts;
}

static BcdStatement accept_names = {
	BCD_ACCEPT_NAMES("bcdelta.dependency", "child", "child_name"), 1, {TEXTOID}
};

void
bcd_child_names_accept(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	(void) bcd_execute(&accept_names, &arg, NULL);
}
