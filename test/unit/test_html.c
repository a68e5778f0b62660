/*
 * test_html.c
 *		Which spellings of HTML say the same.
 */
#include "postgres.h"

#include "../../src/payload/html.c"
#include "tap.h"

/* Copies that end where the texts do, so that reading on is caught */
static bool
compare(const char *a, const char *b)
{
	int			alen = strlen(a);
	int			blen = strlen(b);
	char	   *x = malloc(Max(alen, 1));
	char	   *y = malloc(Max(blen, 1));
	StringInfoData one;
	StringInfoData other;
	bool		same;

	memcpy(x, a, alen);
	memcpy(y, b, blen);
	same = bcd_same_html(x, alen, y, blen);
	if (bcd_same_html(y, blen, x, alen) != same)
		printf("# not the same the other way round\n");
	/* the common forms say the same */
	initStringInfo(&one);
	initStringInfo(&other);
	bcd_html_append(&one, x, alen);
	bcd_html_append(&other, y, blen);
	if ((one.len == other.len && memcmp(one.data, other.data, one.len) == 0) != same)
	{
		printf("# the common forms differ in this\n");
		same = !same;
	}
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

/* Every name of the standard, as it is found and as it is meant */
static void
all_names(void)
{
	char		reference[BCD_HTML_NAME_BYTES + 3];
	int			wrong = 0;

	for (int i = 0; i < lengthof(html_names); i++)
	{
		snprintf(reference, sizeof(reference), "x&%s", html_names[i].name);
		if (!compare(reference, psprintf("x%s", html_names[i].value)) &&
			html_names[i].value[0] != '\t' && html_names[i].value[0] != '\n')
			wrong++;
	}
	ok(lengthof(html_names) == 2231 && wrong == 0,
	   "all names of the standard are found (%d of %d are not)", wrong, (int) lengthof(html_names));
}

/* Texts as shops have them, and as an editor or another system spells them */
static void
catalogue_texts(void)
{
	same("<ul>\n<li>&bull; Caf\303\251 cr&egrave;me &ndash; 250&nbsp;g</li>\n</ul>",
		 "<ul> <li>\342\200\242 Caf&eacute; cr\303\250me \342\200\223 250\302\240g</li> </ul>");
	same("WindStop&trade; jacket &reg; 5&frac12;&Prime; &deg;C &times; 2 &hellip;",
		 "WindStop\342\204\242 jacket \302\256 5\302\275\342\200\263 \302\260C \303\227 2 \342\200\246");
	same("&ldquo;Sch&ouml;n&rdquo; &mdash; f&uuml;r Stra&szlig;e &euro; 9,90",
		 "\342\200\234Sch\303\266n\342\200\235 \342\200\224 f\303\274r Stra\303\237e \342\202\254 9,90");
	same("It&#146;s &#147;new&#148; &#150; &#8217;", "It\342\200\231s \342\200\234new\342\200\235 \342\200\223 \342\200\231");
	same("<p>one&nbsp;&nbsp;two</p>", "<p>one&#160;&#xa0;two</p>");
	same("R&D &copy 2026, caf&eacute", "R&amp;D \302\251 2026, caf\303\251");
	same("<a href=\"/x?a=1&copy=2&lt=3\">", "<a href='/x?a=1&amp;copy=2&amp;lt=3'>");
	differ("<a href=\"/x?a=1&copy;=2\">", "<a href='/x?a=1&amp;copy;=2'>");
	differ("&bull;", "&middot;");
	differ("1&nbsp;g", "1 g");
	differ("&Eacute;", "&eacute;");
}

int
main(void)
{
	all_names();
	catalogue_texts();
	same("a&#10;&Tab; b&NewLine;", "a b");
	same("a&NotEqualTilde;", "a\342\211\202\314\270");
	same("&#0;&#xD800;&#x110000;&#99999999999999999999;", "\357\277\275\357\277\275\357\277\275\357\277\275");
	same("&notit;", "\302\254it;");
	same("&noti", "\302\254i");
	same("&am &eacut &#", "&amp;am &amp;eacut &amp;#");
	same("&#65", "A");
	same("&#x41g", "Ag");
	differ("&amp;eacute;", "\303\251");
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
