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

subtest 'a run that takes long leaves samples in between, which add up' => sub {
	plan skip_all => 'the library was built without assertions' if $shop->sql("SELECT count(*) FROM pg_settings WHERE name = 'bcdelta.sample_seconds'") eq '0';
	$node->safe_psql('postgres', 'ALTER SYSTEM SET bcdelta.sample_seconds = 1');
	$node->reload;
	$shop->wait_for("SHOW bcdelta.sample_seconds", '1s');
	$shop->sql('UPDATE articles SET price = price + 1');
	$shop->wait_for("SELECT sum(ready) = 30 FROM bcdelta.status");
	$store->hold({ match => { method => 'PUT' } });
	my $push = $shop->start;
	$shop->wait_held(1);
	$shop->wait_for("SELECT count(*) >= 2 FROM bcdelta.sample AS s JOIN bcdelta.run AS r USING (run_id) WHERE r.state = 'running'");
	$store->release;
	$push->finish;
	my $samples = $shop->value("SELECT count(*) AS n, sum(s.calls) - max(r.api_calls) AS calls, sum(s.done) AS done
		FROM bcdelta.sample AS s JOIN bcdelta.run AS r USING (run_id) WHERE run_id = (SELECT max(run_id) FROM bcdelta.run)");
	cmp_ok($samples->{n}, '>=', 3, 'two in between at least, and one at the end') or diag(explain($samples));
	is($samples->{calls}, 0, 'they have each request once') or diag(explain($samples));
	is($samples->{done}, 30, 'and each row');
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET bcdelta.sample_seconds');
	$node->reload;
};

subtest 'a page says what was refused and what to do, what differs, what has to be decided, and what can be undone' => sub {
	$shop->sql("SELECT bcdelta.set_conflict('articles', 'price', 'review'); UPDATE articles SET price = -price WHERE sku IN ('A-1', 'A-2')");
	$store->fault({ match => { method => 'PUT', path => 'brands' }, do => { status => 422, body => { status => 422, title => 'The name is not allowed.' } } });
	$shop->sql("UPDATE makers SET name = 'Acme & Co'; UPDATE articles SET price = price + 1 WHERE sku = 'A-5'");
	$store->edit('product', $shop->id('articles', 'A-5'), { price => 4711 });
	$store->edit('product', $shop->id('articles', 'A-6'), { name => 'Edited by <b>somebody</b>' });
	my $push = $shop->push->{run_id};
	$store->unfault;
	my $verify = $shop->verify->{run_id};
	$shop->sql("SELECT bcdelta.adjust('articles', 'A-6', 'name', 'the agency wants it so'); SELECT bcdelta.note('look at prices', 'articles')");
	my $text = text_of(page("'shop'"));
	like($text, qr/Worth a look 31 rows are in the store, but 3 rows were refused and wait for a correction, and 1 value waits for a decision/, 'the verdict');
	like($text, qr/2 A value that the store would not take price: .* Rows of articles : A-1 , A-2 Correct the values/, 'refusals of one kind, with the first rows, and what to do');
	like($text, qr/1 The store refused the values 422 The name is not allowed.* Row of makers : ACME/, 'those of the store');
	like($text, qr/To be decided .* A-5 articles price \d+ 4711 .*SELECT bcdelta\.resolve\(1, 'store'\);/, 'a conflict, and the call');
	like($text, qr/Do source and store agree\? .*brand The only brand row differs as of .*SELECT bcdelta\.report\($verify\);/, 'proof');
	like($text, qr/Adjusted by hand .*A-6 articles name .*the agency wants it so/, 'adjustments');
	like($text, qr/What can be undone .*push \d+ .*30 .* To see what that would do: SELECT \* FROM bcdelta\.rollback_preview/, 'what can be undone');
	$shop->sql("SELECT bcdelta.pause('groups', 'stock-taking')");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.event WHERE event = 'feed_paused' AND over_at IS NULL");
	like(text_of(page("'shop'")), qr/Problems now feed "groups": .*stock-taking/, 'what is wrong');
	$shop->sql("SELECT bcdelta.resume('groups')");
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.event WHERE over_at IS NULL");
	like(text_of(page("'shop'")), qr/Problems over feed "groups": .*stock-taking.* until today/, 'what is over');
	like($text, qr/Decisions .*note articles postgres look at prices/, 'decisions');
	$text = text_of(page($verify));
	like($text, qr/Run $verify: verify .*5 differences were found between source and store/, 'a verify');
	like($text, qr/articles differs name 1 A-6 Article 6 Edited by <b>somebody<\/b> .*The next push corrects .*repair\($verify\)/, 'and what it found');
	$text = text_of(page($push));
	like($text, qr/Run $push: push .*2 A value that the store would not take/, 'the push');
	my $back = $shop->sql("SELECT run_id FROM bcdelta.rollback(1, after => 'none')");
	like(text_of(page($back)), qr/Run $back: rollback .*What was written is undone.* What became of the fields/, 'a rollback');
	my $preview = $shop->sql("SELECT count(*) FROM bcdelta.rollback_preview($push); SELECT max(run_id) FROM bcdelta.run") =~ s/.*\n//sr;
	like(text_of(page($preview)), qr/preview of a rollback .*nothing was written/, 'a preview');
	$shop->sql("UPDATE articles SET price = abs(price); SELECT bcdelta.mark_all('articles'), bcdelta.resolve(1, 'source'), bcdelta.mark_all('makers')");
	$shop->push;
	$text = text_of(page($push));
	like($text, qr/None of them is waiting any more/, 'what was corrected is told so');
	$shop->sql("DELETE FROM bcdelta.adjustment; SELECT bcdelta.mark_all('articles')");
	$shop->push;
	is($shop->sql('SELECT count(*) FROM bcdelta.pending'), 0, 'all is corrected');
};

subtest 'a run that is going on, that failed, and that was stopped has a report' => sub {
	$store->hold({ match => { method => 'PUT' } });
	$shop->sql("UPDATE articles SET price = price + 1");
	my $push = $shop->start;
	$shop->wait_held(1);
	my $run = $shop->sql("SELECT max(run_id) FROM bcdelta.run");
	like(text_of(page($run)), qr/At work It has been going on for .*: 0 of 30 rows are done/, 'going on');
	like(text_of(page("'shop'")), qr/At work A push is under way: 0 of 30 rows are done/, 'the store, meanwhile');
	$shop->sql("SELECT bcdelta.cancel($run)");
	$store->release;
	$push->finish;
	like(text_of(page($run)), qr/Worth a look It was stopped after .*cancel/, 'stopped');
	$shop->sql("UPDATE bcdelta.run SET state = 'failed', error = 'the <store> is gone' WHERE run_id = $run");
	like(text_of(page($run)), qr/Somebody is needed It failed after .*: the <store> is gone/, 'failed');
	$shop->push;
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
	($rc, $out) = $shop->try(<<'EOC');
BEGIN;
UPDATE bcdelta.feed SET owner = 'alice';
UPDATE bcdelta.sample SET at = now();
WITH r AS (INSERT INTO bcdelta.run (run_id, kind, server, state, started_at, finished_at, error, warning) OVERRIDING SYSTEM VALUE
	VALUES (9001, 'push', 'shop', 'failed', now(), now(), 'row "secret-1" is odd', NULL), (9002, 'push', 'shop', 'succeeded', now(), now(), NULL, 'row "secret-2" is odd') RETURNING run_id)
INSERT INTO bcdelta.result (run_id, feed, key, outcome, error) SELECT run_id, 'untracked', 'secret-3', 'failed', 'secret-4' FROM r;
INSERT INTO bcdelta.journal (feed, server, what, by_role, reason) VALUES ('untracked', 'shop', 'note', 'x', 'secret-5');
INSERT INTO bcdelta.event (event, severity, server, schedule, message, over_at) VALUES ('schedule_failed', 'critical', 'shop', 'nightly', 'schedule "nightly": run 9001 failed: secret-6', now());
SET LOCAL ROLE alice;
SELECT bcdelta.report('shop');
SELECT bcdelta.report(9001);
SELECT bcdelta.report(9002);
ROLLBACK;
EOC
	my @pages = split /\n/, $out;
	is(scalar(@pages), 3, 'who owns all feeds has pages');
	unlike($_, qr/secret|untracked/, 'without what is kept of feeds that are gone, and quotes of runs of all feeds') foreach @pages;
	like($pages[0], qr/Line chart/, 'but with the charts');
	like(text_of($pages[0]), qr/schedule "nightly": its last run failed/, 'and the problems');
	like(text_of($pages[1]), qr/It failed after .*: the reason is not shown to you/, 'which say that an error is not shown');
	like(text_of($pages[2]), qr/There is a warning, which is not shown to you/, 'and a warning');
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

subtest 'broken bytes, where the database does not know its encoding, come out harmless' => sub {
	$node->safe_psql('postgres', "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	my $page = $node->safe_psql('ascii', q(SET client_encoding = 'SQL_ASCII'; CREATE EXTENSION bcdelta;
		DO $$ BEGIN EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash %L)', E'\xff\xc0\xaf\xe2\x82<b>\xe2', 'x'); END $$;
		SELECT bcdelta.report(E'\xff\xc0\xaf\xe2\x82<b>\xe2')));
	like($page, qr/<h1><bdi>(&#65533;){5}&#60;b&#62;&#65533;<\/bdi><\/h1>/, 'each byte is replaced');
	unlike($page, qr/[^ -~]/, 'and the page is ASCII');
};

subtest 'a byte that means nothing in the encoding of the database does not keep the page from being made' => sub {
	$node->safe_psql('postgres', "CREATE DATABASE win ENCODING 'WIN1252' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	my $page = $node->safe_psql('win', q(SET client_encoding = 'WIN1252'; CREATE EXTENSION bcdelta;
		DO $$ BEGIN EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash %L)', E'a\x81\xfc<\x8d', 'x'); END $$;
		SELECT bcdelta.report(E'a\x81\xfc<\x8d')));
	# before PostgreSQL 14, nothing but ASCII can be converted without the risk of an error
	like($page, qr/<h1><bdi>a&#65533;&#(252|65533);&#60;&#65533;<\/bdi><\/h1>/, 'it is replaced');
};

subtest 'psql -At, output files and COPY write the same bytes' => sub {
	my $dir = $node->basedir;
	my $call = "SELECT bcdelta.report('shop')";
	$node->psql('shop', "BEGIN;\n\\pset format unaligned\n\\pset tuples_only on\n\\o $dir/o.html\n$call;\n\\o\nCOPY ($call) TO '$dir/copy.html';\n\\copy ($call) TO '$dir/client.html'\n\\encoding LATIN1\n\\o $dir/latin1.html\n$call;\n\\o\nCOMMIT");
	my $page = slurp_file("$dir/o.html");
	like($page, qr/^<!DOCTYPE html>.*<\/html>\n\z/, 'a page, and one line break');
	is(slurp_file("$dir/$_.html"), $page, $_) foreach qw(copy client latin1);
};

subtest 'a job of pg_cron writes the same bytes' => sub {
	plan skip_all => 'pg_cron is not installed'
	  if $shop->sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'") == 0;
	my ($directory, $file) = ($node->host, $node->basedir . '/cron.html');
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'bcdelta, pg_cron'\ncron.database_name = 'shop'\ncron.host = '$directory'");
	$node->restart;
	# such a job runs once when the server starts
	$shop->sql("CREATE EXTENSION pg_cron; SELECT cron.schedule('report', '\@reboot', \$\$COPY (SELECT bcdelta.report(1)) TO '$file'\$\$)");
	$node->restart;
	wait_for_worker($node, 'shop');
	$shop->wait_for("SELECT count(*) = 1 FROM cron.job_run_details WHERE status = 'succeeded'");
	# the minute of its making is all that differs
	my ($cron, $psql) = map { s/<footer>.*<\/footer>//r } slurp_file($file), page(1) . "\n";
	is($cron, $psql, 'the page');
};

subtest 'a page reads the same whatever the settings of the session, but for the time zone, which it names' => sub {
	my $settings = "SET datestyle = 'SQL, DMY'; SET extra_float_digits = -15; SET lc_numeric = 'C'; SET bytea_output = escape; SET search_path = pg_temp; SET intervalstyle = iso_8601";
	my $call = "SELECT bcdelta.report('shop', now() - interval '1 day')";
	my ($plain, $set) = split /\n/, $shop->sql("BEGIN; $call; $settings; $call; COMMIT");
	is($set, $plain, 'the same');
	like(text_of($shop->sql("SET timezone = 'Asia/Tokyo'; SELECT bcdelta.report('shop')")), qr/All times are JST/, 'the time zone');
};

subtest 'hundreds of thousands of results, all refusals different, make no longer page' => sub {
	my $run = $shop->sql("INSERT INTO bcdelta.run (kind, server, state, started_at, finished_at) VALUES ('push', 'shop', 'succeeded', now() - interval '1 hour', now()) RETURNING run_id");
	$shop->sql(<<"EOC");
INSERT INTO bcdelta.result (run_id, feed, key, outcome, http_status, error, attempted_at)
SELECT $run, (ARRAY['makers', 'groups', 'articles'])[1 + i % 3], repeat('<k>', 50) || i, CASE WHEN i % 2 = 0 THEN 'created' ELSE 'failed' END, 422,
	CASE WHEN i % 2 = 1 THEN md5(i::text) || repeat('<script>&"\\', 50) END, now() - i * interval '10 ms'
FROM generate_series(1, 200000) AS i;
INSERT INTO bcdelta.pending (feed, key, state, changed_at, last_error) SELECT feed, key, 'failed', attempted_at, error FROM bcdelta.result WHERE run_id = $run AND outcome = 'failed' LIMIT 60000;
INSERT INTO bcdelta.conflict (feed, key, store_id, address, field, kind, state, source_value, store_value)
SELECT 'articles', repeat('<k>', 50) || i, i, i::text, 'name', 'edited', 'open', to_jsonb(repeat('<v>', 500)), to_jsonb(repeat('<w>', 500)) FROM generate_series(1, 5000) AS i;
INSERT INTO bcdelta.discrepancy (run_id, feed, key, kind, field, source_value, store_value)
SELECT $run, 'articles', CASE WHEN i % 2 = 0 THEN 'D-' || i END, CASE WHEN i % 2 = 0 THEN 'different' ELSE 'missing_in_source' END, 'name', repeat('<s>', 500) || i, repeat('<t>', 500) || i
FROM generate_series(1, 100000) AS i;
INSERT INTO bcdelta.sample (at, server, seconds, pending, failed, review) SELECT now() - i * interval '1 minute', 'shop', 0, i % 100, i, 0 FROM generate_series(1, 20000) AS i;
INSERT INTO bcdelta.journal (server, what, by_role, reason) SELECT 'shop', 'note', 'x', repeat('<r>', 500) FROM generate_series(1, 5000);
EOC
	# as if nobody had counted since these tables were empty
	$shop->sql("UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE relnamespace = 'bcdelta'::regnamespace AND relkind = 'r'");
	$shop->sql("ALTER ROLE postgres SET statement_timeout = '90s'");
	my $page = page("'shop', now() - interval '30 days'");
	cmp_ok(length $page, '<', 150_000, 'of the store');
	like(text_of($page), qr/Put together from 50,000 rows; there are more/, 'which says what it left out');
	like(text_of($page), qr/and 4,990 more: SELECT \* FROM bcdelta\.review/, 'and how to see it');
	$page = page($run);
	cmp_ok(length $page, '<', 150_000, 'of the run');
	like(text_of($page), qr/articles differs name 50,000 D-10 <s>.*articles missing in the source name 50,000 <s>/, 'with one difference of each kind');
};

done_testing();
