/*
 * worker.h
 *		The process that works for one database.
 */
#ifndef BCD_WORKER_H
#define BCD_WORKER_H

/* started by the postmaster, which finds it by name */
extern PGDLLEXPORT void bcd_worker_main(Datum arg);

#endif							/* BCD_WORKER_H */
