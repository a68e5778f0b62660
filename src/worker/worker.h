/*
 * worker.h
 *		The process that works for one database.
 */
#ifndef BCD_WORKER_H
#define BCD_WORKER_H

/* started by the postmaster, which looks it up by its name */
extern PGDLLEXPORT void bcd_worker_main(Datum arg);

#endif							/* BCD_WORKER_H */
