/*
 * another_writer.h
 *		Is another server pushing to the same store?
 */
#ifndef BCD_ANOTHER_WRITER_H
#define BCD_ANOTHER_WRITER_H

#include "engine/engine.h"

extern void bcd_note_twin(const BcdItem *item, const cJSON *record);
extern void bcd_show_twins(const BcdStore *store, BcdStoreState *s);

#endif							/* BCD_ANOTHER_WRITER_H */
