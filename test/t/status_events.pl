# What a person should know of is told once when it begins and once when it is
# over: in bcdelta.event, by NOTIFY, in the log, in status.trouble and health().

use strict;
use warnings;

use BCDelta::Session;
use BCDelta::Shop;
use BCDelta::Test;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('events', store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.naptime = 1\nbcdelta.confirm_after = 0" });
my ($node, $store) = ($shop->node, $shop->store);
$store->settings({ window_ms => 1000 });

sub log_lines { return scalar grep { /$_[0]/ } split /\n/, slurp_file($node->logfile); }
sub health { return $shop->sql('SELECT state, message FROM bcdelta.health()'); }
sub trouble { return $shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = '$_[0]'"); }

# Waits until the last event of this kind is open, or over; returns its message.
sub event
{
	my ($event, $over) = @_;
	$shop->wait_for("SELECT (SELECT over_at IS NOT NULL FROM bcdelta.event WHERE event = '$event' ORDER BY event_id DESC LIMIT 1) IS "
		  . ($over ? 'TRUE' : 'FALSE'));
	return $shop->sql("SELECT message FROM bcdelta.event WHERE event = '$event' ORDER BY event_id DESC LIMIT 1");
}
sub number { return $shop->sql("SELECT count(*) FROM bcdelta.event WHERE event = '$_[0]'"); }

# What a session that listens has heard since its last statement
my $listener = BCDelta::Session->open($node, 'shop');
$listener->sql('LISTEN bcdelta');
sub heard { return map { decode_json($_) } $listener->sql('SELECT 1') =~ /notification "bcdelta" with payload "(.*)" received/g; }

is(health(), 'ok|no feed is tracked', 'health, without feeds');
$shop->tables;
$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO articles (sku, title, price, maker) SELECT 'A-' || i, 'Article ' || i, i, 'M1' FROM generate_series(1, 3) AS i;
EOC
is(health(), 'ok|3 feeds: 0 rows in the store, 6 to push', 'health, with rows to push');
$shop->push;
is(health(), 'ok|3 feeds: 6 rows in the store, nothing to push', 'and after the push');

subtest 'feeds that are paused for the same cause are told of together, and have an event each' => sub {
	my $token = "ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '%s')";
	my $open = "SELECT count(*) FROM bcdelta.event WHERE event = 'feed_paused' AND over_at IS NULL";
	heard();
	$shop->sql(sprintf($token, 'expired') . "; UPDATE makers SET name = name || '.' WHERE code = 'M1'");
	$shop->push;
	$shop->wait_for($open, 3);
	my @told = heard();
	is_deeply([ map { [ @$_{qw(event severity server feed feeds over)} ] } @told ], [ [ 'feed_paused', 'critical', 'shop', undef, [qw(articles groups makers)], JSON::PP::false ] ], 'a session that listens hears of them once');
	like($told[0]{text}, qr/^feeds "articles", "groups", "makers": they are paused: 401 .*, and resume the feeds that were paused: SELECT bcdelta\.resume\('articles'\), bcdelta\.resume\('groups'\), bcdelta\.resume\('makers'\)$/s, 'by name, and what to do');
	is(log_lines('WARNING:  bcdelta: feeds "articles", "groups", "makers" were paused: 401'), 1, 'the log has one line');
	is(log_lines('WARNING:  bcdelta: feed'), 1, 'and no other');
	$shop->sql(sprintf($token, $store->token) . '; SELECT bcdelta.resume(feed) FROM bcdelta.feed');
	$shop->wait_for($open, 0);
	is_deeply([ map { [ $_->{over}, $_->{feeds} ] } heard() ], [ [ JSON::PP::true, [qw(articles groups makers)] ] ], 'and once that it is over');
	$shop->push;
	$shop->sql("DELETE FROM bcdelta.event WHERE event = 'feed_paused'");
};

subtest 'a feed that pauses itself is told of once, and once more when it is resumed' => sub {
	$store->fault({ match => { method => 'PUT', path => 'brands' }, times => 1, do => { status => 403, body => { status => 403, title => 'Forbidden' } } });
	$shop->sql("UPDATE makers SET name = name || '.' WHERE code = 'M1'");
	$shop->push;
	like(event('feed_paused'), qr/^feed "makers": .*SELECT bcdelta\.resume\('makers'\)/s, 'the event says why, and what to do');
	like(health(), qr/^critical\|feed "makers": /, 'so does health()');
	my ($told) = heard();
	is_deeply([ @$told{qw(event severity server feed over)} ], [ 'feed_paused', 'critical', 'shop', 'makers', JSON::PP::false ], 'a session that listens hears of it');
	$shop->push;
	is(log_lines('WARNING:  bcdelta: feed "makers" was paused'), 1, 'the log has it once');
	$shop->sql("SELECT bcdelta.resume('makers')");
	event('feed_paused', 1);
	is_deeply([ map { "$_->{event} $_->{over}" } heard() ], ['feed_paused 1'], 'the session hears that it is over');
	# the line follows the commit
	poll_until(sub { log_lines('LOG:  bcdelta: this is over: feed "makers"') }, 'the line in the log');
	is(log_lines('LOG:  bcdelta: this is over: feed "makers"'), 1, 'the log has that, too');
	is(number('feed_paused'), 1, 'it is one event');
	is(health(), 'ok|3 feeds: 6 rows in the store, 1 to push', 'all is well');
	$shop->push;
	my $warnings = log_lines('WARNING.*groups');
	$shop->sql("SELECT bcdelta.pause('groups', 'we tidy up')");
	like(event('feed_paused'), qr/^feed "groups": paused by postgres: we tidy up/, 'a feed that somebody pauses is told of');
	is($shop->sql("SELECT DISTINCT severity FROM bcdelta.event WHERE over_at IS NULL"), 'info', 'for information');
	is(log_lines('WARNING.*groups'), $warnings, 'without a warning');
	is(health(), 'ok|3 feeds: 6 rows in the store, nothing to push', 'health() does not mind');
};

subtest 'a strict sweep fails when a feed is paused' => sub {
	my ($rc, undef, $err) = $shop->try('CALL bcdelta.sweep()');
	is($rc, 0, 'a sweep succeeds');
	like($err, qr/^.*WARNING:  paused feeds were not pushed: groups/m, 'with a warning');
	$shop->sql("UPDATE makers SET name = name || '!' WHERE code = 'M1'");
	($rc, undef, $err) = $shop->try('CALL bcdelta.sweep(strict => true)');
	isnt($rc, 0, 'a strict one does not');
	like($err, qr/ERROR:  paused feeds were not pushed: groups\nDETAIL:  groups: paused by postgres: we tidy up/, 'and says why');
	is_deeply($shop->pending, {}, 'after it has pushed the others');
	$shop->sql("SELECT bcdelta.resume('groups')");
	$shop->sql('CALL bcdelta.sweep(strict => true)');
	event('feed_paused', 1);
	($rc, undef, $err) = $shop->try('CALL bcdelta.sweep(strict => NULL)');
	like($err, qr/"strict" must not be null/, 'null is refused');
};

subtest 'a trigger that somebody disables, and a mapping that no longer fits, are found by themselves' => sub {
	$shop->sql('ALTER TABLE makers DISABLE TRIGGER ALL');
	$shop->push;
	like(event('feed_trouble'), qr/^feed "makers": .*trigger.*disabled/, 'a trigger');
	is($shop->sql("SELECT severity FROM bcdelta.event WHERE event = 'feed_trouble'"), 'critical', 'is critical');
	is(log_lines('WARNING:  bcdelta: feed "makers": .*trigger'), 1, 'and logged');
	$shop->sql("ALTER TABLE makers ENABLE TRIGGER ALL; SELECT bcdelta.resume('makers')");
	event('feed_trouble', 1);
	$shop->sql("INSERT INTO articles (sku, title, price, maker) VALUES ('A-9', 'Waits', 1, 'M99')");
	$shop->push;
	like(event('feed_trouble'), qr/^feed "articles": row A-9 waits for row M99/, 'a row that waits in vain');
	like(health(), qr/^warning\|feed "articles": row A-9 waits/, 'is a warning');
	$shop->sql("DELETE FROM articles WHERE sku = 'A-9'");
	$shop->push;
	event('feed_trouble', 1);
	is(number('feed_trouble'), 2, 'each is one event');
};

subtest 'a scheduled run that fails is told of until one succeeds' => sub {
	my $token = $store->token;
	heard();
	$shop->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token 'expired'); UPDATE makers SET name = name || '?' WHERE code = 'M2'");
	$shop->sql("SELECT bcdelta.schedule('often', server => 'shop', every => '1 second')");
	like(event('schedule_failed'), qr/^schedule "often": run \d+ failed: .*token/, 'the event has the reason');
	$shop->wait_for("SELECT count(*) >= 2 FROM bcdelta.run WHERE schedule = 'often' AND state = 'failed'");
	is(number('schedule_failed'), 1, 'once, however often it fails');
	is(log_lines('WARNING:  bcdelta: schedule "often": run'), 1, 'so does the log');
	is(scalar(grep { $_->{event} eq 'schedule_failed' } heard()), 1, 'and one notification');
	$shop->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '$token'); SELECT bcdelta.resume(feed) FROM bcdelta.feed");
	event('schedule_failed', 1);
	event('feed_paused', 1);
	is_deeply($shop->pending, {}, 'it goes on by itself');
	$shop->sql("SELECT bcdelta.schedule('often', server => 'shop', every => '1 second', alert => 'always')");
	$shop->wait_for("SELECT count(*) >= 2 FROM bcdelta.event WHERE event = 'run_ended'");
	like($shop->sql("SELECT message FROM bcdelta.event WHERE event = 'run_ended' LIMIT 1"),
		qr/^schedule "often": run \d+ \(push\) succeeded: 0 created, /, 'with alert => always, each run is told of');
	my ($rc, undef, $err) = $shop->try("SELECT bcdelta.schedule('often', server => 'shop', every => '1 second', alert => 'sometimes')");
	like($err, qr/"alert": "sometimes"\nHINT:.*"difference", "failure", "always", "none"/, 'an alert that does not exist is refused');
	is($shop->sql('SELECT alert FROM bcdelta.schedule'), 'always', 'and the schedule stays');
	$shop->sql("SELECT bcdelta.unschedule('often')");
};

