/*
 * go_live.c
 *		go_live_check(), and what people add and answer to it: criterion(),
 *		sign(), waive().
 */
#include "postgres.h"

#include <sys/statvfs.h>

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "cutover/go_live.h"
#include "cutover/own_query.h"
#include "feed/feed.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "functions/stage.h"
#include "tables/criterion.h"
#include "tables/feed.h"
#include "tables/signature.h"

PG_FUNCTION_INFO_V1(bcdelta_go_live_check);
PG_FUNCTION_INFO_V1(bcdelta_criterion);
PG_FUNCTION_INFO_V1(bcdelta_sign);
PG_FUNCTION_INFO_V1(bcdelta_waive);
PG_FUNCTION_INFO_V1(bcdelta_disk_free);
PG_FUNCTION_INFO_V1(bcdelta_go_live_blockers);

#define CHECK_COLUMNS	8

static const char *const severities[] = {"must", "should", NULL};
static const char *const verdicts[] = {"go", "no-go", NULL};

/* Returns the server that is meant; the caller has to be one who may see what is found there. */
static char *
server_to_read(FunctionCallInfo fcinfo)
{
	char	   *server;

	bcd_check_not_null(fcinfo, 0, "server");
	server = bcd_target(NULL, bcd_arg_name(fcinfo, 0));
	if (!bcd_is_reader("status"))
		bcd_check_owners(server, "read the status of");
	return server;
}

/* Returns the server that is meant; the caller has to be one who may decide about all of it. */
static char *
server_to_decide(FunctionCallInfo fcinfo)
{
	char	   *server;

	bcd_check_not_null(fcinfo, 0, "server");
	server = bcd_target(NULL, bcd_arg_name(fcinfo, 0));
	bcd_check_owners(server, "decide about");
	return server;
}

/* bcdelta.go_live_check(server) */
Datum
bcdelta_go_live_check(PG_FUNCTION_ARGS)
{
	char	   *server = server_to_read(fcinfo);
	List	   *criteria = bcd_go_live(server);
	ListCell   *lc;
	BcdRows		rows;
	int			no = 0;

	if (!XactReadOnly)
		bcd_go_live_note_lapses(server, criteria);
	bcd_rows_begin(fcinfo, &rows);
	foreach(lc, criteria)
	{
		const BcdCriterion *c = lfirst(lc);
		const char *texts[] = {c->name, c->severity, c->verdict, c->found, c->required, c->why, c->next_step};
		Datum		values[CHECK_COLUMNS];
		bool		nulls[CHECK_COLUMNS] = {false};
		int			i;

		values[0] = Int32GetDatum(++no);
		for (i = 0; i < lengthof(texts); i++)
		{
			nulls[i + 1] = texts[i] == NULL;
			values[i + 1] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
		}
		bcd_rows_put(&rows, values, nulls);
	}
	return (Datum) 0;
}

/* Removes a criterion; a question that comes with bcdelta is not asked any more. */
static void
remove_criterion(const char *server, char *name)
{
	BcdOwnCriterion silent = {name, NULL, NULL, "should", GetUserId()};
	BcdRights	rights;
	bool		found = true;

	bcd_spi_begin(&rights);
	if (bcd_is_proposed(name))
		bcd_criterion_put(server, &silent);
	else
		found = bcd_criterion_remove(server, name);
	if (found)
		(void) bcd_signature_remove(server, name);
	bcd_spi_end(&rights);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("server \"%s\" has no criterion \"%s\"", server, name),
				 errhint("To add one, give a question or a query.")));
}

/* bcdelta.criterion(server, criterion, question, severity, query) */
Datum
bcdelta_criterion(PG_FUNCTION_ARGS)
{
	char	   *server;
	BcdOwnCriterion own = {bcd_arg_text(fcinfo, 1), bcd_arg_text(fcinfo, 2), bcd_arg_text(fcinfo, 4), bcd_arg_text(fcinfo, 3), GetUserId()};
	BcdRights	rights;
	Jsonb	   *detail;

	bcd_check_writable("bcdelta.criterion()");
	bcd_check_not_null(fcinfo, 1, "criterion");
	bcd_check_not_null(fcinfo, 3, "severity");
	bcd_check_label(own.name, "criterion");
	bcd_check_reason(own.name, "criterion");
	bcd_check_word(own.severity, "severity", severities);
	if (own.question)
		bcd_check_reason(own.question, "question");
	if (bcd_is_measured(own.name))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("criterion \"%s\" is measured by bcdelta", own.name),
				 errhint("Choose another name. A criterion that need not be met can be waived with bcdelta.waive().")));
	server = server_to_decide(fcinfo);
	if (own.query)
		bcd_own_query_check(own.query);
	if (own.query == NULL && own.question == NULL)
		remove_criterion(server, own.name);
	else
	{
		bcd_spi_begin(&rights);
		bcd_criterion_put(server, &own);
		/* an answer to another question is none to this one */
		(void) bcd_signature_remove(server, own.name);
		bcd_spi_end(&rights);
	}
	detail = bcd_detail_text(bcd_detail_text(NULL, "criterion", own.name), "severity", own.severity);
	detail = bcd_detail_text(bcd_detail_text(detail, "question", own.question), "query", own.query);
	bcd_decided_on("criterion", server, NULL, NULL, NULL, detail);
	PG_RETURN_VOID();
}

