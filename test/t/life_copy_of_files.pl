# A server started from a copy of the files pushes nothing; a promoted standby
# continues.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open(
	'place',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.naptime = 1\nwal_keep_size = '256MB'", init => [ allows_streaming => 1, has_archiving => 1 ] });
my ($node, $store) = ($shop->node, $shop->store);
$shop->sql(<<'EOC');
CREATE TABLE item (sku text PRIMARY KEY, title text, price numeric, weight real NOT NULL DEFAULT 1);
INSERT INTO item SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, 20) AS i;
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "sku", "name": "title", "price": "price", "weight": "weight", "type": "''physical''"}');
SELECT bcdelta.mark_all('item');
EOC
is($shop->push->{created}, 20, 'pushed');
$shop->sql("SELECT bcdelta.schedule('soon', server => 'shop', every => '1 second')");
$shop->wait_for("SELECT count(*) > 0 FROM bcdelta.run WHERE schedule = 'soon' AND state = 'succeeded'");
$node->backup('base');
$node->restart;
wait_for_worker($node, 'shop');
is($shop->value('SELECT state, trouble FROM bcdelta.status')->{state}, 'active', 'a restart is no move');
crash_server($node, 'shop');
is($shop->value('SELECT state, trouble FROM bcdelta.status')->{state}, 'active', 'nor is a crash');

sub status { return $_[0]->safe_psql('shop', 'SELECT state, paused_reason FROM bcdelta.status'); }

# Every price of a copy is changed: does the store hear of it?
sub is_paused
{
	my ($copy, $reason, $what) = @_;
	wait_for_worker($copy, 'shop');
	like(status($copy), qr/^paused\|this database is a copy.*$reason.*bcdelta\.resume\('item'\)/s, "$what is paused, and says why");
	$store->clear;
	$copy->safe_psql('shop', 'UPDATE item SET price = price + 1000');
	is($copy->safe_psql('shop', 'SELECT state FROM bcdelta.push()'), 'failed', 'a push fails');
	$copy->poll_query_until('shop', "SELECT state = 'paused' AND paused_reason ~ 'copy' FROM bcdelta.feed");
	is($copy->safe_psql('shop', "SELECT count(*) FROM bcdelta.schedule WHERE home = bcdelta.home()"), 0, 'its schedules are not due');
	is(scalar($store->journal), 0, 'the store hears nothing');
	return;
}

sub is_home
{
	my ($copy, $what) = @_;
	wait_for_worker($copy, 'shop');
	$copy->safe_psql('shop', "UPDATE item SET price = price + 1 WHERE sku = 'A-1'");
	is($copy->safe_psql('shop', 'SELECT state FROM bcdelta.push()'), 'succeeded', "$what pushes");
	$copy->poll_query_until('shop', "SELECT NOT EXISTS (SELECT FROM bcdelta.pending) AND NOT EXISTS (SELECT FROM bcdelta.status WHERE changes > 0)")
	  or die 'nothing is pushed';
	is($copy->safe_psql('shop', "SELECT state FROM bcdelta.status"), 'active', "$what continues");
	is($copy->safe_psql('shop', "SELECT count(*) FROM (SELECT home FROM bcdelta.feed UNION SELECT home FROM bcdelta.schedule UNION SELECT bcdelta.home()) AS h"),
		1, 'and is at home');
	return;
}

sub copy_of
{
	my ($name, $backup, %params) = @_;
	my $copy = PostgreSQL::Test::Cluster->new($name);
	$copy->init_from_backup($node, $backup, %params);
	# It would archive segments of the same names to the same place.
	$copy->append_conf('postgresql.conf', 'archive_mode = off');
	return $copy;
}

# What the primary does must not be mistaken for what a copy does.
$shop->sql("SELECT bcdelta.unschedule('soon')");

subtest 'a server started from a base backup pushes nothing until it is resumed' => sub {
	my $copy = copy_of('started', 'base');
	$copy->start;
	is_paused($copy, 'was moved: it is in .*started.*, and was in .*place', 'it');
	$copy->safe_psql('shop', 'SELECT bcdelta.resume()');
	is_home($copy, 'resumed, it');
	is(scalar(grep { $_->{price} > 1000 } @{ $store->state('products') }), 20, 'with all that was pending');
	$copy->stop;
	is($shop->value('SELECT state FROM bcdelta.status')->{state}, 'active', 'the original continues');
	$shop->sql('SELECT bcdelta.mark_all($$item$$)');
	$shop->push;
};