subtest 'differences that a scheduled verify finds are told of until they are gone' => sub {
	my $id = $shop->id('makers', 'M3');
	$store->edit('brands', $id, { name => 'Edited' });
	$shop->sql("SELECT bcdelta.schedule('proof', server => 'shop', at => now(), kind => 'verify')");
	like(event('differences'), qr/^schedule "proof": run \d+ \(verify\) found 1 difference between .*SELECT bcdelta\.repair\(\d+\)$/, 'the event says how many');
	like(trouble('makers'), qr/^schedule "proof": run \d+ .*found 1 difference/, 'so does the status');
	like(health(), qr/^warning\|schedule "proof"/, 'and health()');
	is(log_lines('WARNING:  bcdelta: schedule "proof": run'), 1, 'and the log');
	$store->edit('brands', $id, { name => 'Maker 3' });
	$shop->verify;
	event('differences', 1);
	is(trouble('makers'), '', 'until a verify finds none');
	$store->edit('brands', $id, { name => 'Edited' });
	$shop->sql("SELECT bcdelta.schedule('proof', server => 'shop', at => now(), kind => 'verify', alert => 'failure')");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.run WHERE schedule = 'proof' AND state = 'succeeded' AND run_id > (SELECT max(run_id) FROM bcdelta.run WHERE schedule IS NULL)");
	is($shop->sql("SELECT count(*) FROM bcdelta.trouble"), 0, "alert => 'failure' does not tell them");
	$store->edit('brands', $id, { name => 'Maker 3' });
	$shop->sql("SELECT bcdelta.unschedule('proof')");
};

