/*
 * writer.h
 *		Who is changing the source.
 */
#ifndef BCD_WRITER_H
#define BCD_WRITER_H

extern text *bcd_writer_role(void);
extern text *bcd_writer_application(void);

#endif							/* BCD_WRITER_H */
