/*
 * worker_words.h
 *		Whether a worker serves this database, and why not.
 */
#ifndef BCD_WORKER_WORDS_H
#define BCD_WORKER_WORDS_H

extern pid_t bcd_worker_pid(void);
extern bool bcd_is_worker(void);
extern char *bcd_worker_words(bool *starting);
extern char *bcd_worker_waits(void);
extern const char *bcd_worker_hint(void);

#endif							/* BCD_WORKER_WORDS_H */
