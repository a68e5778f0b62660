/*
 * feed_halt.h
 *		Halts feeds that must not be pushed from this database, or to this
 *		store.
 */
#ifndef BCD_FEED_HALT_H
#define BCD_FEED_HALT_H

typedef enum BcdHalt
{
	BCD_NO_HALT,
	BCD_HALT_COPY,				/* the database is a copy */
	BCD_HALT_STORE				/* the links are another store's */
} BcdHalt;

extern BcdHalt bcd_halt(const char *feed, const char *home, const char *store, bool has_links,
						const char *server, const char *present, char **reason);

extern bool bcd_halt_is_over(const char *paused_reason);

#endif							/* BCD_FEED_HALT_H */
