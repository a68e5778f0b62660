/*
 * debug.h
 *		Points where tests stop the worker.
 *
 * Only in builds with assertions, and only with bcdelta.debug_points on. While
 * a session holds the advisory lock (BCD_DEBUG_LOCK, hashtext(name)), the
 * worker waits at the point of this name, where pg_locks shows it; so a test
 * can kill it, or the server, at an instant that chance would hit once in a
 * thousand times. The lock ends with its session: nothing has to be reset
 * after a crash.
 */
#ifndef BCD_DEBUG_H
#define BCD_DEBUG_H

#ifdef USE_ASSERT_CHECKING

/* First key of the advisory locks */
#define BCD_DEBUG_LOCK		64021

extern bool bcd_debug_points;

extern void bcd_debug_point(const char *name);

#define BCD_DEBUG_POINT(name) bcd_debug_point(name)

/* Shortens a time in tests, so that they need not wait for its end */
#define BCD_DEBUG_TIME(ms)	(bcd_debug_points ? (ms) / 60 : (ms))
#else
#define BCD_DEBUG_TIME(ms)	(ms)
#define BCD_DEBUG_POINT(name) ((void) 0)
#endif

#endif							/* BCD_DEBUG_H */
