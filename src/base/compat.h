/*
 * compat.h
 *		Differences between PostgreSQL 13 and 18; the only file that uses
 *		PG_VERSION_NUM.
 */
#ifndef BCD_COMPAT_H
#define BCD_COMPAT_H

#include "commands/explain.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/guc.h"

#if PG_VERSION_NUM < 130000
#error "bcdelta needs PostgreSQL 13 or later"
#endif

/*
 * The client's socket is the first member of Port in all versions.  The header
 * that declares it needs those of GSSAPI if the server was built with it.
 */
#define bcd_client_socket()	(*(pgsocket *) MyProcPort)

/* 14: raw_parser() takes a mode */
#if PG_VERSION_NUM >= 140000
#define bcd_raw_parser(text)	raw_parser(text, RAW_PARSE_DEFAULT)
#else
#define bcd_raw_parser(text)	raw_parser(text)
#endif

/* 14: these return the number of bytes written */
#if PG_VERSION_NUM >= 140000
#define bcd_ltoa(value, text)	pg_ltoa(value, text)
#define bcd_lltoa(value, text)	pg_lltoa(value, text)
#else
#define bcd_ltoa(value, text)	(pg_ltoa(value, text), strlen(text))
#define bcd_lltoa(value, text)	(pg_lltoa(value, text), strlen(text))
#endif

/* 14: a conversion may stop, without an error, where it knows no equivalent; before, it stops at once */
#if PG_VERSION_NUM >= 140000
#define bcd_convert_part(proc, from, to, text, len, dest, size) \
	pg_do_encoding_conversion_buf(proc, from, to, (unsigned char *) (text), len, dest, size, true)
#else
#define bcd_convert_part(proc, from, to, text, len, dest, size)	((void) (dest), 0)
#endif

/* 14: large values may be compressed with lz4, if the server was built with it */
#if PG_VERSION_NUM >= 140000 && defined(USE_LZ4)
#define BCD_HAVE_LZ4
#endif

/* 14: plans may cache the rows of the inner side of a join */
#if PG_VERSION_NUM >= 140000
#define BCD_HAVE_MEMOIZE
#endif

/* 14: a trigger can be replaced, which locks its table against writers only */
#if PG_VERSION_NUM >= 140000
#define BCD_REPLACE_TRIGGER	"CREATE OR REPLACE TRIGGER"
#endif

/* 14: which relations an expression needs depends on the planner's state */
#if PG_VERSION_NUM >= 140000
#define bcd_pull_varnos(root, node)	pull_varnos(root, node)
#else
#define bcd_pull_varnos(root, node)	pull_varnos(node)
#endif

/* 14: an Append may execute foreign scans side by side */
#if PG_VERSION_NUM >= 140000
#define BCD_HAVE_ASYNC
#define bcd_is_async(planstate)	((planstate)->async_capable)
#else
#define bcd_is_async(planstate)	false
#endif

/* 14: numerics may be infinite */
#if PG_VERSION_NUM < 140000
#define numeric_is_inf(n)	false
#endif

/* 14: predefined roles lost the prefix "default" */
#if PG_VERSION_NUM < 140000
#define ROLE_PG_READ_SERVER_FILES DEFAULT_ROLE_READ_SERVER_FILES
#endif

/* 15: shared memory is requested in a hook of its own */
#if PG_VERSION_NUM >= 150000
#define BCD_HAVE_SHMEM_REQUEST_HOOK
#endif

/* 15: a random number generator of its own; all give a double in [0, 1) */
#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#define bcd_random()	pg_prng_double(&pg_global_prng_state)
#else
#define bcd_random()	((double) random() / ((double) MAX_RANDOM_VALUE + 1))
#endif

/* 17: the length of an array is estimated with statistics */
#if PG_VERSION_NUM >= 170000
#define bcd_estimate_array_length(root, value)	estimate_array_length(root, value)
#else
#define bcd_estimate_array_length(root, value)	estimate_array_length(value)
#endif

/* 17: foreign paths know conditions of joins; 18: paths count what is disabled */
#if PG_VERSION_NUM >= 180000
#define bcd_create_foreignscan_path(root, rel, rows, startup, total, keys, outer, private) \
	create_foreignscan_path(root, rel, NULL, rows, 0, startup, total, keys, outer, NULL, NIL, private)
#define bcd_create_foreign_upper_path(root, rel, target, rows, startup, total, private) \
	create_foreign_upper_path(root, rel, target, rows, 0, startup, total, NIL, NULL, NIL, private)
#elif PG_VERSION_NUM >= 170000
#define bcd_create_foreignscan_path(root, rel, rows, startup, total, keys, outer, private) \
	create_foreignscan_path(root, rel, NULL, rows, startup, total, keys, outer, NULL, NIL, private)
#define bcd_create_foreign_upper_path(root, rel, target, rows, startup, total, private) \
	create_foreign_upper_path(root, rel, target, rows, startup, total, NIL, NULL, NIL, private)
#else
#define bcd_create_foreignscan_path(root, rel, rows, startup, total, keys, outer, private) \
	create_foreignscan_path(root, rel, NULL, rows, startup, total, keys, outer, NULL, private)
#define bcd_create_foreign_upper_path(root, rel, target, rows, startup, total, private) \
	create_foreign_upper_path(root, rel, target, rows, startup, total, NIL, NULL, private)
#endif

/* 18: the direction of a path key is a comparison */
#if PG_VERSION_NUM >= 180000
#define bcd_pathkey_ascends(key)	((key)->pk_cmptype == COMPARE_LT)
#else
#define bcd_pathkey_ascends(key)	((key)->pk_strategy == BTLessStrategyNumber)
#endif

