/*
 * probe.c
 *		Looks up in an index whether a row exists, without a statement.
 *
 * For questions that every reply asks, about one row or, nearly always, none:
 * starting and ending a statement costs ten times as much as the search.
 *
 * The answer is the same as that of a statement at this point: it considers
 * all data committed so far, and the transaction's own changes. If somebody
 * has dropped the index, the table is read; for a partial index, the answer
 * may then be true for a row that the index would not have contained.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "base/bcdelta.h"
#include "base/probe.h"

/* A scan key: the column has this value. */
static void
equals(ScanKey key, TupleDesc desc, const char *column, Datum value)
{
	AttrNumber	attno = SPI_fnumber(desc, column);
	Oid			type = SPI_gettypeid(desc, attno);
	RegProcedure equal = get_opcode(lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr);

	ScanKeyEntryInitialize(key, 0, attno, BTEqualStrategyNumber, InvalidOid,
						   TupleDescAttr(desc, attno - 1)->attcollation, equal, value);
}

static bool
has_text(HeapTuple tuple, TupleDesc desc, const char *column, const char *string)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, SPI_fnumber(desc, column), desc, &isnull);

	return !isnull && strcmp(TextDatumGetCString(value), string) == 0;
}

/*
 * Is there a row with this value, and this text in the other column?  Locks are
 * kept to the end of the transaction, like those of a statement.
 */
bool
bcd_probe(const BcdProbe *probe, Datum value, const char *string)
{
	Oid			schema = get_namespace_oid(BCD_EXTENSION, false);
	Relation	table = table_open(get_relname_relid(probe->table, schema), AccessShareLock);
	TupleDesc	desc = RelationGetDescr(table);
	Oid			index = get_relname_relid(probe->index, schema);
	Snapshot	snapshot;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		found;

	CommandCounterIncrement();
	if (OidIsValid(index))
		LockRelationOid(index, AccessShareLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (probe->column)
		equals(&key, desc, probe->column, value);
	scan = systable_beginscan(table, index, OidIsValid(index), snapshot, probe->column ? 1 : 0, &key);
	do
		tuple = systable_getnext(scan);
	while (HeapTupleIsValid(tuple) && probe->other && !has_text(tuple, desc, probe->other, string));
	found = HeapTupleIsValid(tuple);
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(table, NoLock);
	return found;
}
