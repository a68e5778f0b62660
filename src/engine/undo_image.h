/*
 * undo_image.h
 *		What is noted of a write, and what a record that was read says of its
 *		contents before that.
 */
#ifndef BCD_UNDO_IMAGE_H
#define BCD_UNDO_IMAGE_H

#include "engine/engine.h"

extern bool bcd_undo_is_kept(const BcdRun *run);
extern Jsonb *bcd_undo_written(const BcdResource *resource, Jsonb *fields, bool creates);
extern Jsonb *bcd_undo_seen(const BcdItem *item, const cJSON *record);
extern Jsonb *bcd_undo_known(const BcdResource *resource, Jsonb *known);
extern Jsonb *bcd_undo_image(const BcdItem *item, const cJSON *record);

#endif							/* BCD_UNDO_IMAGE_H */
