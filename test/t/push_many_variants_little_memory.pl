# Thousands of variants that wait for their create together do not take more
# memory than their number explains.

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
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Item '' || id", "type": "''physical''", "weight": "1", "price": "10"}');
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

subtest 'a thousand variants of twenty products are created in little memory' => sub {
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 60, 0 ], 'products with two variants each') or diag(explain($shop->errors));
	my $before = peak();
	$shop->sql('INSERT INTO kind SELECT i * 1000 + s, i, s FROM generate_series(1, 20) AS i, generate_series(3, 52) AS s');
	$run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 1000, 0 ], 'fifty more variants of each') or diag(explain($shop->errors));
	my $growth = peak() - $before;
	note(sprintf '%.1f MiB', $growth);
	cmp_ok($growth, '<', 40, 'the worker grows by less than 40 MiB');
};

done_testing();
