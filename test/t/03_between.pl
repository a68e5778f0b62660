# Natural keys that move among the rows of several feeds of one resource: which
# feed a row belongs to makes no difference to the store.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('between', server => { max_attempts => 4 });
my ($node, $store) = ($shop->node, $shop->store);
my @feeds = qw(x y z);
my $rows = 12;
foreach my $feed (@feeds)
{
	$shop->sql(<<"EOC");
CREATE TABLE $feed (id int PRIMARY KEY, sku text, name text, price numeric NOT NULL);
SELECT bcdelta.track('$feed', 'shop', 'product', on_delete => 'delete',
	fields => '{"sku": "sku", "name": "name", "price": "price", "type": "''physical''", "weight": "1"}');
INSERT INTO $feed SELECT g, '$feed' || g, 'Item $feed' || g, g FROM generate_series(1, $rows) AS g;
EOC
}
is($shop->push->{created}, 3 * $rows, 'the store is loaded');
my @kinds = ([qw(sku)], [qw(name)], [qw(sku name)]);

# The rows named ("x1", "y1", ...) take what the next one has, the last one what the first has
sub rotate
{
	my ($columns, @rows) = @_;
	my @now = map { my ($feed, $id) = /^(.)(.*)/; $shop->value("SELECT * FROM $feed WHERE id = $id") } @rows;
	my $sql = '';
	foreach my $i (0 .. $#rows)
	{
		my ($feed, $id) = $rows[$i] =~ /^(.)(.*)/;
		my $next = $now[ ($i + 1) % @rows ];
		$sql .= "UPDATE $feed SET price = price + 0.01, " . join(', ', map { "$_ = '$next->{$_}'" } @$columns) . " WHERE id = $id;";
	}
	$shop->sql("BEGIN; $sql COMMIT");
	return;
}

my $union = join(' UNION ALL ', map { "SELECT '$_' AS feed, * FROM $_" } @feeds);

# Records that differ from their rows, but for these rows
sub differing
{
	my %but = map { $_ => 1 } @_;
	my %have = map { $_->{id} => join('|', @$_{qw(name sku)}, $_->{price} + 0) } @{ $store->state('products') };
	my $links = $shop->value("SELECT jsonb_object_agg(feed || id, ARRAY[store_id::text, concat_ws('|', name, sku, trim_scale(price))]) AS o
		FROM ($union) AS u LEFT JOIN bcdelta.link AS l USING (feed) WHERE l.key = u.id::text")->{o};
	my @differ = map { "$_: " . ($have{ $links->{$_}[0] } // 'none') . " for $links->{$_}[1]" }
	  grep { !$but{$_} and ($have{ $links->{$_}[0] } // '') ne $links->{$_}[1] } sort keys %$links;
	push @differ, 'records: ' . keys %have if keys %have != keys %$links;
	return \@differ;
}

sub agree
{
	my ($what) = @_;
	is_deeply(differing(), [], "$what: every row has its record, and there is no other");
	is_deeply($shop->pending, {}, "$what: nothing is pending") or diag(explain($shop->errors));
	is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE aside IS NOT NULL'), 0, "$what: nothing has to be put back");
	return;
}

# Nothing is without a number, or has a name that no row has had
sub whole
{
	my ($what) = @_;
	is_deeply([ map { "$_->{id} $_->{name} $_->{sku}" } grep { $_->{sku} eq '' || $_->{name} =~ /\(\d+\)$/ } @{ $store->state('products') } ],
		[], "$what: no product is without what identifies it");
	return;
}

# Circles and chains in one run: at most three calls more than the updates need
my %circles = (
	'two rows of two feeds' => [qw(x1 y1)],
	'three rows of three feeds' => [qw(x1 y1 z1)],
	'three rows the other way' => [qw(z2 y2 x2)],
	'a long circle' => [ map { ("x$_", "y$_") } 1 .. $rows ],
	'a long circle of parts' => [ (map { "x$_" } 1 .. $rows), (map { "z$_" } 1 .. $rows), (map { "y$_" } 1 .. $rows) ]);
foreach my $columns (@kinds)
{
	foreach my $name (sort keys %circles)
	{
		my $what = "@$columns: $name";
		my @rows = @{ $circles{$name} };
		rotate($columns, @rows);
		$shop->clear;
		my $run = $shop->push;
		is("$run->{state} $run->{created} $run->{deleted} $run->{failed}", 'succeeded 0 0 0', "$what: the run succeeds");
		my $most = int((@rows + 9) / 10) + 3;
		cmp_ok(scalar @{ $shop->calls }, '<=', $most, "$what: at most $most calls") or diag(explain([ $shop->writes ]));
		agree($what);
	}
}

done_testing();
