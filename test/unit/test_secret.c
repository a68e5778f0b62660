/*
 * test_secret.c
 *		A token is masked however the store spells it.
 */
#include "postgres.h"

#include "../../src/base/secret.c"
#include "tap.h"

#define TOKEN "a1/b+C-3x=Yz\"7_q"

static void
masked(const char *text, const char *wanted, const char *name)
{
	size_t		len = strlen(text);
	char	   *copy = malloc(len + 1); /* so that reading on is caught */

	memcpy(copy, text, len + 1);
	bcd_secret_mask(copy, len, TOKEN);
	is_text(copy, wanted, name);
	free(copy);
}

static void
test_spellings(void)
{
	masked("x " TOKEN " y " TOKEN, "x **************** y ****************", "as it is");
	masked(TOKEN, "****************", "nothing but it");
	masked("{\"a\":\"a1\\/b+C-3x=Yz\\\"7_q\"}", "{\"a\":\"******************\"}", "JSON, backslashes");
	masked("\"\\u0061\\u0031/b\\u002bC-3x=Yz\\u0022\\u0037_q\"", "\"*****************************************\"", "JSON, numbers");
	masked("?t=a1%2Fb%2bC-3x%3DYz%227_q&", "?t=************************&", "a URL");
	masked("<p>a1/b&#43;C-3x&#x3d;Yz&#34;7_q</p>", "<p>*****************************</p>", "HTML");
	masked("a1/b+C-3x=Yz\"7_", "a1/b+C-3x=Yz\"7_", "one character short");
	masked("a1/a1/b+C-3x=Yz\"7_q", "a1/****************", "after a false start");
	masked("\\u00", "\\u00", "cut off in an escape");
	masked("a1%2", "a1%2", "cut off in another");
	masked("a1/b&#", "a1/b&#", "and another");
	masked("", "", "empty");
}

/* Whatever comes before and after it */
static void
test_base64_anywhere(void)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	int			before;
	int			after;

	for (before = 0; before < 6; before++)
		for (after = 0; after < 3; after++)
		{
			unsigned char plain[64] = {0};
			char		text[128];
			int			len = before + strlen(TOKEN) + after;
			int			n = 0;
			int			stars = 0;
			int			i;

			memset(plain, 'u', sizeof(plain));
			memcpy(plain + before, TOKEN, strlen(TOKEN));
			for (i = 0; i * 6 < len * 8; i++)
			{
				int			at = i * 6;
				int			two = plain[at / 8] << 8 | plain[at / 8 + 1];

				text[n++] = digits[(two >> (10 - at % 8)) & 63];
			}
			text[n] = '\0';
			bcd_secret_mask(text, n, TOKEN);
			for (i = 0; i < n; i++)
				stars += text[i] == '*';
			ok(stars >= 20, "base64 after %d and before %d bytes: %s", before, after, text);
		}
}

/* With '-' for '+' and '_' for '/', next to the place where it begins, and twice */
static void
test_base64_of_urls(void)
{
	char		text[] = "eHF-WGI5S2Q3TG1QdzIhIQ==eHF-WGI5S2Q3TG1QdzIhIQ==";
	char		both[] = "dWs_Pn5vfj8-en4_Nz5xfj8=";

	bcd_secret_mask(text, strlen(text), "q~Xb9Kd7LmPw2");
	is_text(text, "eH****************IhIQ==eH****************IhIQ==", "base64 for URLs");
	bcd_secret_mask(both, strlen(both), "k?>~o~?>z~?7>q~?");
	is_text(both, "dW********************8=", "with both of its digits");
}

int
main(void)
{
	test_spellings();
	test_base64_anywhere();
	test_base64_of_urls();
	return tap_done();
}
