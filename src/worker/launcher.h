/*
 * launcher.h
 *		The process that keeps one worker per database running.
 */
#ifndef BCD_LAUNCHER_H
#define BCD_LAUNCHER_H

extern void bcd_launcher_register(void);
extern PGDLLEXPORT void bcd_launcher_main(Datum arg);

#endif							/* BCD_LAUNCHER_H */
