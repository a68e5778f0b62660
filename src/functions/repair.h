/*
 * repair.h
 *		What functions on the differences of a verify share.
 */
#ifndef BCD_REPAIR_H
#define BCD_REPAIR_H

extern void bcd_check_verify(int64 run_id);

#endif							/* BCD_REPAIR_H */
