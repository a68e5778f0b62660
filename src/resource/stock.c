/*
 * stock.c
 *		Where stock goes, of whatever record: inventory.v3.yml.
 *
 * A request has room for many more items than one for products has, but must
 * not run beside other writes to the catalogue, or beside another one of its
 * kind: which of two writes to one item wins is not defined.
 */
#include "postgres.h"

#include "resource/resource.h"

const BcdEndpoint bcd_stock_absolute = {
	"PUT", "/inventory/adjustments/absolute", 2000, BCD_ARRAY, &bcd_reply_stock,
	.concurrent = 1,
	.inside = "items",
	.beside = "\"reason\": \"bcdelta\"",
	.alone = true,
};
