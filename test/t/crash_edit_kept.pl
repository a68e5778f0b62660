# The worker is killed at each of its debug points (src/base/debug.h), and while
# it is down, people edit the records that it was about to write, or has just
# written.  None of their edits is overwritten: with policy source of the fields that
# the row has not changed, with another policy of any.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

# Points that no push passes have tests of their own.
my %elsewhere = (proving => 'verify_changed.pl', step => 'cutover_crash.pl');

my %points;
foreach my $file (glob "$ENV{TESTDIR}/src/*/*.c")
{
	$points{$_} = 1 foreach slurp_file($file) =~ /BCD_DEBUG_POINT\("(\w+)"\)/g;
}
delete @points{ keys %elsewhere };
cmp_ok(scalar keys %points, '>=', 12, 'points are found: ' . join(' ', sort keys %points));

my $shop = BCDelta::Shop->open(
	'kept',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.debug_points = on\nwal_writer_delay = 10s\n" });    # a crash loses what was not flushed
plan skip_all => 'built without debug points' unless $shop->has_points;
my $store = $shop->store;
my @cat = map { $store->seed('category', [ { name => "Category $_" } ])->{first} } 0 .. 3;

my @kinds = qw(price body sets stock);
my $product = q("sku": "id", "name": "'Item ' || id", "type": "'physical'", "weight": "weight", "price": "price", "description": "body", "categories": "sets",
	"inventory_tracking": "'product'", "inventory_level": "stock");
my $size = q(jsonb_build_array(jsonb_build_object('option_display_name', 'Size', 'label', id)));
foreach my $policy (qw(source store review))
{
	$shop->sql(<<"EOC");
CREATE TABLE p_$policy (id text PRIMARY KEY, weight int DEFAULT 1, price numeric DEFAULT 10, body text DEFAULT '<p>Old</p>', sets int[] DEFAULT '{$cat[0]}', stock int DEFAULT 5);
CREATE TABLE v_$policy (id text PRIMARY KEY, weight int DEFAULT 1, price numeric DEFAULT 10);
SELECT bcdelta.track('p_$policy', 'shop', 'product', \$m\${$product}\$m\$, on_conflict => '$policy');
EOC
}
$shop->sql(<<"EOC");
CREATE TABLE parent (id text PRIMARY KEY);
SELECT bcdelta.track('parent', 'shop', 'product', '{"sku": "id", "name": "''Parent '' || id", "price": "1", "type": "''physical''", "weight": "1"}');
INSERT INTO parent VALUES ('source'), ('store'), ('review');
EOC
foreach my $policy (qw(source store review))
{
	$shop->sql("SELECT bcdelta.track('v_$policy', 'shop', 'variant', \$m\${\"product_id\": \"bcdelta.ref('parent', '$policy')\", \"sku\": \"id\", \"price\": \"price\", \"weight\": \"weight\",
		\"option_values\": \"$size\"}\$m\$, on_conflict => '$policy')");
}
# levels as such, and as differences
$shop->sql(<<"EOC");
CREATE TABLE bin (id text PRIMARY KEY, qty int DEFAULT 5, warn int DEFAULT 1, safety int DEFAULT 0);
CREATE TABLE rel (id text PRIMARY KEY, qty int DEFAULT 5, warn int DEFAULT 1, safety int DEFAULT 0);
SELECT bcdelta.track('bin', 'shop', 'inventory', '{"product_id": "bcdelta.ref(''p_source'', id)", "location_id": "1", "quantity": "qty", "warning_level": "warn", "safety_stock": "safety"}');
SELECT bcdelta.track('rel', 'shop', 'inventory', '{"product_id": "bcdelta.ref(''p_source'', id)", "location_id": "1", "quantity": "qty", "warning_level": "warn", "safety_stock": "safety"}',
	options => '{"adjustment": "relative"}');
EOC
my @feeds = (map { ("p_$_", "v_$_") } qw(source store review));

sub levels { my ($key, $quantity) = @_; $store->api('PUT', '/inventory/adjustments/absolute', { reason => 'count', items => [ { location_id => 1, product_id => 0 + $key, quantity => $quantity } ] }); return; }

sub settings { my ($id, %set) = @_; $store->api('PUT', '/inventory/locations/1/items', { settings => [ { identity => { product_id => 0 + $id }, %set } ] }); return; }

my %edit = (
	price => sub { $store->edit('product', $_[0], { price => 77 }) },
	body => sub { $store->edit('product', $_[0], { description => '<p>By the agency</p>' }) },
	sets => sub { $store->edit('product', $_[0], { categories => [ @cat[ 0, 3 ] ] }) },
	stock => sub { levels($_[0], 77) });
my %is = (price => sub { 0 + $_[0]{price} }, body => sub { $_[0]{description} }, sets => sub { [ sort { $a <=> $b } @{ $_[0]{categories} } ] }, stock => sub { $_[0]{inventory_level} });
my %kept = (price => 77, body => '<p>By the agency</p>', sets => [ @cat[ 0, 3 ] ], stock => 77);
my %own = (price => 20, body => '<p>New</p>', sets => "{$cat[0],$cat[1]}", stock => 20);

foreach my $point (sort keys %points)
{
	subtest "killed when $point: no edit is overwritten" => sub {
		foreach my $policy (qw(source store review))
		{
			$shop->sql("INSERT INTO p_$policy (id) SELECT '$policy-$point-' || k FROM unnest('{@{[ join ',', @kinds ]}}'::text[]) AS k; INSERT INTO v_$policy (id) VALUES ('$policy-$point')");
		}
		$shop->sql("INSERT INTO p_source (id) VALUES ('bin-$point'), ('rel-$point'); INSERT INTO p_source (id) VALUES ('old-$point')");
		$shop->push;
		$shop->sql("INSERT INTO bin (id) VALUES ('bin-$point'); INSERT INTO rel (id) VALUES ('rel-$point')");
		$shop->push;
		$store->settle;
		my %id = map { my $feed = $_; %{ $shop->value("SELECT jsonb_object_agg(key, store_id) AS o FROM bcdelta.link WHERE feed = '$feed' AND key LIKE '%$point%'")->{o} } } @feeds;
		# as if the last push were long ago
		$shop->sql("UPDATE bcdelta.link SET pushed_at = pushed_at - interval '1 hour'");

		my $session = $shop->stop_at($point);
		$shop->sql("UPDATE p_source SET weight = 2 WHERE id LIKE 'source-$point-%'; UPDATE v_source SET weight = 2 WHERE id = 'source-$point'; UPDATE p_source SET id = 'new-$point' WHERE id = 'old-$point'");
		foreach my $policy (qw(store review))
		{
			$shop->sql("UPDATE p_$policy SET $_ = '$own{$_}' WHERE id = '$policy-$point-$_'") foreach @kinds;
			$shop->sql("UPDATE v_$policy SET price = 20 WHERE id = '$policy-$point'");
		}
		$shop->sql("UPDATE bin SET qty = 6, safety = 2 WHERE id = 'bin-$point'; UPDATE rel SET qty = 6, safety = 2 WHERE id = 'rel-$point'");
		$shop->sql('SELECT bcdelta.push(wait => false)');
		$shop->wait_stopped;
		# the next worker reads nothing before the edits are made; what comes between a read and a write cannot be seen
		$store->hold({ match => { method => 'GET' }, process => 'release' });
		kill_worker($shop->node, 'shop', 'KILL');
		$store->settle;
		foreach my $policy (qw(source store review))
		{
			$edit{$_}->($id{"$policy-$point-$_"}) foreach @kinds;
			$store->edit('variant', $id{"$policy-$point"}, { price => 77 });
		}
		settings($id{"$_-$point"}, warning_level => 9) foreach qw(bin rel);
		$store->settle;
		$store->release;
		$session->close;
		foreach (1 .. 3)
		{
			$shop->hurry;
			$shop->push;
			$store->settle;
		}
		my %record = map { $_->{id} => $_ } @{ $store->state('products') }, @{ $store->state('variants') };
		foreach my $kind (@kinds)
		{
			is_deeply($is{$kind}->($record{ $id{"source-$point-$kind"} }), $kept{$kind}, "$kind: kept, since the row has not changed it");
			foreach my $policy (qw(store review))
			{
				my $has = $is{$kind}->($record{ $id{"$policy-$point-$kind"} });
				# the row's addition may have been there before the edit, which has taken it away
				$has = [ grep { $_ != $cat[1] } @$has ] if $kind eq 'sets';
				is_deeply($has, $kept{$kind}, "$kind: kept, policy $policy");
			}
		}
		is_deeply([ map { 0 + $record{ $id{"$_-$point"} }{price} } qw(source store review) ], [ 77, 77, 77 ], 'prices of variants');
		is_deeply([ map { 0 + $record{ $id{"source-$point-$_"} }{weight} } @kinds ], [ (2) x @kinds ], 'and what the row has changed has arrived');
		foreach my $feed (qw(bin rel))
		{
			my $at = $store->api('GET', '/inventory/items?product_id:in=' . $id{"$feed-$point"})->{data}[0]{locations}[0]{settings};
			is($at->{warning_level}, 9, "$feed: a setting of stock");
		}
		is_deeply([ grep { $_ ne 'review' } values %{ $shop->pending } ], [], 'nothing is pending but what waits for a person') or diag(explain($shop->errors));
	};
}
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
