# The report: a page about a store or a run, in one line, which hides nothing
# and lets nothing through.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('report', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);

sub page { return $shop->sql("SELECT bcdelta.report($_[0])"); }

# What a reader sees: without tags and style, with the characters that are meant.
sub text_of
{
	my ($html) = @_;
	$html =~ s/<style>.*?<\/style>//s;
	$html =~ s/<[^>]*>/ /g;
	$html =~ s/&#(\d+);/chr $1/ge;
	$html =~ s/\s+/ /g;
	return $html;
}

subtest 'a store without feeds, without runs, and with a push has a report' => sub {
	like(text_of(page("'shop'")), qr/No table feeds this store yet/, 'no feed');
	$shop->tables;
	like(text_of(page("'shop'")), qr/3 feeds are set up, and nothing has been pushed yet/, 'no run');
	$shop->sql("INSERT INTO makers VALUES ('ACME', 'Acme'); INSERT INTO articles (sku, title, price, maker) SELECT 'A-' || i, 'Article ' || i, i, 'ACME' FROM generate_series(1, 30) AS i");
	$shop->wait_for("SELECT sum(ready) = 31 FROM bcdelta.status");
	like(text_of(page("'shop'")), qr/Nothing is in the store yet; 31 rows wait to be pushed/, 'rows that wait');
	$shop->push;
	my $text = text_of(page("'shop'"));
	like($text, qr/All is well 31 rows are in the store, and nothing waits to be pushed/, 'all is well');
	like($text, qr/product articles .*30/, 'what became of products');
	like(page("'shop'"), qr/<svg role=img aria-label="Line chart: at most 31 rows waited, 0 at the end\."/, 'a chart');
};

