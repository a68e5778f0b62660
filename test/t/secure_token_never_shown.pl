# Replies that should not be sent: redirects, our own token, and replies that
# are too large.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $token = 't0p-s3cr3t-t0ken';
my $shop = BCDelta::Shop->open(
	'token_shown',
	store => { token => $token, args => [ '--quota', 100000 ] },
	server => { max_attempts => 2 },
	node => { conf => "log_statement = none\nlog_min_messages = debug1\ndeadlock_timeout = 100ms\nbcdelta.naptime = 1" });
my ($node, $store) = ($shop->node, $shop->store);
my $worker = worker_pid($node, 'shop');
$shop->tables;
my $elsewhere = BCDelta::Store->start(token => $token);

subtest 'a redirect is not followed, and the token goes nowhere' => sub {
	$shop->sql("INSERT INTO makers VALUES ('a', 'Acme')");
	$store->fault({ do => { redirect => $elsewhere->url . '/stores/teststore/v3/catalog/brands' } });
	my $run = $shop->push;
	is($run->{state}, 'failed', 'a redirect fails the run');
	like($run->{error}, qr/302.*redirects are not followed.*api_url/s, 'with a hint');
	is_deeply([ $elsewhere->journal ], [], 'nothing went there');
	$store->unfault;
	$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'");
	is($shop->push->{created}, 1, 'without it all is well');
};

subtest 'a token that the store repeats appears nowhere, and oversized replies do no harm' => sub {
	foreach my $harm ({ huge => 300_000_000 }, { deep => 1_000_000 }, { status => 422, huge => 300_000_000 },
		map { { status => $_, body => { status => $_, title => "the token $token is not good", errors => { $token => $token } } } } 422, 500, 401)
	{
		$store->fault({ times => 4, do => $harm });
		$shop->sql("UPDATE makers SET name = name || '+'");
		$shop->$_($_ eq 'link' ? "'makers'" : "server => 'shop'") foreach qw(push link verify);
		$store->unfault;
		$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'; SELECT bcdelta.retry()");
		is($shop->push->{state}, 'succeeded', 'after ' . join(' ', map { $_ eq 'body' ? 'with the token' : "$_ $harm->{$_}" } sort keys %$harm));
		is_deeply($shop->pending, {}, 'all rows arrive');
	}
	is(worker_pid($node, 'shop'), $worker, 'the worker lives');
	foreach my $relation ('pg_stat_activity',
		@{ $shop->list("SELECT oid::regclass FROM pg_class WHERE relnamespace = 'bcdelta'::regnamespace AND relkind IN ('r', 'v')") })
	{
		is($shop->sql("SELECT count(*) FROM $relation AS r WHERE r::text ~ 's[3]cr3t'"), 0, "no token in $relation");
	}
	unlike(slurp_file($node->logfile), qr/s3cr3t/, 'nor in the server\'s log');
	unlike(slurp_file("/proc/$worker/$_"), qr/s3cr3t/, "nor in the worker's $_") foreach grep { -r "/proc/$worker/$_" } qw(cmdline environ);
};

is($_->counts->{server}{bugs}, 0, 'the stores met no bug of their own') foreach $store, $elsewhere;
done_testing();
