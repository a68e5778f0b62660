# CALL bcdelta.sweep() pushes everything, fails if the run fails, and holds no
# snapshot while it waits; also from pg_cron.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('sweep', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;

subtest 'sweep() holds no snapshot while it waits' => sub {
	$shop->hold_articles(2);
	my $push = $shop->start('CALL bcdelta.sweep()');
	$shop->wait_held(2);
	is($shop->sql("SELECT backend_xmin, state FROM pg_stat_activity WHERE query = 'CALL bcdelta.sweep()'"),
		'|active', 'sweep() holds no snapshot');
	$store->release;
	is(($push->finish)[0], 0, 'and ends successfully');
};

subtest 'sweep() fails when the run does, with its reason' => sub {
	$shop->sql("SELECT bcdelta.pause('makers')");
	my ($rc, undef, $err) = $shop->try("CALL bcdelta.sweep('nowhere')");
	like($err, qr/server "nowhere" does not exist/, 'a server that is not there');
	$store->settings({ token => 'another' });
	$shop->add_articles(1);
	($rc, undef, $err) = $shop->try('CALL bcdelta.sweep()');
	isnt($rc, 0, 'it fails when the run fails');
	like($err, qr/run \d+ failed: .*401/s, 'with the reason');
	$store->settings({ token => $store->token });
	$shop->sql('SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = \'paused\'');
};

subtest 'sweep() leaves out paused feeds, and warns about them' => sub {
	is(($shop->try('BEGIN; CALL bcdelta.sweep(); COMMIT'))[0], 0, 'it works in a transaction too');
	$shop->sql("SELECT bcdelta.pause('makers')");
	foreach my $call ('CALL bcdelta.sweep()', 'SELECT bcdelta.push()', 'BEGIN; CALL bcdelta.sweep(); COMMIT')
	{
		my ($rc, undef, $err) = $shop->try($call);
		is($rc, 0, "$call succeeds without a paused feed");
		like($err, qr/WARNING:.*not pushed: makers\nDETAIL:  makers: paused by/, 'and says which one');
	}
	$shop->sql("SELECT bcdelta.resume('makers')");
	is(($shop->try('CALL bcdelta.sweep()'))[2], '', 'but otherwise says nothing');
	$shop->articles_ok('sweep');
};

subtest 'sweep() works from pg_cron, in both modes of running jobs' => sub {
	plan skip_all => 'pg_cron is not installed'
	  if $shop->sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'") == 0;
	my $directory = $node->host;
	$node->append_conf('postgresql.conf', <<"EOC");
shared_preload_libraries = 'bcdelta, pg_cron'
cron.database_name = 'shop'
cron.host = '$directory'
EOC
	$node->restart;
	wait_for_worker($node, 'shop');

	# Jobs of this kind run once when the server starts, so there is no need to
	# wait for the next full minute.
	$shop->sql(<<'EOC');
CREATE EXTENSION pg_cron;
SELECT cron.schedule('sweep', '@reboot', $$CALL bcdelta.sweep('shop')$$);
SELECT cron.schedule('wrong', '@reboot', $$CALL bcdelta.sweep('nowhere')$$);
EOC
	my $n = 0;
	foreach my $mode (qw(off on))
	{
		$n++;
		$shop->sql("INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series($n * 100 + 1, $n * 100 + 10) AS i");
		$store->hold({ match => { method => 'POST' } });
		$node->append_conf('postgresql.conf', "cron.use_background_workers = $mode");
		$node->restart;
		$shop->wait_held(1);
		is( $shop->sql("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^CALL bcdelta.sweep' AND backend_xmin IS NOT NULL"),
			0, "background workers $mode: no snapshot is held while the store is waited for");
		$store->release;
		$shop->wait_for('SELECT NOT EXISTS (SELECT FROM bcdelta.pending) AND NOT EXISTS (SELECT FROM bcdelta.change)');
		$shop->wait_for("SELECT count(*) = $n FROM cron.job_run_details JOIN cron.job USING (jobid)
			WHERE jobname = 'sweep' AND status = 'succeeded'");
		is(scalar @{ $store->state('brands') }, $n * 10, 'a job has pushed the rows');
		$shop->wait_for("SELECT count(*) = $n FROM cron.job_run_details JOIN cron.job USING (jobid)
			WHERE jobname = 'wrong' AND status = 'failed'");
		like($shop->sql("SELECT return_message FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE jobname = 'wrong' ORDER BY runid DESC LIMIT 1"),
			qr/server "nowhere" does not exist/, 'a job that cannot says why');
	}
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
