/*
 * roles.h
 *		Owners of feeds and schedules: roles, known by OID.
 */
#ifndef BCD_ROLES_H
#define BCD_ROLES_H

extern bool bcd_role_exists(Oid role);
extern char *bcd_role_words(Oid role);
extern bool bcd_may_act_for(Oid role);
extern char *bcd_owner_hint(const char *feed);

#endif							/* BCD_ROLES_H */
