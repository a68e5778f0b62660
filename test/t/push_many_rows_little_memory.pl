# Thousands of rows that wait together, for their create or to be deleted, do not
# take more memory than their number explains.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

plan(skip_all => 'needs /proc') if !-r '/proc/self/status';

# shared buffers that a process has touched count as its own memory
my $shop = BCDelta::Shop->open(
	'memory',
	node => { conf => "shared_buffers = 4MB\n" },
	store => { args => [ '--quota', 100000 ] });
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE kind (id int PRIMARY KEY, item int, size int);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Item '' || id", "type": "''physical''", "weight": "1", "price": "10"}', on_delete => 'delete');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "''K'' || id",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', ''Size '' || size))"}');
INSERT INTO item SELECT generate_series(1, 20);
INSERT INTO kind SELECT i * 1000 + s, i, s FROM generate_series(1, 20) AS i, generate_series(1, 2) AS s;
EOC

# The peak memory of the worker, in MiB
sub peak
{
	my ($kb) = slurp_file('/proc/' . worker_pid($shop->node, 'shop') . '/status') =~ /^VmHWM:\s+(\d+) kB/m;
	return $kb / 1024;
}

# Pushes, and tells how much the worker grows, in MiB
sub push_grows
{
	my ($what, %expected) = @_;
	my $before = peak();
	my $run = $shop->push;
	is_deeply({ map { $_ => $run->{$_} } keys %expected }, \%expected, $what) or diag(explain($run, $shop->errors));
	note(sprintf '%.1f MiB', peak() - $before);
	return peak() - $before;
}

subtest 'a thousand variants of twenty products are created in little memory' => sub {
	push_grows('products with two variants each', created => 60, failed => 0);
	$shop->sql('INSERT INTO kind SELECT i * 1000 + s, i, s FROM generate_series(1, 20) AS i, generate_series(3, 52) AS s');
	cmp_ok(push_grows('fifty more variants of each', created => 1000, failed => 0), '<', 40, 'the worker grows by less than 40 MiB');
};

subtest 'a thousand products, whose contents are kept for a rollback, are deleted in little memory' => sub {
	$shop->sql('INSERT INTO item SELECT generate_series(1001, 2000)');
	push_grows('a thousand more products', created => 1000, failed => 0);
	$shop->sql('DELETE FROM item WHERE id > 1000');
	cmp_ok(push_grows('and none of them', deleted => 1000, failed => 0), '<', 40, 'the worker grows by less than 40 MiB');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.undo WHERE feed = 'item' AND action = 'deleted')), 1000, 'what they held is known');
};

done_testing();
