# CALL bcdelta.sweep() from pg_cron, in both ways that it runs its jobs.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('cron', store => { args => [ '--quota', 100000 ] });
my ($node, $store) = ($shop->node, $shop->store);
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
$shop->tables;

# Jobs of this kind run once when the server starts, so nobody has to wait for
# the minute to be full.
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
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.pending, bcdelta.change');
	$shop->wait_for("SELECT count(*) = $n FROM cron.job_run_details JOIN cron.job USING (jobid)
		WHERE jobname = 'sweep' AND status = 'succeeded'");
	is(scalar @{ $store->state('brands') }, $n * 10, 'a job has pushed the rows');
	$shop->wait_for("SELECT count(*) = $n FROM cron.job_run_details JOIN cron.job USING (jobid)
		WHERE jobname = 'wrong' AND status = 'failed'");
	like($shop->sql("SELECT return_message FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE jobname = 'wrong' ORDER BY runid DESC LIMIT 1"),
		qr/server "nowhere" does not exist/, 'a job that cannot says why');
}
done_testing();