/* Returns a criterion of a list; raises an error if there is none. */
static const BcdCriterion *
find(List *criteria, const char *server, const char *name)
{
	const BcdCriterion *c = bcd_criterion_find(criteria, name);

	if (c == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("server \"%s\" has no criterion \"%s\"", server, name),
				 errhint("SELECT criterion FROM bcdelta.go_live_check(%s) lists them.", quote_literal_cstr(server))));
	return c;
}

static void
write_answer(const char *server, const BcdSignature *s, const char *what, Jsonb *detail)
{
	BcdRights	rights;

	bcd_spi_begin(&rights);
	bcd_signature_put(server, s);
	bcd_spi_end(&rights);
	bcd_decided_on(what, server, NULL, NULL, s->note, detail);
}

/* bcdelta.sign(server, criterion, verdict, note) */
Datum
bcdelta_sign(PG_FUNCTION_ARGS)
{
	char	   *server;
	BcdSignature s = {.criterion = bcd_arg_text(fcinfo, 1),.verdict = bcd_arg_text(fcinfo, 2),.note = bcd_arg_text(fcinfo, 3)};
	const BcdCriterion *c;
	List	   *criteria;
	Jsonb	   *detail;

	bcd_check_writable("bcdelta.sign()");
	bcd_check_not_null(fcinfo, 1, "criterion");
	bcd_check_not_null(fcinfo, 2, "verdict");
	bcd_check_word(s.verdict, "verdict", verdicts);
	if (s.note)
		bcd_check_reason(s.note, "note");
	server = server_to_read(fcinfo);
	criteria = bcd_go_live(server);
	bcd_go_live_note_lapses(server, criteria);
	c = find(criteria, server, s.criterion);
	if (!c->asked)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("criterion \"%s\" is measured, and not signed", s.criterion),
				 errhint("If it need not be met: SELECT bcdelta.waive(%s, %s, 'why');",
						 quote_literal_cstr(server), quote_literal_cstr(s.criterion))));
	s.by = GetUserNameFromId(GetSessionUserId(), true);
	s.met = bcd_criteria_met(criteria);
	detail = bcd_detail_text(bcd_detail_text(NULL, "criterion", s.criterion), "verdict", s.verdict);
	write_answer(server, &s, "sign", bcd_detail_text(detail, "question", c->required));
	PG_RETURN_VOID();
}

/* A waiver that ends now is one that is taken back. */
static void
end_waiver(const char *server, const BcdSignature *s)
{
	BcdRights	rights;
	bool		found;

	bcd_spi_begin(&rights);
	found = bcd_signature_remove(server, s->criterion);
	bcd_spi_end(&rights);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"until\" is in the past: %s", timestamptz_to_str(s->until))));
	bcd_decided_on("waive", server, NULL, NULL, s->note,
				   bcd_detail_text(bcd_detail_text(NULL, "criterion", s->criterion), "until", "now"));
}

/* bcdelta.waive(server, criterion, reason, until) */
Datum
bcdelta_waive(PG_FUNCTION_ARGS)
{
	char	   *server;
	BcdSignature s = {.criterion = bcd_arg_text(fcinfo, 1),.verdict = "waived",.note = bcd_arg_text(fcinfo, 2)};
	const BcdCriterion *c;
	Jsonb	   *detail;

	bcd_check_writable("bcdelta.waive()");
	bcd_check_not_null(fcinfo, 1, "criterion");
	bcd_check_reason(s.note, "reason");
	server = server_to_decide(fcinfo);
	if (!PG_ARGISNULL(3))
		s.until = PG_GETARG_TIMESTAMPTZ(3);
	if (!PG_ARGISNULL(3) && s.until <= GetCurrentTransactionStartTimestamp())
	{
		end_waiver(server, &s);
		PG_RETURN_VOID();
	}
	if (TIMESTAMP_IS_NOEND(s.until))
		s.until = 0;
	c = find(bcd_go_live(server), server, s.criterion);
	s.by = GetUserNameFromId(GetSessionUserId(), true);
	detail = bcd_detail_text(bcd_detail_text(NULL, "criterion", s.criterion), "found", c->found);
	write_answer(server, &s, "waive", bcd_detail_text(detail, "until", s.until ? timestamptz_to_str(s.until) : NULL));
	PG_RETURN_VOID();
}

/* bcdelta.disk_free() */
Datum
bcdelta_disk_free(PG_FUNCTION_ARGS)
{
	struct statvfs fs;

	bcd_check_reader("go_live_fact", NULL, "disk_free");
	if (statvfs(DataDir, &fs) != 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) fs.f_bavail * (int64) fs.f_frsize);
}

/* bcdelta.go_live_blockers(server) */
Datum
bcdelta_go_live_blockers(PG_FUNCTION_ARGS)
{
	bcd_check_reader("metrics", NULL, "go_live_blockers");
	PG_RETURN_INT64(bcd_go_live_blockers(NameStr(*PG_GETARG_NAME(0))));
}
