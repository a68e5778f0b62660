# Feeds with the option push 'immediate' are pushed when changes are committed;
# an idle worker is woken by nothing else but its timer and requests.

use strict;
use warnings;

use BCDelta::Session;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

# the timer does not come during the test
my $shop = BCDelta::Shop->open('immediate', store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.naptime = 3000\nbcdelta.gather_time = 200\nmax_prepared_transactions = 5" });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables(makers => { options => q('{"push": "immediate"}') });

sub pushed { return $shop->wait_for("SELECT count(*) = $_[1] FROM bcdelta.link WHERE feed = '$_[0]'"); }
sub wake_ups { return { map { split /\|/ } @{ $shop->list('SELECT cause, n FROM bcdelta.worker_wake_ups()') } }; }
sub runs { return $shop->sql("SELECT count(*) FROM bcdelta.run WHERE mode = 'immediate'"); }

# Nothing runs, and the worker sleeps: what comes now wakes it.
sub at_rest
{
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.run WHERE state IN ('requested', 'running')");
	return $shop->wait_for("SELECT count(*) = 1 FROM pg_stat_activity
		WHERE backend_type = 'bcdelta worker' AND datname = current_database() AND wait_event_type = 'Extension'");
}

# the worker knows of the option once it has looked at the feeds
$shop->sql("INSERT INTO makers VALUES ('M1', 'Maker 1')");
$shop->push;
at_rest();

subtest 'a commit is pushed at once, by a run of its own' => sub {
	my $before = wake_ups();
	$shop->sql("INSERT INTO makers VALUES ('M2', 'Maker 2')");
	pushed('makers', 2);
	at_rest();
	is_deeply($shop->value("SELECT feed, kind, mode, state, created, requested_by::text AS role FROM bcdelta.run ORDER BY run_id DESC LIMIT 1"),
		{ feed => 'makers', kind => 'push', mode => 'immediate', state => 'succeeded', created => 1, role => $shop->sql('SELECT current_user') }, 'for its owner');
	my $after = wake_ups();
	cmp_ok($after->{commit} - $before->{commit}, '>=', 1, 'the commit has woken the worker');
	is($after->{timer}, $before->{timer}, 'no timer did');
};

subtest 'many sessions call the worker once, and their changes are pushed together' => sub {
	my ($before, $runs) = (wake_ups(), runs());
	my @sessions = map { $shop->start(join ' ', map { "INSERT INTO makers VALUES ('" . $_ . "', 'Name $_');" } map { "S$_" } 40 * $_ .. 40 * $_ + 39) } 1 .. 4;
	$_->finish foreach @sessions;
	pushed('makers', 2 + 160);
	$shop->wait_for('SELECT NOT EXISTS (SELECT FROM bcdelta.pending) AND NOT EXISTS (SELECT FROM bcdelta.change)');
	at_rest();
	my $after = wake_ups();
	cmp_ok(runs() - $runs, '<', 40, 'by few runs: ' . (runs() - $runs));
	cmp_ok($after->{commit} - $before->{commit}, '<=', 3 * (runs() - $runs) + 3, 'with few wake-ups: ' . ($after->{commit} - $before->{commit}));
};

subtest 'what is rolled back, prepared, or of another feed wakes nobody; COMMIT PREPARED does' => sub {
	my ($before, $runs) = (wake_ups(), runs());
	$shop->sql("BEGIN; INSERT INTO makers VALUES ('R1', 'Rolled back'); ROLLBACK;
		INSERT INTO groups VALUES (1, NULL, 'Group 1');
		BEGIN; INSERT INTO makers VALUES ('P1', 'Prepared'); PREPARE TRANSACTION 'p'");
	is_deeply(wake_ups(), $before, 'no wake-up');
	is(runs(), $runs, 'no run');
	$shop->sql("COMMIT PREPARED 'p'");
	pushed('makers', 2 + 160 + 1);
	at_rest();
	cmp_ok(wake_ups()->{commit}, '>', $before->{commit}, 'what was prepared is pushed when it is committed');
	is(runs(), $runs + 1, 'by a run');
	$shop->sql("BEGIN; INSERT INTO groups VALUES (31, NULL, 'Group 31'); PREPARE TRANSACTION 'q'");
	$shop->sql("COMMIT PREPARED 'q'");
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.change");
	at_rest();
	is(runs(), $runs + 1, 'and there is none if nothing is to be pushed at once');
	$shop->sql("BEGIN; INSERT INTO makers VALUES ('P3', 'Prepared'); PREPARE TRANSACTION 'r'");
	$shop->sql("ROLLBACK PREPARED 'r'");
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = 'groups'"), 0, 'and nothing of the other feed');
};

subtest 'changes during a run are pushed after it; references arrive in the end' => sub {
	$shop->sql(q{SELECT bcdelta.alter_feed('articles', options => '{"push": "immediate"}')});
	$shop->wait_for("SELECT options ->> 'push' = 'immediate' FROM bcdelta.feed WHERE feed = 'articles'");
	$shop->push("'articles'");
	$store->hold({ match => { method => 'PUT' } });
	$shop->sql("UPDATE makers SET name = name || '!' WHERE code = 'M1'");
	$shop->wait_held(1);
	$shop->sql("UPDATE makers SET name = name || '?' WHERE code IN ('M1', 'M2')");
	$shop->sql("BEGIN; INSERT INTO articles (sku, title, price, maker) VALUES ('A1', 'Article', 1, 'N1'); INSERT INTO makers VALUES ('N1', 'New one'); COMMIT");
	$store->release;
	pushed('articles', 1);
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.pending WHERE feed <> $$groups$$');
	is_deeply([ sort map { $_->{name} } grep { $_->{name} =~ /[!?]$/ } @{ $store->state('brands') } ], [ 'Maker 1!?', 'Maker 2?' ], 'the last state of each');
	at_rest();
};

subtest 'a store that refuses is not asked over and over' => sub {
	my $runs = runs();
	$store->settings({ token => 'another' });
	$shop->sql("UPDATE makers SET name = 'Refused' WHERE code = 'M1'");
	$shop->wait_for("SELECT count(*) > 0 FROM bcdelta.feed WHERE feed = 'makers' AND state = 'paused'");
	at_rest();
	my $before = wake_ups();
	$shop->sql("UPDATE makers SET name = 'Refused again' WHERE code = 'M1'");
	is(runs(), $runs + 1, 'one run');
	$store->settings({ token => $store->token });
	$shop->sql("SELECT bcdelta.resume(server => 'shop')");
	$shop->push;
	is(scalar(grep { $_->{name} eq 'Refused again' } @{ $store->state('brands') }), 1, 'nothing is lost');
	at_rest();
};

subtest 'at rest, the worker wakes up for its timer only' => sub {
	$node->append_conf('postgresql.conf', 'bcdelta.naptime = 1');
	$node->reload;
	my $first = wake_ups()->{timer};
	poll_until(sub { wake_ups()->{timer} > $first + 1 }, 'the timer');
	my $began = time;
	my $before = wake_ups();
	$shop->sql("INSERT INTO groups SELECT $_, NULL, 'Group $_'") foreach 2 .. 30;
	poll_until(sub { wake_ups()->{timer} >= $before->{timer} + 5 }, 'the timer five times');
	my $after = wake_ups();
	my $seconds = time - $began;
	cmp_ok($after->{timer} - $before->{timer}, '<=', $seconds + 2, "not more often than it is set to: $seconds s");
	is($after->{$_} - $before->{$_}, 0, "no wake-up by a $_, although another feed has changes") foreach qw(commit run);
	# PostgreSQL lets the timer of a time limit go off once that is not needed any more
	cmp_ok($after->{request} - $before->{request}, '<=', 1, 'and as good as none by a request');
};

subtest 'the option can be given up, and its values are checked' => sub {
	like(($shop->try(q{SELECT bcdelta.alter_feed('makers', options => '{"push": "now"}')}))[2], qr/invalid value for option "push".*It must be "run" or "immediate"/s, 'an invalid value');
	$node->append_conf('postgresql.conf', 'bcdelta.naptime = 3000');
	$node->reload;
	$shop->sql(q{SELECT bcdelta.alter_feed('makers', options => '{"push": "run"}')});
	$shop->push;
	at_rest();
	my ($before, $runs) = (wake_ups(), runs());
	$shop->sql("INSERT INTO makers VALUES ('L1', 'Later')");
	is_deeply([ wake_ups()->{commit}, runs() ], [ $before->{commit}, $runs ], 'then a commit wakes nobody');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