subtest 'a feed that is paused by a rollback is a warning' => sub {
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku = 'A-2'");
	my $run = $shop->push;
	$shop->sql("SELECT bcdelta.rollback($run->{run_id})");
	like(event('feed_paused'), qr/^feed "articles": .*run $run->{run_id} is undone by run \d+/, 'the event');
	like(health(), qr/^warning\|feed "articles": /, 'and health()');
	$shop->sql("SELECT bcdelta.resume('articles')");
	event('feed_paused', 1);
	$shop->push;
};

subtest 'rows that failed, and changes that wait for long, are in health()' => sub {
	$shop->sql("UPDATE articles SET price = -1 WHERE sku = 'A-1'");
	$shop->push;
	is(health(), 'warning|feed "articles": 1 row failed', 'a row that failed');
	$shop->sql("UPDATE articles SET price = 1 WHERE sku = 'A-1'");
	$shop->push;
	$shop->sql("UPDATE articles SET price = 2 WHERE sku = 'A-1'");
	is($shop->sql("SELECT state || ' ' || message FROM bcdelta.health(max_age => '0')") =~ s/of 2.*/of/r,
		'warning feed "articles": the oldest change that is not in the store is of', 'a change');
	$shop->push;
	is(health(), 'ok|3 feeds: 6 rows in the store, nothing to push', 'until it is pushed');
};

