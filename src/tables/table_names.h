/*
 * table_names.h
 *		The names of the tables that feeds watch.
 *
 * A feed follows its tables when they are renamed.  If another table gets the
 * name that one had, as in a reload that swaps tables, the new one has no
 * triggers, and nothing else tells that its changes are not captured.  A view
 * that takes the name is none: it writes to a table.
 */
#ifndef BCD_TABLE_NAMES_H
#define BCD_TABLE_NAMES_H

#include "nodes/pg_list.h"

/* The present name of a table, as its schema and its name */
#define BCD_NAME_OF_TABLE(relid) \
	"(SELECT ARRAY[n.nspname, c.relname] FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = " relid ")"

/* Which tables of feed $1 have lost their names to others, and which these are */
#define BCD_SELECT_TAKEN(table, relid, name) \
	"SELECT t." relid "::text, c.oid::regclass::text FROM " table " AS t" \
	" JOIN pg_namespace AS n ON n.nspname = t." name "[1]" \
	" JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t." name "[2]" \
	" WHERE t.feed = $1 AND c.oid <> t." relid " AND c.relkind IN ('r', 'p', 'f')" \
	" AND EXISTS (SELECT FROM pg_class AS e WHERE e.oid = t." relid ") ORDER BY 1, 2"

/* The names that they have now are the right ones. */
#define BCD_ACCEPT_NAMES(table, relid, name) \
	"UPDATE " table " SET " name " = " BCD_NAME_OF_TABLE(relid) " WHERE feed = $1" \
	" AND " name " IS DISTINCT FROM " BCD_NAME_OF_TABLE(relid)

extern char *bcd_words_of_taken(int row);
extern List *bcd_feed_name_taken(const char *feed);
extern List *bcd_child_names_taken(const char *feed);
extern void bcd_feed_name_accept(const char *feed);
extern void bcd_child_names_accept(const char *feed);

#endif							/* BCD_TABLE_NAMES_H */
