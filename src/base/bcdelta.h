/*
 * bcdelta.h
 *		Names and limits that several modules share.
 */
#ifndef BCDELTA_H
#define BCDELTA_H

#define BCD_EXTENSION		"bcdelta"
#define BCD_WORKER_TYPE		"bcdelta worker"	/* pg_stat_activity.backend_type */

#define BCD_FOLD_ROWS		20000	/* changes folded in one transaction */

/*
 * The longest key, in bytes: with the name of a feed, which has up to 255, it
 * has to fit into an entry of an index.
 */
#define BCD_MAX_KEY			2400

/* change.op */
#define BCD_OP_CHANGE		'c' /* the row of this key changed */
#define BCD_OP_MARK			'h' /* it was marked, by hand or by us: nothing is
								 * known to have changed at this time */
#define BCD_OP_MOVE			'm' /* its key was moved_from */
#define BCD_OP_LOOKUP		'l' /* a child row changed: key is the id of the
								 * dependency, a space and the captured values
								 * as a JSON array */
#define BCD_OP_TRUNCATE		't' /* every row went away, or every child row */
#define BCD_OP_ANY			'a' /* any row may have changed; key is the id of
								 * the dependency that cannot tell which */
#define BCD_OP_NO_KEY		'n' /* a row changed whose key is null or too long */

#endif							/* BCDELTA_H */
