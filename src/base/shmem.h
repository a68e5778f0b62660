/*
 * shmem.h
 *		What backends and workers share: worker slots, calls, progress.
 *
 * All of it is protected by one lock, held for copying only, except for the
 * marks by which a commit calls the worker: immediate.c.  No pointer of
 * a process's own lives here; latches are those of PGPROCs, which are shared.
 */
#ifndef BCD_SHMEM_H
#define BCD_SHMEM_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

#define BCD_MAX_WORKERS		32
#define BCD_MAX_CALLS		256
#define BCD_ROLE_CALLS		64	/* of one role, superusers' apart */
#define BCD_ROLE_CANCELS	4	/* further ones that only cancel */
#define BCD_KEPT_CALLS		16	/* kept for who cancels, and half of them for
								 * superusers */
#define BCD_MAX_RUNS		256 /* active runs shown in bcdelta.progress */
#define BCD_MAX_STORES		256 /* that workers have talked to */
#define BCD_MAX_SCANS		128 /* of foreign tables */
#define BCD_ROLE_SCANS		32	/* of one role, superusers' apart */
#define BCD_NAME_BYTES		256
#define BCD_FEED_BITS		512 /* feeds whose numbers differ by this share a
								 * bit */

/* What has ended a worker's sleep */
typedef enum BcdWakeUp
{
	BCD_WOKEN_BY_COMMIT,		/* of a change that is pushed at once */
	BCD_WOKEN_BY_RUN,			/* what an active run waits for */
	BCD_WOKEN_BY_TIMER,
	BCD_WOKEN_BY_REQUEST,		/* of a session, or a signal */
	BCD_WAKE_UPS
} BcdWakeUp;

typedef struct BcdWorkerSlot
{
	char		database[NAMEDATALEN];
	Oid			dbid;			/* once connected */
	pid_t		pid;			/* 0: no worker */
	Latch	   *latch;
	TimestampTz started_at;
	bool		excused;		/* the last one ended for no fault of its own */
	bool		stuck;			/* it reacts to nothing; trouble says where */
	bool		makes_room;		/* the last one left for a statement that
								 * needs the database for itself */
	bool		look;			/* something it looks at now and then has
								 * changed */
	bool		woken;			/* since its turn began */
	char		trouble[BCD_NAME_BYTES];	/* why it does nothing, or empty */

	/* written by the worker, and read without the lock */
	uint64		immediate[BCD_FEED_BITS / 64];	/* feeds that are pushed at
												 * once */
	pg_atomic_uint32 committed; /* changes of such feeds, since it looked */
	uint64		frozen[BCD_FEED_BITS / 64]; /* feeds whose source is not to be
											 * changed any more */
	int64		wake_ups[BCD_WAKE_UPS];
} BcdWorkerSlot;

typedef enum BcdCallKind
{
	BCD_CALL_PUSH,
	BCD_CALL_LINK,
	BCD_CALL_VERIFY,
	BCD_CALL_ROLLBACK,
	BCD_CALL_PREFLIGHT,
	BCD_CALL_RETRY,
	BCD_CALL_CANCEL
} BcdCallKind;

typedef enum BcdCallState
{
	BCD_CALL_FREE,
	BCD_CALL_POSTED,			/* by the caller */
	BCD_CALL_ACCEPTED,			/* by the worker: run_id is set */
	BCD_CALL_DONE				/* by the worker: result or message is set */
} BcdCallState;

/* One SQL function that waits for the worker */
typedef struct BcdCall
{
	BcdCallState state;
	bool		abandoned;		/* the caller is gone: stop the run */
	Oid			dbid;
	Latch	   *latch;
	BcdCallKind kind;
	bool		wait;			/* the caller stays until the end of the run */
	bool		join;			/* only if there is a run that does the same */
	Oid			role;			/* whose rights are asked for */
	Oid			session;		/* who has logged in */
	char		feed[BCD_NAME_BYTES];	/* empty: all feeds */
	NameData	server;
	int64		max_rows;		/* 0: all */
	bool		waiting;		/* retry: rows that wait, too */
	char		mode[16];
	int			sample;
	dsm_handle	detail;			/* a text array in a segment of its own: see
								 * call_detail.c; 0: none */
	int64		run_id;			/* in: of a cancel; out: of a run */
	int64		result;
	char		message[512];	/* not empty: an error */
} BcdCall;