subtest 'each run leaves a sample' => sub {
	is_deeply($shop->list("SELECT concat_ws('|', s.run_id = r.run_id, s.pending, s.failed, s.done, s.calls = r.api_calls, s.seconds > 0)
		FROM bcdelta.sample AS s JOIN bcdelta.run AS r ON r.server = s.server WHERE s.run_id IS NOT NULL"),
		['t|0|0|31|t|t'], 'with what it has done, and what was left');
	$shop->sql("UPDATE bcdelta.sample SET at = at - interval '6 minutes'; UPDATE articles SET price = price + 1 WHERE sku < 'A-2'");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.sample WHERE run_id IS NULL AND pending = 11");
	$shop->sql("UPDATE articles SET price = price + 1");
	$shop->wait_for("SELECT sum(ready) = 30 FROM bcdelta.status");
	is($shop->sql("SELECT count(*) FROM bcdelta.sample WHERE run_id IS NULL AND pending = 30"), 0, 'not more than one in five minutes besides');
	$shop->sql("UPDATE bcdelta.sample SET at = at - interval '6 minutes'");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.sample WHERE run_id IS NULL AND pending = 30");
	$shop->push;
	$shop->sql("INSERT INTO bcdelta.sample (at, server, seconds, pending, failed, review) VALUES (now() - interval '91 days', 'shop', 0, 1, 0, 0), (now() - interval '89 days', 'shop', 0, 1, 0, 0)");
	kill_worker($node, 'shop', 'TERM');
	$shop->wait_for("SELECT NOT EXISTS (SELECT FROM bcdelta.sample WHERE at < now() - interval '90 days')");
	is($shop->sql("SELECT count(*) FROM bcdelta.sample WHERE at < now() - interval '88 days'"), 1, 'and is kept for 90 days');
};

subtest 'what does not exist, or may not be seen, is a clear error' => sub {
	$shop->sql(<<'EOC');
CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE carol; CREATE ROLE reader; GRANT USAGE ON FOREIGN SERVER shop TO alice, carol;
GRANT USAGE ON SCHEMA bcdelta TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA bcdelta TO reader;
UPDATE bcdelta.feed SET owner = 'alice' WHERE feed = 'makers';
EOC
	my $run = $shop->push("feed => 'articles'")->{run_id};
	my $error = sub { my ($role, $args) = @_; return ($shop->try("SET ROLE $role; SELECT bcdelta.report($args)"))[2]; };
	like($error->('bob', "'shop'"), qr/permission denied for foreign server shop.*GRANT USAGE/s, 'a server without rights');
	like($error->('alice', "'shops'"), qr/server "shops" does not exist/, 'a server that does not exist');
	like($error->('reader', "'shops'"), qr/server "shops" does not exist/, 'also for a reader');
	like($error->('alice', '999'), qr/run 999 does not exist/, 'a run that does not exist');
	like($error->('alice', $run), qr/permission denied for run $run.*feed "articles"/s, 'a run of another one\'s feed');
	like($error->('bob', '1'), qr/permission denied for foreign server shop/, 'a run of all feeds, without rights on the server');
	like($error->('postgres', "NULL"), qr/function bcdelta\.report\(unknown\) is not unique|argument "server" must not be null/, 'no server');
	like($error->('postgres', "'shop', now() + interval '1 day'"), qr/argument "since" is in the future/, 'a time in the future');
	my ($rc, $out) = $shop->try("SET ROLE reader; SELECT bcdelta.report('shop')");
	like(text_of($out), qr/ 31 rows in the store 3 feeds/, 'a reader of the tables sees all of it, without other rights');
	($rc, $out) = $shop->try("SET ROLE alice; SELECT bcdelta.report('shop')");
	like(text_of($out), qr/ 1 row in the store 1 feed /, 'an owner sees her own feeds');
	unlike($out, qr/articles|product/, 'and no others');
	($rc, $out) = $shop->try("SET ROLE carol; SELECT bcdelta.report('shop')");
	like(text_of($out), qr/No feed of this store is yours/, 'who owns none sees that');
};

my $hostile = q(E'</title></style><script>alert(1)</script><img src=x onerror="alert(2)">\\\\ & '' ` \n\r\t \u202Emoc.rekcah\u2066 \u05E9\u05DC\u05D5\u05DD \uFFFF \U000E0041 \u0007 end');

subtest 'hostile names come out harmless, and the page has one line of plain ASCII' => sub {
	$shop->sql("CREATE TABLE evil (id text PRIMARY KEY, name text)");
	$shop->sql("SELECT bcdelta.track('evil', 'shop', 'brand', feed => left($hostile, 80), fields => '{\"name\": \"name\"}')");
	$shop->sql("INSERT INTO evil VALUES ($hostile, 'x'), ('long', repeat($hostile, 100)), ('zalgo', 'z' || repeat(U&'\\0301', 500))");
	my $run = $shop->push->{run_id};
	foreach my $args ("'shop'", $run)
	{
		my $page = page($args);
		unlike($page, qr/[^ -~]/, "$args: printable ASCII, no line break, no tab");
		unlike($page, qr/\\/, 'no backslash');
		unlike($page, qr/<script|<img|onerror="/i, 'no element of a name');
		is(scalar(() = $page =~ /<\/style>/g), 1, 'nothing ends the style');
		unlike($page, qr/&#(8238|8294|65535|7|917569);/, 'no control, of direction or other');
		like($page, qr/&#1513;&#1500;&#1493;&#1501;|brand/, 'what is harmless stays');
		cmp_ok(length $page, '<', 200_000, 'and it is short');
	}
};

subtest 'psql -At, output files and COPY write the same bytes' => sub {
	my $dir = $node->basedir;
	my $call = "SELECT bcdelta.report('shop')";
	$node->psql('shop', "BEGIN;\n\\pset format unaligned\n\\pset tuples_only on\n\\o $dir/o.html\n$call;\n\\o\nCOPY ($call) TO '$dir/copy.html';\n\\copy ($call) TO '$dir/client.html'\n\\encoding LATIN1\n\\o $dir/latin1.html\n$call;\n\\o\nCOMMIT");
	my $page = slurp_file("$dir/o.html");
	like($page, qr/^<!DOCTYPE html>.*<\/html>\n\z/, 'a page, and one line break');
	is(slurp_file("$dir/$_.html"), $page, $_) foreach qw(copy client latin1);
};

done_testing();
