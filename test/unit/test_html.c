/*
 * test_html.c
 *		Which spellings of HTML say the same.
 */
#include "postgres.h"

#include "../../src/html.c"
#include "tap.h"

/* Copies that end where the texts do, so that reading on is caught */
static bool
compare(const char *a, const char *b)
{
	int			alen = strlen(a);
	int			blen = strlen(b);
	char	   *x = malloc(Max(alen, 1));
	char	   *y = malloc(Max(blen, 1));
	bool		same;

	memcpy(x, a, alen);
	memcpy(y, b, blen);
	same = bcd_same_html(x, alen, y, blen);
	if (bcd_same_html(y, blen, x, alen) != same)
		printf("# not the same the other way round\n");
	free(x);
	free(y);
	return same;
}

static void
same(const char *a, const char *b)
{
	ok(compare(a, b), "same: %s", a);
}

static void
differ(const char *a, const char *b)
{
	ok(!compare(a, b), "differ: %s", a);
}

int
main(void)
{
	same("", "");
	same("", " \n");
	same("a", "a");
	same(" a  b\r\n", "a b");
	same("a<br>b", "a<br />b");
	same("a<br/>b", "a<BR>b");
	same("<img src=\"x\">", "<IMG  SRC='x' />");
	same("<a href = 'x'>", "<a href=\"x\">");
	same("a & b", "a &amp; b");
	same("\"1 > 0\"", "&quot;1 &gt; 0&quot;");
	same("it's", "it&#39;s");
	same("\303\251", "&#233;");
	same("\303\251", "&#xE9;");
	same("1 < 2", "1 &lt; 2");
	same("<p title=\"a &amp; b\">", "<p title='a & b'>");
	same("<p title='say \"x\"'>", "<p title=\"say &quot;x&quot;\">");
	same("a\n<p>b</p>\n", "a <p>b</p>");
	same("&unknown; & &#; &#x; &", "&unknown; &amp; &#; &#x; &");

	differ("a", "b");
	differ("a", "");
	differ("a", "ab");
	differ("a b", "ab");
	differ("A", "a");
	differ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;");
	differ("<b>", "&lt;b>");
	differ("<p title='A'>", "<p title='a'>");
	differ("<p title='a'>", "<p title='a b'>");
	differ("<p>x</p>", "<p>x<p>");
	differ("<br>", "<hr>");
	differ("a<", "a<b");
	differ("a&amp;lt;", "a&lt;");
	differ("<a", "<a>");
	differ("<a href='x", "<a href='x'>");
	differ("<a b>", "<ab>");
	return tap_done();
}
