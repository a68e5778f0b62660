# Progress: rows are counted once, and the time that is left is an interval that
# the true end lies in.  Before that, what a push will take can be estimated.

use strict;
use warnings;

use Time::HiRes qw(time sleep);

use BCDelta::Session;
use BCDelta::Shop;
use Test::More;

# 2,000 requests of ten products each, by a quota of 320 in two seconds, of which nine tenths are ours
my ($rows, $quota, $window) = (20_000, 320, 2000);
my $shop = BCDelta::Shop->open('progress', store => { args => [ '--quota', $quota, '--window-ms', $window, '--no-journal-bodies' ] },
	server => { max_concurrency => 4 });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, price numeric NOT NULL);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''I'' || id", "name": "''Item '' || id", "type": "''physical''", "weight": "1", "price": "price"}', capture => 'statement');
EOC
$store->seed('products', [ map { { id => $_ + 100, sku => "I$_", name => "Item $_", type => 'physical', weight => 1, price => 1 } } 1 .. $rows ]);
$shop->sql(qq(INSERT INTO item SELECT i, 1 FROM generate_series(1, $rows) AS i;
	INSERT INTO bcdelta.link (feed, key, store_id, payload, address)
	SELECT 'item', i, i + 100, jsonb_build_object('sku', 'I' || i, 'name', 'Item ' || i, 'type', 'physical', 'weight', 1, 'price', 1), i + 100
	FROM generate_series(1, $rows) AS i));

sub seconds { return "extract(epoch FROM $_[0])"; }

subtest 'the true end of a push of 20,000 rows lies between eta_low and eta_high' => sub {
	$shop->push;
	# requests from which the quota and the time of a request are known
	$shop->sql('UPDATE item SET price = 1.5 WHERE id <= 400');
	$shop->push;
	$store->clear;
	$shop->sql('UPDATE item SET price = 2');
	$shop->wait_for("SELECT ready = $rows FROM bcdelta.status");
	my $began = time;
	my $estimate = $shop->value("SELECT * FROM bcdelta.estimate('shop')");
	cmp_ok(time - $began, '<', 5, 'an estimate is made quickly');
	is(scalar $store->journal, 0, 'without any request');
	is_deeply([ @$estimate{qw(rows creates updates deletes calls)} ], [ $rows, 0, $rows, 0, $rows / 10 ], 'it counts rows and requests')
	  or diag(explain($estimate));
	is($estimate->{basis}, "500 rows were looked at, chosen at random: within about 5 %; quota: 288 requests in 2 seconds", 'and says how exact it is');
	$began = time;
	my $push = $shop->start('SELECT state, updated FROM bcdelta.push()');
	my $session = BCDelta::Session->open($shop->node, 'shop');
	my (@seen, %words, $end);
	while (1)
	{
		my $line = $session->sql('SELECT round(100.0 * done / total), total, ' . join(', ', map { seconds($_) } qw(eta_low eta_high)) .
			", waiting_for FROM bcdelta.progress");
		my $now = time;
		if ($line eq '')
		{
			next unless @seen;
			$end = $now;
			last;
		}
		my ($percent, $total, $low, $high, $waiting) = split /\|/, $line;
		$words{ $waiting =~ s/\d+/N/r }++;
		foreach my $mark (10, 50, 90)
		{
			push @seen, { mark => $mark, percent => $percent, at => $now, low => $low, high => $high, total => $total }
			  if $percent >= $mark && $percent < 100 && !grep { $_->{mark} == $mark } @seen;
		}
		sleep 0.05;
	}
	is(($push->finish)[1], "succeeded|$rows", 'all are pushed');
	note(sprintf 'estimated: %d s, in truth %.1f s', $estimate->{seconds}, $end - $began);
	ok($estimate->{seconds} > ($end - $began) / 2 && $estimate->{seconds} < ($end - $began) * 2, 'the estimate was right');
	is($shop->last_run->{api_calls}, $estimate->{calls}, 'to the request');
	is(scalar @seen, 3, 'seen at 10, 50 and 90 percent');
	foreach my $s (@seen)
	{
		my $left = $end - $s->{at};
		note(sprintf 'at %s %%: %.1f s left, between %s and %s', $s->{percent}, $left, $s->{low}, $s->{high});
		ok($s->{low} - 0.2 <= $left && $left <= $s->{high} + 0.2, "at $s->{mark} percent, the end lies in the interval");
		is($s->{total}, $rows, 'of all rows');
	}
	cmp_ok($seen[-1]{high}, '<=', $seen[0]{high}, 'which becomes narrower');
	note(join ', ', sort keys %words);
	is(scalar(grep { !/^(nothing|quota: used up for another N s)$/ } keys %words), 0, 'it waits for the quota, or for nothing');
	# unless the machine is too slow for the quota
	my $needed = $rows / 10 / (0.9 * $quota) * $window / 1000;
	ok($words{'quota: used up for another N s'} || $end - $began > 1.1 * $needed, 'and says so');
};

# The push has counted some thousand things; what a reader sums up is bounded.
subtest 'what metrics are summed up from does not grow with what was pushed' => sub {
	my ($left, $sums) = split /\|/, $shop->sql("SELECT count(*), count(DISTINCT (server, feed, what, label, code, bucket)) FROM bcdelta.total");
	cmp_ok($shop->sql("SELECT sum(n) FROM bcdelta.total WHERE what = 'request'"), '>', $rows / 10, 'requests were counted');
	$shop->wait_for("SELECT count(*) <= 3 * $sums + 600 FROM bcdelta.total");
	my $seen = $shop->sql("EXPLAIN (ANALYZE, TIMING off, COSTS off) SELECT * FROM bcdelta.metrics");
	note("$sums sums of $left rows; ", $seen =~ /(Execution Time: .*)/);
	pass('they are condensed');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
