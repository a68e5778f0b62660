/*
 * stock.c
 *		The endpoints for the stock of any kind of record: inventory.v3.yml.
 *
 * A request has room for many more items than a request for products. It must
 * not run at the same time as other writes to the catalog, or as another
 * request of its kind: the result of two writes to the same item is undefined.
 *
 * A relative adjustment adds to the quantity that the store has. The store
 * refuses it for an item whose quantity was never set by an absolute one.
 */
#include "postgres.h"

#include "resource/replies.h"
#include "resource/resource.h"

const BcdEndpoint bcd_stock_absolute = {
	"PUT", "/inventory/adjustments/absolute", 2000, BCD_ARRAY, &bcd_reply_stock,
	.concurrent = 1,
	.inside = "items",
	.beside = "\"reason\": \"bcdelta\"",
	.alone = true,
};

const BcdEndpoint bcd_stock_relative = {
	"POST", "/inventory/adjustments/relative", 2000, BCD_ARRAY, &bcd_reply_stock,
	.concurrent = 1,
	.inside = "items",
	.beside = "\"reason\": \"bcdelta\"",
	.alone = true,
	.once = true,
};
