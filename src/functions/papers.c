/*
 * papers.c
 *		message(), set_template(), runbook() and sop(): what people are told of a
 *		cutover, and go by.
 *
 * Whoever may use the server may have its papers.  They tell of the feeds whose
 * owners the caller may act for, and what go_live_check() and estimate() tell
 * the caller.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "functions/report_view.h"
#include "papers/message.h"
#include "papers/runbook.h"
#include "papers/sop.h"
#include "store/store.h"
#include "tables/template.h"

PG_FUNCTION_INFO_V1(bcdelta_set_template);
PG_FUNCTION_INFO_V1(bcdelta_message);
PG_FUNCTION_INFO_V1(bcdelta_runbook);
PG_FUNCTION_INFO_V1(bcdelta_sop);

/* The longest texts, in characters */
#define MAX_SUBJECT		200
#define MAX_BODY		10000

/*
 * Begins a paper about the server in argument 0, in the time zone of its plan;
 * returns the level of settings that the caller has to end.
 */
static int
paper_begin(FunctionCallInfo fcinfo, BcdPaper *paper, const BcdTongue *tongue)
{
	int			level;

	bcd_check_not_null(fcinfo, 0, "server");
	memset(paper, 0, sizeof(*paper));
	paper->scope.server = bcd_arg_name(fcinfo, 0);
	(void) bcd_store_check(paper->scope.server, GetUserId());
	bcd_set_view(&paper->scope);
	paper->scope.now = paper->scope.until = GetCurrentTimestamp();
	level = NewGUCNestLevel();
	bcd_pin_settings();
	bcd_paper_read(paper, tongue);
	if (paper->has_plan)
		(void) set_config_option("timezone", paper->plan.time_zone, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* Raises an error unless the words name a message. */
static void
check_message(FunctionCallInfo fcinfo, int first, char **event, char **audience, char **language)
{
	size_t		letters;

	bcd_check_not_null(fcinfo, first, "event");
	bcd_check_not_null(fcinfo, first + 1, "audience");
	bcd_check_not_null(fcinfo, first + 2, "language");
	*event = bcd_arg_text(fcinfo, first);
	*audience = bcd_arg_text(fcinfo, first + 1);
	*language = bcd_arg_text(fcinfo, first + 2);
	bcd_check_word(*event, "event", bcd_message_events);
	bcd_check_word(*audience, "audience", bcd_message_audiences);
	letters = strspn(*language, "abcdefghijklmnopqrstuvwxyz");
	if (letters < 2 || letters > 3 || strlen(*language) > 12 ||
		((*language)[letters] != '\0' && ((*language)[letters] != '-' || (*language)[letters + 1] == '\0' ||
										  (*language)[letters + 1 + strspn(*language + letters + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")] != '\0')))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"language\": \"%s\"", *language),
				 errhint("A language is two or three small letters, such as en or de, with a region after a hyphen if need be, such as de-CH.")));
}

/* Raises an error unless the text may be a template. */
static void
check_text(const char *text, const char *argument, int max_chars, bool one_line)
{
	int			chars = pg_mbstrlen(text);

	if (text[strspn(text, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", argument),
				 errhint("With a null subject and a null body, the message that comes with bcdelta is used again.")));
	if (chars > max_chars)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("argument \"%s\" has %d characters, and may have %d", argument, chars, max_chars)));
	if (one_line && text[strcspn(text, "\r\n")] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be one line", argument)));
	bcd_template_check(text, argument);
}

/* bcdelta.set_template(event, audience, language, subject, body) */
Datum
bcdelta_set_template(PG_FUNCTION_ARGS)
{
	char	   *event;
	char	   *audience;
	char	   *language;
	char	   *subject = bcd_arg_text(fcinfo, 3);
	char	   *body = bcd_arg_text(fcinfo, 4);
	Jsonb	   *detail;
	BcdRights	rights;

	bcd_check_writable("bcdelta.set_template()");
	check_message(fcinfo, 0, &event, &audience, &language);
	if ((subject == NULL) != (body == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null if argument \"%s\" is not", subject ? "body" : "subject", subject ? "subject" : "body")));
	if (subject)
	{
		check_text(subject, "subject", MAX_SUBJECT, true);
		check_text(body, "body", MAX_BODY, false);
	}
	bcd_store_check_all(GetUserId(), "set templates of messages");
	bcd_spi_begin(&rights);
	bcd_template_set(event, audience, language, subject, body, GetUserNameFromId(GetSessionUserId(), true));
	bcd_spi_end(&rights);
	detail = bcd_detail_text(bcd_detail_text(NULL, "event", event), "audience", audience);
	detail = bcd_detail_text(bcd_detail_text(detail, "language", language), "subject", subject ? subject : "default");
	(void) bcd_decided_on("set_template", NULL, NULL, NULL, NULL, detail);
	PG_RETURN_VOID();
}

/* Looks for a template in one language, the merchant's own one first. */
static bool
look_for_template(const char *event, const char *audience, const char *language, char **subject, char **body)
{
	MemoryContext cxt = CurrentMemoryContext;
	const BcdTemplate *builtin = bcd_template_builtin(event, audience, language);
	BcdRights	rights;
	bool		own;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	own = bcd_template_read(event, audience, language, subject, body);
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
	if (own || builtin == NULL)
		return own;
	*subject = bcd_template_text(builtin->subject);
	*body = bcd_template_text(builtin->body);
	return true;
}

/* The languages besides those that come with bcdelta, for a hint */
static char *
other_languages(const char *event, const char *audience)
{
	MemoryContext cxt = CurrentMemoryContext;
	StringInfoData words;
	BcdRights	rights;
	ListCell   *lc;

	initStringInfo(&words);
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	foreach(lc, bcd_template_languages(event, audience))
	{
		if (bcd_template_builtin(event, audience, lfirst(lc)) == NULL)
			appendStringInfo(&words, ", %s", (char *) lfirst(lc));
	}
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
	return words.data;
}

/* Finds the template of a message: for de-CH, that for de will do. */
static void
find_template(const char *event, const char *audience, const char *language, char **subject, char **body)
{
	if (look_for_template(event, audience, language, subject, body) ||
		look_for_template(event, audience, pnstrdup(language, strcspn(language, "-")), subject, body))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("there is no message \"%s\" for \"%s\" in language \"%s\"", event, audience, language),
			 errhint("It is there in en, de%s. SELECT bcdelta.set_template(%s, %s, %s, 'subject', 'body') adds one.", other_languages(event, audience),
					 quote_literal_cstr(event), quote_literal_cstr(audience), quote_literal_cstr(language))));
}

/* Raises an error unless there is a plan to write about. */
static void
check_plan(const BcdPaper *paper)
{
	if (!paper->has_plan)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("server \"%s\" has no plan of a cutover", paper->scope.server),
				 errhint("SELECT * FROM bcdelta.plan_cutover(%s, '2027-01-16 05:10') makes one.", quote_literal_cstr(paper->scope.server))));
}