subtest 'other apps that take most of the quota are told of until they do not' => sub {
	# pushes, until there is such an event, or no more
	my $until = sub {
		my ($sql) = @_;
		return poll_until(sub {
			$shop->sql("UPDATE makers SET name = 'Maker 3 of ' || clock_timestamp() WHERE code = 'M3'");
			$shop->push;
			return $shop->sql($sql) eq 't';
		}, $sql);
	};
	$store->settings({ other_app => { calls => 60000, at_ms => [0] } });
	$until->("SELECT EXISTS (SELECT FROM bcdelta.event WHERE event = 'quota_taken' AND over_at IS NULL)");
	like(event('quota_taken'), qr/^store of server "shop": other apps use (?:59|60) % of the requests/, 'the event says how much');
	like(trouble('articles'), qr/other apps use/, 'so does the status');
	$shop->sql("ALTER SERVER shop OPTIONS (others_alert '0.7')");
	$until->("SELECT NOT EXISTS (SELECT FROM bcdelta.event WHERE event = 'quota_taken' AND over_at IS NULL)");
	is(trouble('articles'), '', 'from which part on they are told of is an option');
	$shop->sql("ALTER SERVER shop OPTIONS (SET others_alert '0.3')");
	$until->("SELECT EXISTS (SELECT FROM bcdelta.event WHERE event = 'quota_taken' AND over_at IS NULL)");
	$store->settings({ other_app => undef });
	$until->("SELECT NOT EXISTS (SELECT FROM bcdelta.event WHERE event = 'quota_taken' AND over_at IS NULL)");
	is(trouble('articles'), '', 'it is over');
};

subtest 'a store that is down is told of within seconds' => sub {
	# the next regular look is in a minute
	$shop->sql("SELECT bcdelta.pause('groups')");
	event('feed_paused');
	$shop->sql("SELECT bcdelta.resume('groups')");
	event('feed_paused', 1);
	$store->fault({ do => { status => 503, body => { title => "\x{fc}" x 400 } } });
	my $from = $shop->sql("UPDATE makers SET name = name || '.' WHERE code = 'M1'; SELECT clock_timestamp()");
	my $push = $shop->start;
	like(event('store_trouble'), qr/^store of server "shop": the store does not answer as it should, and is asked again: 503/, 'the event');
	cmp_ok($shop->sql("SELECT extract(epoch FROM at - '$from') FROM bcdelta.event WHERE event = 'store_trouble'"), '<', 45, 'not as late as the next regular look');
	is($shop->sql("SELECT convert_from(convert_to(message, 'UTF8'), 'UTF8') = message FROM bcdelta.event WHERE event = 'store_trouble'"), 't', 'its words are not cut within a character');
	like(health(), qr/^critical\|store of server "shop"/, 'health() knows');
	$store->unfault;
	$push->finish;
	event('store_trouble', 1);
	is($shop->sql("SELECT count(*) FROM bcdelta.event WHERE event = 'store_trouble'"), 1, 'told once, and taken back');
};

