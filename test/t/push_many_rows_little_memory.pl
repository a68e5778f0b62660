# Thousands of rows that wait together, to be created, deleted or rolled back, do
# not take more memory than their number explains.

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
CREATE TABLE item (id int PRIMARY KEY, price int NOT NULL DEFAULT 10, body text);
CREATE TABLE kind (id int PRIMARY KEY, item int, size int);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Item '' || id", "type": "''physical''", "weight": "1", "price": "price", "description": "body"}', on_delete => 'delete');
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

subtest 'long texts of two thousand products are rolled back in little memory' => sub {
	$shop->sql(q(INSERT INTO item SELECT g, 10, repeat('long text ', 1000) FROM generate_series(3001, 5000) AS g));
	push_grows('two thousand products', created => 2000, failed => 0);
	my $since = $shop->sql('SELECT clock_timestamp()');
	$shop->sql(q(UPDATE item SET price = 11, body = body || '!' WHERE id > 3000));
	push_grows('which change', updated => 2000, failed => 0);
	$shop->sql(q(UPDATE item SET price = 12 WHERE id > 3000));
	push_grows('twice', updated => 2000, failed => 0);
	my $before = peak();
	my $run = $shop->value("SELECT * FROM bcdelta.rollback_since('$since')");
	is_deeply([ @$run{qw(state updated failed conflicts)} ], [ 'succeeded', 2000, 0, 0 ], 'and change back') or diag(explain($run));
	note(sprintf '%.1f MiB', peak() - $before);
	cmp_ok(peak() - $before, '<', 40, 'the worker grows by less than 40 MiB');
};

# A new worker: memory that the last one had freed would hide what is needed now.
sub start_anew
{
	my $old = worker_pid($shop->node, 'shop');
	$shop->sql("SELECT pg_terminate_backend($old)");
	$shop->wait_for("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $old");
	wait_for_worker($shop->node, 'shop');
	return;
}

subtest 'hundreds of pictures of a product are written one by one in little memory' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE picture (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
SELECT bcdelta.track('picture', 'shop', 'product', '{"name": "''Pictures '' || id", "type": "''physical''", "weight": "1", "price": "1",
	"images": "(SELECT jsonb_agg(jsonb_build_object(''image_url'', format(''http://www.example.com/%s/%s.jpg'', id, g), ''description'', ''Picture '' || g, ''sort_order'', g)) FROM generate_series(1, n) AS g)"}');
INSERT INTO picture SELECT generate_series(1, 10);
EOC
	start_anew();
	push_grows('ten products', created => 10, failed => 0);
	$shop->sql('UPDATE picture SET n = 120');
	cmp_ok(push_grows('with 120 pictures each', updated => 10, failed => 0), '<', 40, 'the worker grows by less than 40 MiB');
};

subtest 'long texts with a policy are read and written in little memory' => sub {
	start_anew();
	$shop->sql(q(SELECT bcdelta.resume('item'); SELECT bcdelta.set_conflict('item', policy => 'review'); UPDATE item SET body = body || '!' WHERE id > 3000));
	cmp_ok(push_grows('two thousand products', updated => 2000, failed => 0, conflicts => 0), '<', 80, 'the worker grows by less than 80 MiB');
};

done_testing();
