/*
 * replies.h
 *		Families of replies, which several resources share.
 */
#ifndef BCD_REPLIES_H
#define BCD_REPLIES_H

#include "resource/resource.h"

extern const BcdReplyForm bcd_reply_records;
extern const BcdReplyForm bcd_reply_variants;
extern const BcdReplyForm bcd_reply_variants_created;
extern const BcdReplyForm bcd_reply_customers;
extern const BcdReplyForm bcd_reply_attribute_values;
extern const BcdReplyForm bcd_reply_addresses;
extern const BcdReplyForm bcd_reply_metafields;
extern const BcdReplyForm bcd_reply_metafield_deleted;
extern const BcdReplyForm bcd_reply_categories;
extern const BcdReplyForm bcd_reply_categories_updated;
extern const BcdReplyForm bcd_reply_price_records;
extern const BcdReplyForm bcd_reply_price_list_assignments;
extern const BcdReplyForm bcd_reply_silent;
extern const BcdReplyForm bcd_reply_stock;
extern const BcdReplyForm bcd_reply_stock_settings;
extern const BcdReplyForm bcd_reply_redirects;
extern const BcdReplyForm bcd_reply_locations;
extern const BcdReplyForm bcd_reply_bare;

#endif							/* BCD_REPLIES_H */