typedef enum BcdScanState
{
	BCD_SCAN_FREE,
	BCD_SCAN_POSTED,			/* by the session */
	BCD_SCAN_TAKEN				/* by the worker; only the session frees it */
} BcdScanState;

/* A session that reads a store through the worker: scan/segment.h */
typedef struct BcdScanSlot
{
	BcdScanState state;
	Oid			dbid;
	Oid			serverid;
	Oid			userid;			/* whose access token is used */
	Oid			session;		/* who has logged in */
	dsm_handle	segment;
	pid_t		worker;			/* who has taken it */
} BcdScanSlot;

/* What a run waits for */
typedef enum BcdWaitingFor
{
	BCD_WAITS_FOR_NOTHING,
	BCD_WAITS_FOR_QUOTA,
	BCD_WAITS_FOR_STORE,		/* it asked for a pause */
	BCD_WAITS_FOR_ANSWER,		/* the store fails, and is tried now and then */
	BCD_WAITS_FOR_ROWS,			/* that are tried again, or are locked */
	BCD_WAITS_FOR_ENDPOINT		/* it works, but a limit keeps it from sending
								 * more */
} BcdWaitingFor;

typedef struct BcdProgress
{
	Oid			dbid;			/* InvalidOid: free */
	int64		run_id;
	char		phase[BCD_NAME_BYTES];
	int64		done;
	int64		before;			/* those of them that were done before a pause */
	int64		total;
	TimestampTz started_at;
	TimestampTz ends_after;		/* as far as can be said; 0: nothing */
	TimestampTz ends_before;
	BcdWaitingFor waiting_for;
	TimestampTz waits_until;
	char		endpoint[BCD_NAME_BYTES];	/* whose limit keeps it */
	int			at_a_time;		/* requests */
	char		shrinks[BCD_NAME_BYTES];	/* an endpoint that has refused
											 * larger batches; "": none */
	int			batch;			/* that it takes */
	int			usual_batch;	/* and would otherwise */
	int64		referring;		/* rows that wait for rows they refer to */
	int64		api_calls;
	int64		throttled;
	int			in_flight;
} BcdProgress;

typedef struct BcdStoreState
{
	Oid			dbid;			/* InvalidOid: free */
	Oid			serverid;
	int64		quota;			/* 0: the store tells none */
	int64		quota_left;
	int64		window_ms;		/* in which it is granted */
	TimestampTz blocked_until;	/* 0: not blocked */
	int			in_flight;
	int64		twins;			/* rows that another server has written, and
								 * the last time */
	TimestampTz twin_at;
	double		others;			/* part of the quota that others use; below 0:
								 * not known */
	bool		clock_known;	/* its clock, minus ours */
	int64		clock_ms;
	char		trouble[BCD_NAME_BYTES];
} BcdStoreState;

/* Records of the lists of a server, for the planner: foreign/totals.c */
typedef struct BcdListTotals
{
	Oid			dbid;			/* InvalidOid: free */
	Oid			serverid;
	int64		total[32];		/* by the number of the resource, plus one */
} BcdListTotals;

typedef struct BcdShared
{
	LWLock	   *lock;
	pid_t		launcher;		/* 0: it is not running */
	TimestampTz made_at;		/* later than the server's start: it has
								 * restarted all processes after a crash */
	BcdWorkerSlot workers[BCD_MAX_WORKERS];
	BcdCall		calls[BCD_MAX_CALLS];
	BcdScanSlot scans[BCD_MAX_SCANS];
	BcdProgress progress[BCD_MAX_RUNS];
	BcdStoreState stores[BCD_MAX_STORES];
	BcdListTotals totals[BCD_MAX_STORES];
} BcdShared;

/* NULL when the library is not in shared_preload_libraries */
extern BcdShared *bcd_shared;

extern void bcd_shmem_install(void);
extern void bcd_feed_bit_set(uint64 *bits, int32 feed_id);
extern bool bcd_shared_flag_take(bool *flag);
extern void bcd_wake_worker(Oid dbid);
extern void bcd_wake_worker_at_commit(void);
extern void bcd_prepared_committed(void);
extern bool bcd_captured(int32 feed_id);
extern void bcd_progress_show(const BcdProgress *progress);
extern void bcd_progress_hide(Oid dbid, int64 run_id);
extern void bcd_store_show(const BcdStoreState *state);
extern int	bcd_stores_shown(BcdStoreState **stores);
extern void bcd_store_hide(Oid dbid, Oid serverid);
extern void bcd_shmem_forget(Oid dbid);

#endif							/* BCD_SHMEM_H */
