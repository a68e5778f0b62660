/*
 * link_remembers.h
 *		bcdelta.link: which record had a natural key before a reply was lost.
 */
#ifndef BCD_TABLE_LINK_REMEMBERS_H
#define BCD_TABLE_LINK_REMEMBERS_H

#include "resource/resource.h"

extern bool bcd_link_remembers(const char *feed, const BcdResource *resource, const char *field, const char *value,
							   char **other_feed, char **other_key);
extern bool bcd_link_remembers_element(const char *feed, const char *key, const char *collection, const char *field,
									   const char *value, char **other_feed, char **other_key);

#endif							/* BCD_TABLE_LINK_REMEMBERS_H */
