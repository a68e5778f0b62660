/*
 * call_serve.h
 *		Serves the requests of sessions to the worker.
 */
#ifndef BCD_CALL_SERVE_H
#define BCD_CALL_SERVE_H

extern void bcd_serve_calls(const char *trouble);
extern void bcd_serve_check_callers(void);
extern bool bcd_serve_awaited(int64 run_id);
extern void bcd_serve_finished(int64 run_id);
extern void bcd_serve_end(const char *reason);
extern void bcd_serve_end_accepted(const char *reason);

#endif							/* BCD_CALL_SERVE_H */