subtest 'a worker that comes back, and one that is missing, are told of' => sub {
	poll_until(sub { $shop->sql("SELECT clock_timestamp() > pg_postmaster_start_time() + interval '11 seconds'") eq 't' }, 'the server to be some seconds old');
	my $before = number('worker_back');
	kill_worker($node, 'shop', 'TERM');
	$shop->wait_for("SELECT count(*) > $before FROM bcdelta.event WHERE event = 'worker_back'");
	like(event('worker_back', 1), qr/^the worker of this database works again: it had ended while the server went on$/, 'the event');
	poll_until(sub { log_lines('works again: it had ended') }, 'the line in the log');
	is(log_lines('WARNING:  bcdelta: the worker of this database works again: it had ended while the server went on'), 1, 'the log has it once');
	$node->append_conf('postgresql.conf', "bcdelta.databases = 'postgres'");
	$node->reload;
	poll_until(sub { !defined worker_pid($node, 'shop') }, 'the end of the worker');
	like(health(), qr/^critical\|no worker serves this database: /, 'health() says that there is none');
	$node->append_conf('postgresql.conf', "bcdelta.databases = 'shop'");
	$node->reload;
	wait_for_worker($node, 'shop');
	$shop->wait_for("SELECT state = 'ok' FROM bcdelta.health()");
	pass('until there is one');
	like(event('worker_back', 1), qr/: its database was not in bcdelta\.databases before, or not there$/, 'a database that was not served');
	kill_worker($node, 'shop', 'KILL');
	$shop->wait_for("SELECT message ~ 'since one of them had crashed\$' FROM bcdelta.event WHERE event = 'worker_back' ORDER BY event_id DESC LIMIT 1");
	pass('a crash');
};

subtest 'events that cannot be written hold up no run' => sub {
	$shop->sql("ALTER TABLE bcdelta.event ADD CONSTRAINT no_more CHECK (severity <> 'info') NOT VALID; SELECT bcdelta.pause('groups'); UPDATE makers SET name = name || '.'");
	poll_until(sub { log_lines('no_more') > 0 }, 'an error');
	my $pid = worker_pid($node, 'shop');
	is($shop->push->{state}, 'succeeded', 'a push succeeds');
	is_deeply($shop->pending, {}, 'and sends everything');
	is(worker_pid($node, 'shop'), $pid, 'the worker is the same');
	is(log_lines('the worker starts again'), 0, 'and did not start again');
	$shop->sql("ALTER TABLE bcdelta.event DROP CONSTRAINT no_more; SELECT bcdelta.resume('groups'); SELECT bcdelta.pause('groups')");
	event('feed_paused');
	$shop->sql("SELECT bcdelta.resume('groups')");
	event('feed_paused', 1);
};

subtest 'events are removed bcdelta.event_retention days after they began, unless they go on' => sub {
	$shop->sql("SELECT bcdelta.pause('groups')");
	event('feed_paused');
	$shop->sql("UPDATE bcdelta.event SET at = at - interval '91 days' WHERE event IN ('feed_paused', 'differences')");
	kill_worker($node, 'shop', 'TERM');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.event WHERE event = 'differences'");
	is(number('feed_paused'), 1, 'one that goes on stays');
	cmp_ok(number('schedule_failed'), '>', 0, 'and a younger one');
	$shop->sql("SELECT bcdelta.resume('groups')");
};

$listener->close;
done_testing();
