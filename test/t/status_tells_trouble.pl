# Problems are reported in words, wherever a user may look, until they are over:
# in status.trouble, in bcdelta.progress, and once in the log.

use strict;
use warnings;

use BCDelta::Session;
use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('trouble', store => { args => [ '--quota', 100000 ] },
	node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;

sub log_lines { return scalar grep { /$_[0]/ } split /\n/, slurp_file($node->logfile); }

subtest 'a run with only paused feeds fails, and says so' => sub {
	$shop->sql("SELECT bcdelta.pause(feed) FROM bcdelta.feed");
	my (undef, undef, $err) = $shop->try('CALL bcdelta.sweep()');
	like($err, qr/run \d+ failed: every feed of the store is paused: .*paused by/, 'a sweep of it fails');
	is($shop->push->{state}, 'failed', 'and a push');
	is($shop->verify->{state}, 'succeeded', 'but not a verify, which reads paused feeds too');
	$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed");
	is($shop->push->{state}, 'succeeded', 'until they are resumed');	$shop->sql("SELECT bcdelta.pause(feed) FROM bcdelta.feed");
	is($shop->push->{state}, 'failed', 'when they are paused again, it fails');
	$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed");
	is(trouble('makers'), '', 'and that is no trouble any more once they are resumed');
};

subtest 'a feed that a session is about to change holds up no other' => sub {
	my $session = BCDelta::Session->open($node, 'shop');
	$shop->sql("CREATE TABLE brief (id int PRIMARY KEY, name text); SELECT bcdelta.track('brief', 'shop', 'brand')");
	$session->sql("BEGIN; SELECT bcdelta.pause('brief')");
	$shop->sql("INSERT INTO makers VALUES ('M4', 'Maker 4')");
	my $run = $shop->push('wait => false');
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.link WHERE feed = 'makers' AND key = 'M4'");
	pass('the others go on');
	$session->sql('ROLLBACK');
	$shop->wait_for("SELECT state FROM bcdelta.run WHERE run_id = $run->{run_id}", 'succeeded');
	$session->sql("BEGIN; LOCK TABLE brief; SELECT bcdelta.untrack('brief')");
	$run = $shop->push('wait => false');
	$shop->wait_for("SELECT state FROM bcdelta.run WHERE run_id = $run->{run_id}", 'running');
	$session->sql('COMMIT');
	$shop->wait_for("SELECT state NOT IN ('requested', 'running') FROM bcdelta.run WHERE run_id = $run->{run_id}");
	is($shop->run($run->{run_id})->{state}, 'succeeded', 'a run that waits for its source goes on without it');
	$session->close;
};

subtest 'the numbers of the status are right after a push, a crash, and writes that bypass the triggers' => sub {
	my $numbers = q{SELECT sum(linked), sum(ready + waiting + in_flight + deferred + failed + review) FROM bcdelta.status};
	my $counted = q{SELECT (SELECT count(*) FROM bcdelta.link), (SELECT count(*) FROM bcdelta.pending)};
	$shop->sql("INSERT INTO makers SELECT i, 'Maker ' || i FROM generate_series(1, 50) AS i; UPDATE makers SET name = name || ' & Co.' WHERE code = 'M4'");
	is($shop->push->{state}, 'succeeded', 'after a push');
	is($shop->sql($numbers), $shop->sql($counted), 'they are right');
	$shop->sql("UPDATE makers SET name = name || '.'");
	$store->hold({ match => { method => 'PUT' } });
	my $push = $shop->start;
	$shop->wait_held(1);
	crash_server($node, 'shop');
	$push->finish;
	$store->release;
	is($shop->sql($numbers), $shop->sql($counted), 'and after a crash');
	$shop->sql("ALTER TABLE bcdelta.link DISABLE TRIGGER USER; INSERT INTO bcdelta.link (feed, key, store_id, address) SELECT 'articles', i, i, i FROM generate_series(1, 5) AS i;
		ALTER TABLE bcdelta.link ENABLE ALWAYS TRIGGER tally, ENABLE ALWAYS TRIGGER tally_change, ENABLE ALWAYS TRIGGER tally_truncate");
	kill_worker($node, 'shop', 'TERM');
	$shop->wait_for('SELECT (SELECT sum(linked) FROM bcdelta.status) = (SELECT count(*) FROM bcdelta.link)');
	pass('and when the worker starts, even after somebody wrote past the triggers');
};

subtest 'results are removed bcdelta.result_retention days after their run ended' => sub {
	my ($old, $young) = @{ $shop->list('SELECT DISTINCT run_id FROM bcdelta.result ORDER BY run_id LIMIT 2') };
	$shop->sql("UPDATE bcdelta.run SET finished_at = now() - CASE run_id WHEN $old THEN 31 ELSE 29 END * interval '1 day' WHERE run_id IN ($old, $young)");
	kill_worker($node, 'shop', 'TERM');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.result WHERE run_id = $old");
	is($shop->sql("SELECT count(*) > 0 FROM bcdelta.result WHERE run_id = $young"), 't', 'those of a younger run stay');
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE run_id = $old"), 1, 'and so does the run');
};

# Every bad state is reported by the status until it is over, with what to do.
sub trouble { return $shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = '$_[0]'"); }

sub troubled
{
	my ($what, $feed, $begin, $words, $end, $resumes) = @_;
	$begin = [$begin] unless ref $begin;
	$end = [$end] unless ref $end;
	is(trouble($feed), '', "$what: nothing is wrong before");
	ref $_ ? $_->() : $shop->sql($_) foreach @$begin;
	like(trouble($feed), $words, 'the status says so');
	is(scalar(() = trouble($feed) =~ /bcdelta\.resume\(/g), $resumes, 'and how it goes on, once') if defined $resumes;
	ref $_ ? $_->() : $shop->sql($_) foreach @$end;
	is(trouble($feed), '', 'until it is over');
	return;
}

my $push = sub { $shop->push; };

subtest 'every bad state is reported until it is over, with what to do' => sub {
	$shop->sql("DELETE FROM bcdelta.link WHERE feed = 'articles'");
	$shop->push;
	troubled('a feed that somebody paused', 'makers', "SELECT bcdelta.pause('makers')",
		qr/^paused by postgres; SELECT bcdelta.resume\('makers'\) resumes it$/, "SELECT bcdelta.resume('makers')", 1);
	troubled('a user mapping of a feed that is paused', 'makers', [ 'DROP USER MAPPING FOR CURRENT_USER SERVER shop', "SELECT bcdelta.pause('makers')" ], qr/has no user mapping/,
		[ "CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token '" . $store->token . "')", "SELECT bcdelta.resume('makers')" ], 1);
	$shop->sql("CREATE TABLE kinds (key text PRIMARY KEY, name text); SELECT bcdelta.track('kinds', 'shop', 'brand'); INSERT INTO kinds VALUES ('1', 'Kind 1')");
	$shop->push;
	troubled('a key of another type', 'kinds', [ 'ALTER TABLE kinds ALTER key TYPE int USING key::int; UPDATE kinds SET name = name', $push ],
		qr/the type of key column "key" was changed to integer/, "SELECT bcdelta.resume('kinds')", 1);
	my $hash = $store->hash;
	troubled('links that were forgotten', 'kinds', [ "ALTER SERVER shop OPTIONS (SET store_hash 'another')", "SELECT bcdelta.unlink('kinds')",
			"ALTER SERVER shop OPTIONS (SET store_hash '$hash')" ],
		qr/were forgotten/, "SELECT bcdelta.resume('kinds')", 1);
	$shop->sql("SELECT bcdelta.untrack('kinds')");
	troubled('a column of the mapping', 'articles', 'ALTER TABLE articles RENAME COLUMN title TO caption',
		qr/^its mapping no longer fits its tables: column "title" does not exist/, 'ALTER TABLE articles RENAME COLUMN caption TO title');
	troubled('a user mapping', 'makers', 'DROP USER MAPPING FOR CURRENT_USER SERVER shop', qr/has no user mapping, and therefore no access token/,
		"CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token '" . $store->token . "')");
	troubled('a trigger', 'makers', 'ALTER TABLE makers DISABLE TRIGGER ALL', qr/trigger.*disabled/,
		[ 'ALTER TABLE makers ENABLE TRIGGER ALL', "SELECT bcdelta.resume('makers')" ], 1);

	my $session = BCDelta::Session->open($node, 'shop');
	$session->sql('BEGIN; LOCK TABLE makers');
	is($shop->sql("SET statement_timeout = '60s'; SELECT trouble FROM bcdelta.status WHERE feed = 'makers'"), '', 'a source that is locked is not waited for');
	$session->sql('ROLLBACK');
	$session->close;

	# references
	troubled('a row that is nowhere', 'articles', [ "INSERT INTO articles VALUES ('A-1', 'Article', 1, 1, 'M9')", $push ],
		qr/^row A-1 waits for row M9 of feed "makers", which is neither in the store nor about to be pushed: mark it .*correct the reference/,
		[ "INSERT INTO makers VALUES ('M9', 'Maker 9')", $push ]);
	troubled('a row that the filter keeps out', 'articles', [ "INSERT INTO makers VALUES ('M8', 'Maker 8'); SELECT bcdelta.alter_feed('makers', filter => 'code <> ''M8''');
		INSERT INTO articles VALUES ('A-0', 'Article 0', 1, 1, 'M8')", $push ],
		qr/^row A-0 waits for row M8 of feed "makers", .* if the source has it and it satisfies the filter, otherwise/,
		[ "SELECT bcdelta.alter_feed('makers', filter => '')", $push ]);
	troubled('rows that refer to each other', 'groups', [ "INSERT INTO groups VALUES (1, 2, 'One'), (2, 3, 'Two'), (3, 1, 'Three')", $push ],
		qr/^rows refer to each other, so none of them can be the first: row 1 -> row 2 -> row 3 -> row 1; push them without/,
		[ 'UPDATE groups SET parent = NULL WHERE id = 3', $push ]);
	troubled('a row behind others', 'articles', [ "INSERT INTO groups VALUES (4, 5, 'Four'), (5, 99, 'Five'); INSERT INTO articles VALUES ('A-2', 'Article 2', 1, 1, NULL, 4)", $push ],
		qr/^row A-2 waits, through others, for row 99 of feed "groups", which is neither/,
		[ "INSERT INTO groups VALUES (99, NULL, 'Ninety-nine')", $push ]);
	troubled('a row that was refused', 'articles', [ "INSERT INTO makers VALUES ('M10', repeat('x', 999)); INSERT INTO articles VALUES ('A-3', 'Article 3', 1, 1, 'M10')", $push ],
		qr/^row A-3 waits for row M10 of feed "makers", which is in state failed: see last_error/,
		[ "UPDATE makers SET name = 'Maker 10' WHERE code = 'M10'", $push ]);

	# the store
	$shop->sql("ALTER SERVER shop OPTIONS (ADD timeout '2'); INSERT INTO makers VALUES ('M11', 'Maker 11')");
	$store->stop;
	my $run = $shop->start;
	$shop->wait_for("SELECT trouble ~ '^the store does not answer, and is tried again from time to time: ' FROM bcdelta.status WHERE feed = 'makers'");
	pass('a store that does not answer');
	$run->cancel;
	$run->finish;
};

subtest 'a push that nobody waits for starts at commit' => sub {
	# nothing is in it
	$store->restart;
	$shop->sql('DELETE FROM bcdelta.link; DELETE FROM bcdelta.pending');
	my $session = BCDelta::Session->open($node, 'shop');
	$session->sql("BEGIN; INSERT INTO makers VALUES ('W1', 'Waited 1')");
	my $asked = $session->sql('SELECT run_id FROM bcdelta.push(wait => false)');
	is($session->sql('SELECT run_id FROM bcdelta.push(wait => false)'), $asked, 'asked for twice, it is one');
	is($session->sql("SELECT run_id FROM bcdelta.push('makers', wait => false)"), $asked, 'and has that of a feed');
	$session->sql("INSERT INTO makers VALUES ('W2', 'Waited 2')");
	is($shop->push->{created}, 0, 'other runs go on in the meantime');
	is($shop->run($asked), undef, 'nobody sees it');
	$session->sql('COMMIT');
	$shop->wait_for("SELECT state = 'succeeded' FROM bcdelta.run WHERE run_id = $asked");
	is($shop->run($asked)->{created}, 2, 'it pushes what the transaction has done, before and after');

	$session->sql("BEGIN; INSERT INTO makers VALUES ('W3', 'Waited 3')");
	my $never = $session->sql('SELECT run_id FROM bcdelta.push(wait => false)');
	$session->sql("SAVEPOINT a; SELECT bcdelta.push('groups', max_rows => 1, wait => false); ROLLBACK TO a; ROLLBACK");
	is($shop->push->{state}, 'succeeded', 'rolled back');
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE run_id = $never OR max_rows = 1"), 0, 'there is none');
	$session->close;

	my (undef, $out, $err) = $shop->try("BEGIN; INSERT INTO makers VALUES ('W4', 'Waited 4'); SELECT created FROM bcdelta.push(); COMMIT");
	is($out, 0, 'one that is waited for does not see what is not committed');
	like($err, qr/NOTICE:  changes made by this transaction are not pushed.*HINT:.*wait => false/s, 'and says so');
	(undef, undef, $err) = $shop->try("BEGIN; SELECT count(*) FROM makers; SELECT created FROM bcdelta.push(); COMMIT");
	is($err, '', 'but only when there are some');
	(undef, undef, $err) = $shop->try("BEGIN; SELECT bcdelta.mark('makers', 'W4'); CALL bcdelta.sweep(); COMMIT");
	like($err, qr/NOTICE:  changes made by this/, 'marks are too');
	$shop->push;
};

subtest 'progress counts rows, not attempts' => sub {
	$shop->sql('ALTER SERVER shop OPTIONS (DROP timeout)');
	$store->fault({ name => 'unlucky', times => 2, do => { status => 503 }, match => { method => 'POST' } });
	$shop->sql("INSERT INTO makers SELECT 'P' || i, 'Progress ' || i FROM generate_series(1, 8) AS i; INSERT INTO articles VALUES ('P-1', 'Waits', 1, 1, 'nobody')");
	$store->hold({ match => { method => 'POST', body => 'Progress 8' } });
	my $push = $shop->start('SELECT state, created, deferred FROM bcdelta.push()');
	$shop->wait_for("SELECT count(*) = 2 FROM bcdelta.pending WHERE state = 'waiting'");
	$shop->wait_held(1);
	my $seen = poll_until(sub {
		$shop->sql("SELECT done || '|' || total FROM bcdelta.progress WHERE done >= 5 AND (SELECT count(*) FROM bcdelta.pending WHERE state = 'waiting') = 2");
	}, 'the rows that succeed at once');
	is($seen, '5|9', 'rows that come back for another attempt are not done, and no more rows');
	is($shop->sql("SELECT rate = round(rate::numeric, 1) AND eta = date_trunc('second', eta) FROM bcdelta.progress"), 't', 'numbers are rounded');
	$store->release;
	is(($push->finish)[1], 'succeeded|8|1', 'all are pushed');
	$store->unfault;
};

subtest 'a database without a worker says so' => sub {
	$node->append_conf('postgresql.conf', "bcdelta.databases = ''");
	$node->reload;
	$shop->wait_for(q{SELECT trouble = 'no worker serves this database: database "shop" is not in bcdelta.databases' FROM bcdelta.status WHERE feed = 'groups'});
	pass('the status says so');
};

subtest 'the log of a normal day contains no failure of a worker' => sub {
	is(log_lines('FATAL:.*background worker'), 0, 'no worker died when it was to end');
	$node->append_conf('postgresql.conf', "bcdelta.databases = 'nowhere, shop'");
	$node->reload;
	wait_for_worker($node, 'shop');
	poll_until(sub { log_lines('WARNING:.*database "nowhere" of bcdelta.databases does not exist') }, 'a warning');
	$node->safe_psql('postgres', 'CREATE DATABASE nowhere');
	wait_for_worker($node, 'nowhere');
	is(log_lines('"nowhere" of bcdelta.databases does not exist'), 1, 'a database that is not there is told once');
	is(log_lines('FATAL:.*database "nowhere"'), 0, 'by no failure of a worker');
	$node->stop;
	is(log_lines('FATAL:  terminating (?!autovacuum|connection).*(background worker|administrator command)'), 0, 'a shutdown is none, either');
};

done_testing();