/* bcdelta.message(server, event, audience, language) */
Datum
bcdelta_message(PG_FUNCTION_ARGS)
{
	char	   *event;
	char	   *audience;
	char	   *language;
	char	   *subject;
	char	   *body;
	bool		nulls[2] = {false};
	Datum		values[2];
	BcdPaper	paper;
	BcdRows		out;
	int			level;

	check_message(fcinfo, 1, &event, &audience, &language);
	level = paper_begin(fcinfo, &paper, bcd_tongue(language));
	check_plan(&paper);
	find_template(event, audience, language, &subject, &body);
	values[0] = CStringGetTextDatum(bcd_template_fill(subject, &paper, true));
	values[1] = CStringGetTextDatum(bcd_template_fill(body, &paper, false));
	AtEOXact_GUC(false, level);
	bcd_rows_begin(fcinfo, &out);
	bcd_rows_put(&out, values, nulls);
	return (Datum) 0;
}

/* bcdelta.runbook(server) */
Datum
bcdelta_runbook(PG_FUNCTION_ARGS)
{
	BcdPaper	paper;
	StringInfoData out;
	int			level = paper_begin(fcinfo, &paper, bcd_tongue("en"));

	check_plan(&paper);
	initStringInfo(&out);
	bcd_runbook(&out, &paper);
	AtEOXact_GUC(false, level);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* bcdelta.sop(server) */
Datum
bcdelta_sop(PG_FUNCTION_ARGS)
{
	BcdPaper	paper;
	StringInfoData out;
	int			level = paper_begin(fcinfo, &paper, bcd_tongue("en"));

	initStringInfo(&out);
	bcd_sop(&out, &paper);
	AtEOXact_GUC(false, level);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