subtest 'a server started from a snapshot of the files pushes nothing' => sub {
	$node->stop;
	system_or_bail('cp', '-a', $node->data_dir, $node->backup_dir . '/files');
	$node->start;
	my $copy = copy_of('snapshot', 'files');
	unlink($copy->data_dir . '/postmaster.pid');
	$copy->start;
	is_paused($copy, 'was moved', 'it');
	$copy->stop;
};

subtest 'a server recovered from an archive pushes nothing until it is resumed' => sub {
	my $copy = copy_of('recovered', 'base', has_restoring => 1, standby => 0);
	$copy->start;
	$copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
	is_paused($copy, 'was moved', 'it');
	$copy->stop;
	$copy = copy_of('replayed', 'base', has_restoring => 1);
	$copy->start;
	$copy->restart;
	unlike(slurp_file($copy->logfile), qr/FATAL:  terminating background worker/, 'its normal shutdown is not reported');
	# the whole archive, including the end of the schedule
	$copy->poll_query_until('shop', 'SELECT count(*) = 0 FROM bcdelta.schedule');
	$copy->promote;
	is_paused($copy, 'was moved', 'one in standby mode that never streamed, too,');
	# in its original place
	$copy->safe_psql('shop', 'SELECT bcdelta.resume()');
	is_home($copy, 'resumed, it');
	$copy->safe_psql('shop', q(UPDATE bcdelta.feed SET home = regexp_replace(home, '^(\d+/[\d.]+)/\d+/', '\1/1/')));
	is_paused($copy, 'has since been recovered from an archive', 'one that is put back in its place');
	$copy->stop;
};

subtest 'a promoted standby goes on, and copies of it, or other places, push nothing' => sub {
	$shop->sql("SELECT bcdelta.schedule('rarely', server => 'shop', every => '1 day')");
	my $standby = copy_of('standby', 'base', has_streaming => 1);
	my $staging = copy_of('staging', 'base', has_streaming => 1);
	$staging->append_conf('postgresql.conf', "bcdelta.place = 'staging'");
	my $third = copy_of('third', 'base', has_streaming => 1);
	foreach my $copy ($standby, $staging, $third)
	{
		$copy->start;
		$node->wait_for_catchup($copy->name, 'replay', $node->lsn('insert'));
		is($copy->safe_psql('shop', 'SELECT state FROM bcdelta.status'), 'active', $copy->name . ' shows what its primary does');
	}
	# A standby notes within a second that it streams; one without the note is
	# no standby once its primary is gone.
	foreach my $copy ($standby, $staging, $third)
	{
		poll_until(sub { -f $copy->data_dir . '/bcdelta_place' }, 'the note of ' . $copy->name);
	}
	$node->stop('immediate');
	# restarted without its primary, and again after it was promoted
	$standby->restart;
	$standby->promote;
	is_home($standby, 'promoted, it');
	$standby->restart;
	is_home($standby, 'restarted, it');
	$staging->promote;
	is_paused($staging, 'bcdelta.place: this place is "staging", but the feed was pushed from ""', 'one that is for staging');
	$staging->stop;

	# promoted while no worker is running
	$third->append_conf('postgresql.conf', "bcdelta.databases = ''");
	$third->reload;
	$third->promote;
	# as the launcher notes, right after the start
	poll_until(sub { slurp_file($third->data_dir . '/bcdelta_place') =~ / promoted / }, 'the note of the promotion');
	$third->restart;
	$third->append_conf('postgresql.conf', "bcdelta.databases = 'shop'");
	$third->reload;
	is_home($third, 'one that was restarted before its worker came');
	$third->backup('again');
	$third->stop;
	my $copy = PostgreSQL::Test::Cluster->new('second_copy');
	$copy->init_from_backup($third, 'again');
	$copy->start;
	is_paused($copy, 'was moved', 'a copy of one that was promoted');
	$copy->stop;

	# a place with a name
	$standby->stop;
	my @named = ('pg_ctl', '-w', '-l', $standby->logfile, '-o', '-c bcdelta.place=prod');
	system_or_bail(@named, '-D', $standby->data_dir, 'start');
	wait_for_worker($standby, 'shop');
	like(status($standby), qr/this place is "prod", but the feed was pushed from ""/, 'a name is another place');
	$standby->safe_psql('shop', 'SELECT bcdelta.resume()');
	system_or_bail('pg_ctl', '-w', '-D', $standby->data_dir, 'stop');
	rename($standby->data_dir, $standby->data_dir . '.moved') or die $!;
	system_or_bail(@named, '-D', $standby->data_dir . '.moved', 'start');
	is_home($standby, 'of the same name on the command line, a directory that was moved');
	system_or_bail('pg_ctl', '-w', '-D', $standby->data_dir . '.moved', 'stop');
	rename($standby->data_dir . '.moved', $standby->data_dir) or die $!;
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