/* 14: the name of the function's identifier */
#if PG_VERSION_NUM >= 140000
#define BCD_F_COUNT_ANY_ROW	F_COUNT_
#else
#define BCD_F_COUNT_ANY_ROW	2803
#endif

/* 16: a plan says for itself whose rights a foreign scan uses */
#if PG_VERSION_NUM >= 160000
#define bcd_scan_relids(plan)	((plan)->fs_base_relids)
#define bcd_scan_user(plan, estate, rti)	((void) (rti), (plan)->checkAsUser)
#else
#define bcd_scan_relids(plan)	((plan)->fs_relids)
#define bcd_scan_user(plan, estate, rti)	(exec_rt_fetch(rti, estate)->checkAsUser)
#endif

/* 15: who sends to a queue may let small messages gather; these go at once */
#if PG_VERSION_NUM >= 150000
#define bcd_mq_sendv(queue, parts, n, nowait)	shm_mq_sendv(queue, parts, n, nowait, true)
#else
#define bcd_mq_sendv(queue, parts, n, nowait)	shm_mq_sendv(queue, parts, n, nowait)
#endif

/* 15: placeholder GUCs are reserved under a new name */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 16: one function checks the rights on every kind of object */
#if PG_VERSION_NUM >= 160000
#define bcd_server_aclcheck(server, role) \
	object_aclcheck(ForeignServerRelationId, server, role, ACL_USAGE)
#else
#define bcd_server_aclcheck(server, role) \
	pg_foreign_server_aclcheck(server, role, ACL_USAGE)
#endif

#if PG_VERSION_NUM >= 160000
#define bcd_schema_aclcheck(schema, role) \
	object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE)
#else
#define bcd_schema_aclcheck(schema, role) \
	pg_namespace_aclcheck(schema, role, ACL_USAGE)
#endif

#if PG_VERSION_NUM >= 160000
#define bcd_owns_database(database, role) \
	object_ownercheck(DatabaseRelationId, database, role)
#else
#define bcd_owns_database(database, role) \
	pg_database_ownercheck(database, role)
#endif

/* 14: hooks of utility statements are told whether they may change the tree */
#if PG_VERSION_NUM >= 140000
#define BCD_UTILITY_PARAMS \
	PlannedStmt *pstmt, const char *text, bool read_only, ProcessUtilityContext context, \
	ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc
#define BCD_UTILITY_ARGS	pstmt, text, read_only, context, params, env, dest, qc
#else
#define BCD_UTILITY_PARAMS \
	PlannedStmt *pstmt, const char *text, ProcessUtilityContext context, \
	ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc
#define BCD_UTILITY_ARGS	pstmt, text, context, params, env, dest, qc
#endif

/* 16: the settings are in a hash table, and their list is created on demand */
#if PG_VERSION_NUM >= 160000
#define bcd_guc_variables(n)	get_guc_variables(&(n))
#else
#define bcd_guc_variables(n)	((n) = GetNumConfigOptions(), get_guc_variables())
#endif

/* 15: parse_analyze() with fixed parameters got a name of its own */
#if PG_VERSION_NUM >= 150000
#define bcd_parse_analyze(raw, text, types, n)	parse_analyze_fixedparams(raw, text, types, n, NULL)
#else
#define bcd_parse_analyze(raw, text, types, n)	parse_analyze(raw, text, types, n, NULL)
#endif

/* 18: generated columns that are computed when they are read */
#if PG_VERSION_NUM >= 180000
#include "rewrite/rewriteHandler.h"
#define bcd_attribute_is_virtual(relation, attnum) \
	(TupleDescAttr(RelationGetDescr(relation), (attnum) - 1)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#define bcd_virtual_expression(relation, attnum)	build_generation_expression(relation, attnum)
#else
#define ATTRIBUTE_GENERATED_VIRTUAL	'v'
#define bcd_attribute_is_virtual(relation, attnum)	false
#define bcd_virtual_expression(relation, attnum)	NULL
#endif

/* 17: CreateWaitEventSet belongs to a resource owner */
#if PG_VERSION_NUM >= 170000
#define bcd_create_wait_event_set(n)	CreateWaitEventSet(NULL, n)
#else
#define bcd_create_wait_event_set(n)	CreateWaitEventSet(TopMemoryContext, n)
#endif

/* 18: what EXPLAIN prints with has headers of its own */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* 17: extensions can name their wait events */
#if PG_VERSION_NUM >= 170000
#define bcd_wait_event(name)	WaitEventExtensionNew(name)
#else
#define bcd_wait_event(name)	PG_WAIT_EXTENSION
#endif

/* 18: the module declares its name and version */
#if PG_VERSION_NUM >= 180000
#define BCD_MODULE_MAGIC	PG_MODULE_MAGIC_EXT(.name = "bcdelta", .version = EXTVERSION)
#else
#define BCD_MODULE_MAGIC	PG_MODULE_MAGIC
#endif

/* 15: the timeline is no global variable; that one is set once recovery is over */
#if PG_VERSION_NUM >= 150000
#define bcd_timeline()	GetWALInsertionTimeLine()
#else
#define bcd_timeline()	ThisTimeLineID
#endif

/* 16: the data that a check hook passes to its assign hook is in memory of its own */
#if PG_VERSION_NUM >= 160000
#define bcd_guc_malloc(size)	guc_malloc(LOG, size)
#else
#define bcd_guc_malloc(size)	malloc(size)
#endif

#endif							/* BCD_COMPAT_H */
