# What happened to a row, which rows were given up, and how long that is kept.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use JSON::PP ();
use Test::More;

my $shop = BCDelta::Shop->open('history', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;

sub history { return $shop->list("SELECT concat_ws('|', what, outcome, run_id, kind) FROM bcdelta.history('articles', '$_[0]')"); }

subtest 'history tells what happened to a row: captured, sent, written, refused, decided, and what is pending now' => sub {
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('A-1', 'One', 1)");
	my $first = $shop->push->{run_id};
	my $id = $shop->id('articles', 'A-1');
	$shop->sql("UPDATE articles SET price = 2");
	my $second = $shop->push->{run_id};
	$shop->sql("SELECT bcdelta.note('price checked by phone', 'articles', 'A-1')");
	$store->fault({ match => { method => 'PUT' }, do => { status => 422, body => { status => 422, title => 'The price is not allowed.' } } });
	$shop->sql("UPDATE articles SET price = 3");
	my $third = $shop->push->{run_id};
	$store->unfault;
	is_deeply(
		history('A-1'),
		[
			'captured', "sent|created|$first|push", "written|created|$first|push", 'captured', "sent|updated|$second|push", "written|updated|$second|push",
			'decided|note', 'captured', "tried|retry|$third|push", "refused|failed|$third|push", 'now|failed', 'now|linked'
		],
		'in the order in which it happened');
	my $row = $shop->value("SELECT * FROM bcdelta.history('articles', 'A-1') WHERE what = 'written' AND outcome = 'updated'");
	is($row->{store_id}, $id, 'with the record');
	is($row->{http_status}, 200, 'the status');
	like($row->{request_id}, qr/^[\w-]{8,}$/, 'and the id of the request');
	is_deeply($shop->value("SELECT detail FROM bcdelta.history('articles', 'A-1') WHERE what = 'sent' AND outcome = 'updated'")->{detail},
		{ before => { price => 1 }, after => { price => 2 } }, 'what the request wrote, and what was there before');
	is($shop->sql("SELECT count(*) FROM bcdelta.result WHERE captured_at IS NULL OR captured_at > attempted_at"), 0, 'each result knows its change');
	is($shop->sql("SELECT message FROM bcdelta.history('articles', 'A-1') WHERE what = 'decided'"), 'price checked by phone', 'what a person wrote');
	$shop->sql('SELECT bcdelta.retry()');
	is($shop->push->{updated}, 1, 'it is pushed when it is tried again');
	is($shop->sql("SELECT message FROM bcdelta.history('articles', 'A-1') ORDER BY at DESC LIMIT 1"), 'nothing is pending', 'and then nothing is left to do');
	$shop->sql("SELECT bcdelta.adjust('articles', 'A-1', 'price', 'agreed with the customer')");
	is($shop->sql("SELECT count(*) FROM bcdelta.history('articles', 'A-1') WHERE outcome IN ('adjust', 'adjusted')"), 2, 'adjustments belong to it');
	is($shop->sql("SELECT count(*) FROM bcdelta.history('articles', 'none')"), 0, 'nothing happened to a row that never was');
};

subtest 'history tells of conflicts, of undone writes, and of feeds that are broken or gone' => sub {
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('A-2', 'Two', 1)");
	$shop->push;
	$shop->sql("SELECT bcdelta.set_conflict('articles', 'price', 'review'); UPDATE articles SET price = 5 WHERE sku = 'A-2'");
	$store->edit('product', $shop->id('articles', 'A-2'), { price => 4 });
	my $run = $shop->push;
	my $conflict = $shop->value("SELECT outcome, run_id, message, detail FROM bcdelta.history('articles', 'A-2') WHERE what = 'conflict'");
	is_deeply([ @$conflict{qw(outcome run_id)}, @{ $conflict->{detail} }{qw(source_value store_value)} ], [ 'open', $run->{run_id}, 5, 4 ], 'a conflict');
	$shop->sql("SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.review");
	$run = $shop->push;
	$shop->sql("SELECT bcdelta.rollback($run->{run_id})");
	like($shop->sql("SELECT message FROM bcdelta.history('articles', 'A-2') WHERE what = 'sent' AND run_id = $run->{run_id}"), qr/^undone by run \d+$/, 'what was undone');
	$shop->sql("CREATE TABLE brief (id int PRIMARY KEY, name text); SELECT bcdelta.track('brief', 'shop', 'brand'); INSERT INTO brief VALUES (7, 'Seven')");
	$shop->push('feed => \'brief\'');
	is($shop->sql("SELECT count(*) FROM bcdelta.history('brief', '007') WHERE what = 'written'"), 1, 'a key that is spelled in another way');
	$shop->sql('DROP TABLE brief');
	is($shop->sql("SELECT count(*) FROM bcdelta.history('brief', '7') WHERE what = 'written'"), 1, 'a source that is gone');
	$shop->sql("SELECT bcdelta.untrack('brief')");
	is($shop->sql("SELECT count(*) FROM bcdelta.history('brief', '7') WHERE what = 'written'"), 1, 'a feed that is gone');
	my (undef, undef, $err) = $shop->try("SELECT * FROM bcdelta.history('brieff', '7')");
	like($err, qr/feed "brieff" does not exist/, 'but none that never was');
};

subtest 'history follows a row to its new key, and leaves what other rows with its former key did to them' => sub {
	$shop->sql("SELECT bcdelta.resume('articles'); INSERT INTO articles (sku, title, price) VALUES ('K-1', 'Key', 1)");
	my $first = $shop->push->{run_id};
	my $id = $shop->id('articles', 'K-1');
	$shop->sql("UPDATE articles SET sku = 'K-2', price = 2 WHERE sku = 'K-1'");
	my $second = $shop->push->{run_id};
	is($shop->id('articles', 'K-2'), $id, 'the link has moved');
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('K-1', 'Another', 3)");
	my $third = $shop->push->{run_id};
	my $other = $shop->id('articles', 'K-1');
	my $of = sub { return $shop->list("SELECT concat_ws('|', what, outcome, run_id, store_id, detail ->> 'key') FROM bcdelta.history('articles', '$_[0]') WHERE what IN ('sent', 'written')"); };
	is_deeply($of->('K-2'), [ "sent|created|$first|$id|K-1", "written|created|$first|$id|K-1", "sent|updated|$second|$id", "written|updated|$second|$id" ], 'under both keys');
	is($shop->sql("SELECT count(*) FROM bcdelta.history('articles', 'K-2') WHERE what = 'captured'"), 2, 'with the changes');
	is_deeply($of->('K-1'), [ "sent|created|$first|$id", "written|created|$first|$id", "sent|created|$third|$other", "written|created|$third|$other" ],
		'whoever asks for the former key gets what was done under it');
	$shop->sql("UPDATE articles SET sku = 'K-3' WHERE sku = 'K-2'");
	my $fourth = $shop->push->{run_id};
	is_deeply([ map { /(K-\d)$/ ? $1 : 'K-3' } @{ $of->('K-3') } ], [qw(K-1 K-1 K-2 K-2 K-3 K-3)], 'after two changes, too');
	$shop->sql("DELETE FROM articles WHERE sku LIKE 'K-_'");
	$shop->push;
};

subtest 'history is for the owner of the feed, and for readers of the tables' => sub {
	$shop->sql(<<'EOC');
CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE reader;
GRANT USAGE ON SCHEMA bcdelta TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA bcdelta TO reader;
UPDATE bcdelta.feed SET owner = 'alice' WHERE feed = 'articles';
EOC
	my $ask = "SELECT count(*) > 0 FROM bcdelta.history('articles', 'A-1')";
	is(($shop->try("SET ROLE $_; $ask"))[1], 't', "$_ may read it") foreach qw(alice reader);
	my (undef, undef, $err) = $shop->try("SET ROLE bob; $ask");
	like($err, qr/permission denied to read the history of feed "articles"/, 'bob may not');
	(undef, undef, $err) = $shop->try("SET ROLE alice; SELECT * FROM bcdelta.dead_letter");
	like($err, qr/permission denied for view dead_letter/, 'the view is for readers');
	is(($shop->try("SET ROLE reader; SELECT count(*) FROM bcdelta.dead_letter"))[0], 0, 'who need nothing else');
	$shop->sql("UPDATE bcdelta.feed SET owner = 'postgres' WHERE feed = 'articles'");
};

subtest 'dead_letter lists rows that were given up: request, reply, how often, since when, and the call that tries again' => sub {
	$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed; INSERT INTO articles (sku, title, price) VALUES ('A-3', 'Three', 3), ('A-4', 'Four', -1), ('A-5', 'Five', 5)");
	$store->fault({ match => { method => 'POST', path => '^/catalog/products$', body => 'Three' },
		do => { status => 422, body => { status => 422, title => 'Not this one.' } } });
	my @runs = map { $shop->sql("SELECT bcdelta.retry()"); $shop->push->{run_id} } 1 .. 3;
	$store->unfault;
	my $letters = $shop->value("SELECT jsonb_object_agg(key, to_jsonb(d)) AS o FROM bcdelta.dead_letter AS d")->{o};
	is_deeply([ sort keys %$letters ], [qw(A-3 A-4)], 'both rows, and no other');
	my $letter = $letters->{'A-3'};
	is_deeply([ @$letter{qw(feed server resource outcome http_status refusals run_id)} ],
		[ 'articles', 'shop', 'product', 'failed', 422, 3, $runs[-1] ], 'a row that the store refused');
	is_deeply([ $letter->{request}{method}, $letter->{request}{path} =~ s/\?.*//r, $letter->{request}{body}{name} ], [ 'POST', '/v3/catalog/products', 'Three' ], 'its request');
	like($letter->{$_}, qr/Not this one/, "its $_") foreach qw(reason reply);
	is($shop->sql("SELECT since = min(attempted_at) AND last_at = max(attempted_at) FROM bcdelta.dead_letter JOIN bcdelta.result USING (feed, key)
		WHERE key = 'A-3' GROUP BY since, last_at"), 't', 'since when');
	is($letters->{'A-4'}{outcome}, 'invalid', 'a row that was refused before a request');
	is($letters->{'A-4'}{request}, undef, 'has no request');
	is_deeply($shop->list("SELECT feed || ' ' || key || ' ' || outcome FROM bcdelta.result WHERE run_id = $runs[1] AND outcome IN ('failed', 'invalid') ORDER BY 1"),
		[ 'articles A-3 failed', 'articles A-4 invalid' ], 'all failures of a run');
	$shop->sql($letter->{call});
	is($shop->push->{created}, 1, 'the call tries again');
	is_deeply($shop->list('SELECT key FROM bcdelta.dead_letter'), ['A-4'], 'and one is left');
	$shop->sql("UPDATE articles SET price = 4 WHERE sku = 'A-4'");
	$shop->push;
	$shop->sql("UPDATE articles SET price = -4 WHERE sku = 'A-4'");
	$shop->push;
	is($shop->sql('SELECT refusals FROM bcdelta.dead_letter'), 1, 'what was before a success does not count');
	$shop->sql("UPDATE articles SET price = 4 WHERE sku = 'A-4'");
	$shop->push;
};

# Pages that a query touches, wherever they come from, but for what a session
# reads once.
sub pages
{
	my ($query) = @_;
	my $plan = JSON::PP->new->decode($shop->sql("CREATE TEMP TABLE warm AS $query; EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) $query"))->[0]{Plan};
	return $plan->{'Shared Hit Blocks'} + $plan->{'Shared Read Blocks'};
}

subtest 'what is asked about one row, or about the failures of one run, is found without reading other results' => sub {
	$shop->sql(<<'EOC');
INSERT INTO bcdelta.run (kind, server, state, finished_at) VALUES ('push', 'shop', 'succeeded', now());
INSERT INTO bcdelta.result (run_id, feed, key, store_id, outcome)
SELECT (SELECT max(run_id) FROM bcdelta.run), 'articles', 'many ' || i, i, CASE WHEN i % 20000 = 0 THEN 'failed' ELSE 'updated' END FROM generate_series(1, 60000) AS i;
ANALYZE bcdelta.result, bcdelta.undo, bcdelta.run;
EOC
	cmp_ok(pages("SELECT * FROM bcdelta.history('articles', 'A-1')"), '<', 200, 'history');
	cmp_ok(pages("SELECT * FROM bcdelta.dead_letter"), '<', 200, 'dead_letter');
	my $run = $shop->sql('SELECT max(run_id) FROM bcdelta.run');
	cmp_ok(pages("SELECT * FROM bcdelta.result WHERE run_id = $run AND outcome $_"), '<', 20, "failures of a run: outcome $_") foreach "IN ('failed', 'invalid')", "= 'failed'";
};

subtest 'results and differences are kept for bcdelta.result_retention, runs twelve times as long, and a run that is still referred to stays' => sub {
	my (undef, undef, $err) = $shop->try('ALTER SYSTEM SET bcdelta.result_retention = 0');
	like($err, qr/invalid value for parameter "bcdelta.result_retention": 0.*Results are kept for at least one day; -1 keeps them forever/s, 'a retention below a day is an error');
	is($shop->sql('SHOW bcdelta.result_retention'), '30', 'it is 30 days if nobody sets it');
	$store->edit('product', $shop->id('articles', 'A-5'), { price => 99 });
	my @verifies = map { $shop->verify->{run_id} } 1 .. 2;
	is($shop->sql("SELECT count(*) > 0 FROM bcdelta.discrepancy WHERE run_id = $_"), 't', "differences of run $_") foreach @verifies;
	$shop->sql("UPDATE bcdelta.run SET finished_at = now() - interval '1 year' WHERE kind <> 'rollback'; DELETE FROM bcdelta.undo");
	kill_worker($node, 'shop', 'TERM');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.result WHERE feed = 'articles' AND run_id NOT IN (SELECT run_id FROM bcdelta.run WHERE finished_at > now() - interval '30 days')");
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.discrepancy WHERE run_id = $verifies[0]");
	cmp_ok($shop->sql("SELECT count(*) FROM bcdelta.discrepancy WHERE run_id = $verifies[1]"), '>', 0, 'what the last proof found stays');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.run WHERE kind = 'push' AND run_id < (SELECT max(run_id) FROM bcdelta.run WHERE kind = 'push')");
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE run_id = $verifies[1]"), 1, 'so does its run');
	my ($kept, $gone) = @{ $shop->list("INSERT INTO bcdelta.run (kind, server, mode, state, requested_at, finished_at)
		SELECT 'push', 'shop', m, 'succeeded', now() - interval '31 days', now() - interval '31 days' FROM unnest(ARRAY[NULL, 'immediate']) AS m RETURNING run_id") };
	$shop->push;
	kill_worker($node, 'shop', 'TERM');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.run WHERE run_id = $gone");
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE run_id = $kept"), 1, 'of runs as old as results, only those that commits have started are removed');
	is($shop->verify("mode => 'changed'")->{state}, 'succeeded', 'and the next verify builds on it');
};
subtest 'a server whose file says bcdelta.result_retention = 0, which meant forever in version 0.1.0, keeps all results' => sub {
	$node->append_conf('postgresql.conf', 'bcdelta.result_retention = 0');
	$node->restart;
	is($shop->sql('SHOW bcdelta.result_retention'), '-1', 'it is not given the default of 30 days');
};

subtest 'who tracks a feed under an old name does not see what happened to the old one' => sub {
	$shop->sql(<<'EOC');
CREATE SCHEMA a AUTHORIZATION alice; CREATE SCHEMA b AUTHORIZATION bob; GRANT USAGE ON FOREIGN SERVER shop TO alice, bob;
CREATE USER MAPPING FOR alice SERVER shop OPTIONS (access_token 'test-token'); CREATE USER MAPPING FOR bob SERVER shop OPTIONS (access_token 'test-token');
SET ROLE alice; CREATE TABLE a.labels (id int PRIMARY KEY, name text); INSERT INTO a.labels VALUES (1, 'Secret label');
SELECT bcdelta.track('a.labels', 'shop', 'brand', '{"name": "name"}'); SELECT bcdelta.mark_all('labels');
EOC
	my $old = $shop->push(q('labels'))->{run_id};
	my $sees = sub { return ($shop->try("SET ROLE $_[0]; SELECT count(*) FROM bcdelta.history('labels', '1') WHERE what IN ('captured', 'written', 'sent', 'decided', 'refused')"))[1]; };
	my $reports = sub { my @r = $shop->try("SET ROLE $_[0]; SELECT bcdelta.report($_[1])"); return $r[1] . $r[2]; };
	my $first = $sees->('alice');
	cmp_ok($first, '>', 1, 'the owner sees what happened');
	$shop->sql(q(SET ROLE alice; SELECT bcdelta.untrack('labels'); SELECT bcdelta.track('a.labels', 'shop', 'brand', '{"name": "name"}')));
	is($sees->('alice'), $first, 'still after she has tracked it anew');
	like($reports->('alice', $old), qr/labels/, 'and has a report of it');
	$shop->sql(<<'EOC');
SET ROLE alice; SELECT bcdelta.untrack('labels'); RESET ROLE;
SET ROLE bob; CREATE TABLE b.labels (id int PRIMARY KEY, name text); SELECT bcdelta.track('b.labels', 'shop', 'brand', '{"name": "name"}');
EOC
	is($sees->('bob'), 0, 'whoever has a feed of that name now does not');
	unlike($reports->('bob', $old), qr/<html/, 'nor a report of its runs');
	unlike($reports->('bob', "'shop'"), qr/(?:run|push) $old\b/, 'nor those in the report of the store');
	is($shop->sql("SELECT count(*) FROM bcdelta.history('labels', '1') WHERE what IN ('captured', 'written', 'sent', 'decided', 'refused')"), $first, 'a superuser sees all');
	$shop->sql("INSERT INTO b.labels VALUES (1, 'Label of b')");
	$shop->push(q('labels'));
	cmp_ok($sees->('bob'), '>', 1, 'what happens to his own, he sees');
};

done_testing();
