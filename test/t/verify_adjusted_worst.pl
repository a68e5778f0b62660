# Adjustments where they are easily forgotten: in a verify of what has changed, when
# the worker is killed, after a lost reply, and of variants in the mapping of their
# product.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('adjusted_worst', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 5 },
	node => { conf => "bcdelta.naptime = 1\nbcdelta.crash_limit = 0\n" });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, title text, price numeric, text text, kinds jsonb);
INSERT INTO item SELECT i, 'Item ' || i, i, '<p>Text ' || i || '</p>', (SELECT jsonb_agg(jsonb_build_object('sku', 'K' || i || s, 'price', i,
	'option_values', jsonb_build_array(jsonb_build_object('option_display_name', 'Size', 'label', s)))) FROM unnest('{S,M}'::text[]) AS s) FROM generate_series(1, 8) AS i;
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "title", "price": "price", "description": "text",
	"type": "''physical''", "weight": "1", "variants": "kinds"}');
SELECT bcdelta.mark_all('item');
EOC
is($shop->push->{created}, 8, 'a shop') or diag(explain($shop->errors));

sub edit { my ($key, %set) = @_; return $store->edit('product', $shop->id('item', $key), \%set); }
sub adjust { my ($key, $field) = @_; return $shop->sql("SELECT bcdelta.adjust('item', '$key', '$field', 'the agency')"); }
sub known { return $shop->wait_for('SELECT bool_and(value IS NOT NULL) FROM bcdelta.adjustment'); }
sub record { my ($key, @fields) = @_; my $r = $shop->record('products', $shop->id('item', $key)); return join('|', map { $r->{$_} } @fields); }

# Verifies what has changed; returns the differences, without the feed.
sub changed { $shop->verify("mode => 'changed'"); return [ map { s/^item\|//r } @{ $shop->discrepancies } ]; }

sub variants { my ($key) = @_; my $id = $shop->id('item', $key); return { map { $_->{option_values}[0]{label} => $_ } grep { $_->{product_id} == $id } @{ $store->state('variants') } }; }

# What a push writes
sub writes { $shop->clear; $shop->push; return [ map { join ' ', $_->{method}, map { sort keys %$_ } ref $_->{body} eq 'ARRAY' ? @{ $_->{body} } : $_->{body} } $shop->writes ]; }

subtest 'a verify of what has changed' => sub {
	is($shop->verify->{conflicts}, 0, 'all agrees');
	edit(1, price => '0.99', description => '<p>Better</p>');
	is_deeply(changed(), [ '1|different|description|<p>Text 1</p>|<p>Better</p>', '1|different|price|1|0.99' ], 'the edits are found') or diag(explain($shop->discrepancies));
	adjust(1, 'price');
	known();
	is_deeply(changed(), ['1|different|description|<p>Text 1</p>|<p>Better</p>'], 'what is adjusted is not');
	edit(1, description => '<p>Text 1</p>');
	is_deeply(changed(), [], 'all agrees');
	edit(1, price => '0.89');
	is_deeply(changed(), ['1|conflict|price|1|0.89'], 'it is watched');
	is_deeply(changed(), ['1|conflict|price|1|0.89'], 'for as long as it differs');
	edit(1, price => '0.99');
	is_deeply(changed(), [], 'and whole again');
	is($shop->sql(q(SELECT state FROM bcdelta.adjustment WHERE key = '1')), 'active', 'as the adjustment says');
};

subtest 'the worker is killed before it has read what was declared' => sub {
	edit(2, price => '22.22');
	kill_worker($shop->node, 'shop', 'KILL');
	adjust(2, 'price');
	known();
	is($shop->sql(q(SELECT value FROM bcdelta.adjustment WHERE key = '2')), '22.22', 'it is read later');
	$shop->sql('UPDATE item SET price = 23, title = $$Second$$ WHERE id = 2');
	$shop->push;
	is(record(2, qw(name price)), 'Second|22.22', 'and nothing overwrites it');
};

subtest 'the reply to an update is lost, and the worker is killed' => sub {
	foreach my $lost (qw(before after))
	{
		my $key = $lost eq 'before' ? 3 : 4;
		edit($key, price => '33.33');
		adjust($key, 'price');
		known();
		$store->fault({ times => 1, do => { lose => $lost }, match => { method => 'PUT' } });
		$shop->sql("UPDATE item SET price = 34, title = 'New $key', text = 'New' WHERE id = $key");
		my $pushing = $shop->start;
		$shop->wait_for("SELECT state = 'waiting' FROM bcdelta.pending WHERE key = '$key'");
		kill_worker($shop->node, 'shop', 'KILL');
		edit($key, price => '35.55', description => 'By the agency');
		wait_for_worker($shop->node, 'shop');
		$shop->hurry;
		$pushing->finish;
		$store->unfault;
		$shop->push;
		is(record($key, qw(name price)), "New $key|35.55", "lost $lost: nothing overwrites it");
		is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE key = '$key'"), 0, 'the row is done');
		edit($key, price => '33.33', description => 'New');
	}
};

subtest 'variants in the mapping of their product' => sub {
	my $s = variants(5)->{S};
	$store->edit('variant', $s->{id}, { price => 55 });
	adjust(5, 'variants');
	known();
	is($shop->verify("feed => 'item', keys => '{5}'")->{conflicts}, 0, 'what is meant is no difference') or diag(explain($shop->discrepancies));
	$shop->sql(q(UPDATE item SET kinds = jsonb_set(kinds, '{1,price}', '51'), price = 50 WHERE id = 5));
	is_deeply(writes(), ['PUT id price'], 'they are left alone; the product is not');
	is(variants(5)->{M}{price} + 0, 5, 'whatever the source has');
	is($shop->verify("feed => 'item', keys => '{5}'")->{conflicts}, 0, 'no difference');
	$store->edit('variant', $s->{id}, { price => 56 });
	is($shop->verify("feed => 'item', keys => '{5}'")->{conflicts}, 1, 'they are watched');
	$shop->sql(q(SELECT bcdelta.unadjust('item', '5', 'variants')));
	$shop->push;
	is_deeply([ map { variants(5)->{$_}{price} + 0 } qw(S M) ], [ 5, 51 ], 'unadjust: the source again');
	is($shop->verify("feed => 'item', keys => '{5}'")->{conflicts}, 0, 'which agrees');
};

is_deeply($store->violations, {}, 'no rule of the API was broken');
done_testing();
