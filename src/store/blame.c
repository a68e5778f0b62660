/*
 * blame.c
 *		Finds the records of a batch that an error text refers to.
 *
 * The API does not say which record of a batch was refused. The text often
 * does: by the record's id, or its name. We do not rely on it; it only suggests
 * which records are better sent alone.
 */
#include "postgres.h"

#include <ctype.h>

#include "store/blame.h"

/* Part of a word or number, or of a letter beyond ASCII */
static bool
in_word(char c)
{
	return isalnum((unsigned char) c) || c == '_' || c == '-' || (c & 0x80);
}

/*
 * Returns the number at p, and sets *end to the end of its digits, or to NULL
 * if there is no number.
 */
static uint64
number_at(const char *text, const char *p, const char **end)
{
	uint64		number = 0;
	const char *q = p;

	*end = NULL;
	if (p > text && (in_word(p[-1]) || p[-1] == '.'))
		return 0;
	while (isdigit((unsigned char) *q) && q - p < 18)
		number = number * 10 + (*q++ - '0');
	if (q > p && !in_word(*q))
		*end = q;
	return number;
}

bool
bcd_blames_id(const char *text, int64 id)
{
	const char *p;
	const char *end;

	if (id <= 0)
		return false;
	for (p = text; *p; p++)
		if (number_at(text, p, &end) == (uint64) id && end && !(end[0] == '.' && isalnum((unsigned char) end[1])))
			return true;
	return false;
}

/* Returns whether the text contains the name as whole words, ignoring case. */
bool
bcd_blames_name(const char *text, const char *name)
{
	size_t		len = strlen(name);
	size_t		left;			/* the text may be long */
	const char *p;

	if (len < 2)
		return false;
	for (p = text, left = strlen(text); left >= len; p++, left--)
		if ((p == text || !in_word(p[-1]) || !in_word(p[0])) &&
			(!in_word(p[len]) || !in_word(p[len - 1])) &&
			pg_strncasecmp(p, name, len) == 0)
			return true;
	return false;
}

static bool
has_one_of(const char *text, const char *const *words)
{
	const char *p;

	for (; *words; words++)
		for (p = text; *p; p++)
			if (pg_strncasecmp(p, *words, strlen(*words)) == 0)
				return true;
	return false;
}

/*
 * Returns whether the text contains a positive number smaller than this one.
 */
static bool
has_smaller_number(const char *text, int size)
{
	const char *p;
	const char *end;

	for (p = text; *p; p++)
	{
		uint64		number = number_at(text, p, &end);

		if (end && number > 0 && number < (uint64) size)
			return true;
	}
	return false;
}

/*
 * Returns whether the text complains about the number of records in a batch of
 * that size. It may say so in words, or mention a limit below the number sent.
 */
bool
bcd_blames_size(const char *text, int size)
{
	static const char *const sure[] = {"payload", "batch", "maximum items", "too many items", NULL};
	static const char *const limit[] = {"max", "at most", "more than", "limit", "exceed", "up to", "too many", NULL};
	static const char *const things[] = {"array", "item", "object", "element", "entries", "record", "products",
	"categories", "brands", "customers", "per request", NULL};

	return has_one_of(text, sure) ||
		(has_one_of(text, limit) && has_one_of(text, things) && has_smaller_number(text, size));
}
