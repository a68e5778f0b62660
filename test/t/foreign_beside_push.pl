# Foreign tables beside a push: both share the quota of the store, which is used
# and never exceeded, and queries get no more than their share of it.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $quota = 100;
my $shop = BCDelta::Shop->open('beside', store => { args => [ '--quota', $quota, '--window-ms', 1500 ] }, node => { conf => 'max_connections = 50' });
my ($store, $node) = ($shop->store, $shop->node);

$store->control('seed', { kind => 'products', count => 3000, template => { name => 'Product {n}', sku => 'P-{n}', price => 10, type => 'physical', weight => 1 } });
$shop->sql(<<'EOC');
ALTER SERVER shop OPTIONS (quota_share '1');
ALTER DATABASE shop SET bcdelta.max_calls = 0;
CREATE SCHEMA s;
IMPORT FOREIGN SCHEMA bigcommerce LIMIT TO (product, brand) FROM SERVER shop INTO s;
CREATE TABLE maker (id int PRIMARY KEY, name text);
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}');
INSERT INTO maker SELECT g, 'Maker ' || g FROM generate_series(1, 900) AS g;
EOC

# Sessions that read the whole list over and over
sub readers
{
	my ($n) = @_;
	return map { psql_start($node, 'shop', 'DO $$ BEGIN LOOP PERFORM count(name) FROM s.product; COMMIT; END LOOP; END $$') } 1 .. $n;
}

sub counts
{
	my %n = (GET => 0, POST => 0);
	$n{ $_->{method} }++ foreach grep { $_->{path} =~ m{/catalog/(products|brands)$} } $store->journal;
	return \%n;
}

# Seconds that the processors had nothing to do, of all of them
sub unused_processors
{
	my ($idle) = (-r '/proc/stat' ? slurp_file('/proc/stat') : '') =~ /^cpu +(?:\d+ +){3}(\d+)/m;
	return ($idle // 0) / 100;
}

subtest 'five sessions read while a push runs' => sub {
	my @readers = readers(5);
	poll_until(sub { counts()->{GET} > 5 }, 'requests of the sessions');
	$store->clear;
	my ($began, $unused_before) = (time(), unused_processors());
	my $run = $shop->push;
	my $n = counts();
	is_deeply([ @$run{qw(state created failed throttled)} ], [ 'succeeded', 900, 0, 0 ], 'the push succeeds, and nothing was refused');
	cmp_ok($n->{GET}, '>', 10, 'the sessions get something');
	my $share = $n->{GET} / ($n->{GET} + $n->{POST});
	cmp_ok($share, '<', 0.33, sprintf('but not much more than their share (%.0f %%)', 100 * $share));
	my @full = @{ $store->counts->{windows} };
	@full = @full[ 2 .. $#full - 1 ];
	my $used = 0;
	$used += $_->{used} / $quota foreach @full;
	my $unused = unused_processors() - $unused_before;
	note(sprintf 'processors: %.0f s unused of %.0f s', $unused, time() - $began);
	# A machine without time to spare may be too slow for the quota.
	ok($used / @full >= 0.98 || $unused < 0.2 * (time() - $began), sprintf('the quota of %d windows is used (%.1f %%)', scalar(@full), 100 * $used / @full));
	$_->cancel foreach @readers;
	$_->finish foreach @readers;
	is_deeply($store->counts->{throttled}, {}, 'nothing was refused at all');
};

subtest 'without a push, they have all of it' => sub {
	$store->clear;
	my @readers = readers(3);
	poll_until(sub { counts()->{GET} > 2 * $quota }, 'more requests than two windows allow');
	pass('they go on');
	$_->cancel foreach @readers;
	$_->finish foreach @readers;
	is_deeply($store->counts->{throttled}, {}, 'nothing was refused');
};

subtest 'the places of scans are limited for each role, and are free again' => sub {
	$shop->sql("CREATE ROLE many LOGIN; GRANT USAGE ON SCHEMA s TO many; GRANT SELECT ON ALL TABLES IN SCHEMA s TO many; GRANT USAGE ON FOREIGN SERVER shop TO many;
CREATE USER MAPPING FOR many SERVER shop OPTIONS (access_token '" . $store->token . "')");
	my $cursors = join('', map { "DECLARE c$_ CURSOR FOR SELECT id FROM s.brand; FETCH 1 FROM c$_;\n" } 1 .. 40);
	my ($rc, $out, $err) = $node->psql('shop', "BEGIN; $cursors COMMIT", extra_params => [ '-U', 'many' ]);
	like($err, qr/too many scans of foreign tables.*At most 32 of one role/s, 'too many');
	($rc, $out, $err) = $node->psql('shop', "BEGIN; DECLARE c CURSOR FOR SELECT id FROM s.brand; FETCH 1 FROM c; COMMIT", extra_params => [ '-U', 'many' ]);
	is($rc, 0, 'all are free again') or diag($err);
};

subtest 'a thousand scans leave nothing behind in the worker' => sub {
	my $worker = worker_pid($node, 'shop');
	my $memory = sub { open my $f, '<', "/proc/$worker/statm" or die $!; return (split ' ', <$f>)[1] * 4 };
	my $scans = sub { $shop->sql("SET bcdelta.max_calls = 0; DO \$\$ DECLARE i int; BEGIN FOR i IN 1..$_[0] LOOP PERFORM name FROM s.brand WHERE id = i; END LOOP; END \$\$"); };
	$store->control('settings', { quota => 100000 });
	$scans->(200);
	my $before = $memory->();
	$scans->(1000);
	my $more = $memory->() - $before;
	cmp_ok($more, '<', 1000, "$more kB more");
	is(worker_pid($node, 'shop'), $worker, 'it is the same worker');
};

done_testing();
