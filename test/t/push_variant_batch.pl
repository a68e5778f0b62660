# New variants of products that exist: fifty share a request, if the store
# does what the text of the operation says.  The first one that is needed finds
# out, whatever the store answers, and none is made twice.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $MANY = 'PUT /catalog/variants';
my $ONE = 'POST /catalog/products/{id}/variants';

my $shop = BCDelta::Shop->open('batch', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE kind (id int PRIMARY KEY, item int, code text, size text, price numeric, mpn text);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Item '' || id", "type": "''physical''", "weight": "1", "price": "10"}', on_delete => 'delete');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "coalesce(code, ''S'' || id)", "price": "price", "mpn": "mpn",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', coalesce(size, ''n'' || id % 60)))"}', on_delete => 'delete');
INSERT INTO item SELECT g FROM generate_series(1, 3) AS g;
EOC
$shop->push;

sub agrees
{
	my ($what) = @_;
	my $links = $shop->value(q(SELECT coalesce(jsonb_object_agg(key, store_id), '{}') AS o FROM bcdelta.link WHERE feed = 'item'))->{o};
	my %item = reverse %$links;
	is_deeply(
		[ sort map { join('|', $item{ $_->{product_id} } // '?', $_->{sku}, ($_->{price} // -1) + 0, $_->{mpn}, $_->{option_values}[0]{label}) } @{ $store->state('variants') } ],
		[ sort @{ $shop->list(q(SELECT concat_ws('|', item, coalesce(code, 'S' || id), trim_scale(price), coalesce(mpn, ''), coalesce(size, 'n' || id % 60)) FROM kind)) } ],
		"$what: the store has the rows, each once");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

# The requests that may create variants
sub creates { return [ grep { /^(\Q$MANY\E \d+|\Q$ONE\E)$/ } @{ $shop->requests } ]; }

# Everything that the worker knows of the store is forgotten with it.
sub fresh
{
	my (%settings) = @_;
	$shop->sql('DELETE FROM kind');
	$shop->push;
	$store->unfault;
	$store->settings({ variant_create => 'batch', variant_mode => 'atomic', %settings });
	$shop->node->restart;
	$shop->clear;
	return;
}

# Sixty rows below two products, with the option values that these have
sub sixty { $shop->sql('INSERT INTO kind SELECT g, g / 30 + 1, NULL, NULL, g + 1 FROM generate_series(0, 59) AS g'); return; }

my %answers = (
	batch => [ "$MANY 1", "$MANY 50", "$MANY 9" ],
	refuse => [ "$MANY 1", ($ONE) x 60 ],
	missing => [ "$MANY 1", ($ONE) x 60 ],
	ignore => [ "$MANY 1", ($ONE) x 60 ],
	echo => [ "$MANY 1", ($ONE) x 60 ],
	unnamed => [ "$MANY 1", ($ONE) x 59 ],
	drop => [ "$MANY 1", ($ONE) x 59, "$MANY 1" ],
);

foreach my $answer (sort keys %answers)
{
	subtest "the first variant finds out what the store does with a batch: $answer" => sub {
		fresh(variant_create => $answer);
		sixty();
		my $run = $shop->push;
		is($run->{failed}, 0, 'no row fails') or diag(explain($shop->errors));
		if ($answer eq 'drop')
		{
			$shop->hurry;
			$shop->push;
		}
		is_deeply([ sort @{ creates() } ], [ sort @{ $answers{$answer} } ], 'requests');
		agrees($answer);
		is($shop->sql(q(SELECT count(*) FROM bcdelta.result WHERE outcome = 'retry' AND run_id = ) . $run->{run_id}), $answer eq 'batch' ? 0 : 1, 'a result says so');
		$shop->sql(q(DELETE FROM kind WHERE id < 2));
		$shop->push;
		$shop->clear;
		$shop->sql(q(INSERT INTO kind SELECT g, 1, 'N' || g, NULL, g FROM generate_series(60, 61) AS g));
		$shop->push;
		is_deeply(creates(), $answer eq 'batch' ? ["$MANY 2"] : [ ($ONE) x 2 ], 'which is remembered');
		agrees("$answer, later");
	};
}

subtest 'a feed may rule that out, or require it, and a field that the batch lacks goes alone' => sub {
	fresh();
	$shop->sql(q(SELECT bcdelta.alter_feed('kind', options => '{"creates": "one"}')));
	$shop->sql('INSERT INTO kind SELECT g, 1, NULL, NULL, g FROM generate_series(0, 2) AS g');
	$shop->push;
	is_deeply(creates(), [ ($ONE) x 3 ], 'one by one');
	$shop->sql(q(SELECT bcdelta.alter_feed('kind', options => '{"creates": "many"}')));
	$shop->clear;
	$shop->sql(q(INSERT INTO kind SELECT g, 1 + g % 2, NULL, NULL, g, CASE WHEN g > 20 THEN 'M' END FROM generate_series(10, 22) AS g));
	$shop->push;
	is_deeply([ sort @{ creates() } ], [ ($ONE) x 2, "$MANY 11" ], 'at once, without asking');
	agrees('forced');
	$store->settings({ variant_create => 'refuse' });
	$shop->sql('INSERT INTO kind SELECT g, 1, NULL, NULL, g FROM generate_series(30, 31) AS g');
	$shop->push;
	like($shop->errors->{'kind 30'}, qr/422.*id is required/, 'then a refusal stands');
	like(($shop->try(q(SELECT bcdelta.alter_feed('kind', options => '{"creates": "all"}'))))[2], qr/invalid value for option "creates".*"one" or "many"/s, 'any other value is an error');
	like(($shop->try(q(SELECT bcdelta.alter_feed('item', options => '{"creates": "one"}'))))[2], qr/unknown option "creates" for resource product/, 'and so it is for resources without such a batch');
	$shop->sql(q(DELETE FROM kind WHERE id >= 30; SELECT bcdelta.alter_feed('kind', options => '{}')));
	$shop->push;
};

subtest 'a field that the batch lacks is left out if it is empty' => sub {
	fresh();
	$shop->sql(q(INSERT INTO kind SELECT g, 1 + g % 2, NULL, NULL, g, '' FROM generate_series(0, 29) AS g));
	my $preview = $shop->value(q(SELECT method, path, body FROM bcdelta.preview('kind', 100) WHERE key = '7'));
	my $run = $shop->push;
	is($run->{failed}, 0, 'no row fails') or diag(explain($shop->errors));
	is_deeply([ sort @{ creates() } ], [ "$MANY 1", "$MANY 29" ], 'together');
	my ($sent) = grep { $_->{sku} eq 'S7' } map { @{ $_->{body} } } grep { $_->{path} =~ /variants$/ } $shop->writes;
	ok(!exists $sent->{mpn}, 'without the field');
	ok($preview->{body}{sku} && !exists $preview->{body}{mpn}, 'which a preview shows') or diag(explain($preview));
	agrees('empty');
	$shop->clear;
	$shop->sql(q(SELECT bcdelta.mark_all('kind')));
	is_deeply([ @{ $shop->push }{qw(updated unchanged)} ], [ 0, 30 ], 'the rows are as they were sent');
	is($shop->verify->{conflicts}, 0, 'and as the store has them');
	$shop->sql(q(UPDATE kind SET mpn = 'M' WHERE id = 3));
	$shop->push;
	$shop->sql(q(UPDATE kind SET mpn = '' WHERE id = 3));
	$shop->push;
	agrees('emptied');

	fresh();
	$store->fault({ match => { method => 'PUT', path => 'catalog/variants$' }, times => 1, do => { set => { mpn => 'inherited' } } });
	$shop->sql(q(INSERT INTO kind SELECT g, 1, NULL, NULL, g, '' FROM generate_series(0, 4) AS g));
	$shop->push;
	$store->unfault;
	$shop->hurry;
	$shop->push;
	is_deeply([ sort @{ creates() } ], [ sort "$MANY 1", ($ONE) x 4 ], 'a store whose variants have something there is told otherwise, one by one');
	my ($put) = grep { $_->{method} eq 'PUT' && $_->{path} =~ m{/variants/\d+$} } $shop->writes;
	is($put && $put->{body}{mpn}, '', 'and so is the first one');
	agrees('inherited');
};

subtest 'a bad row among many fails alone, and one that the store knows already is linked' => sub {
	foreach my $mode (qw(atomic prefix))
	{
		fresh(variant_mode => $mode);
		$store->seed('variants', [ { product_id => 0 + $shop->id('item', 3), sku => 'there', price => 1, option_values => [ { option_display_name => 'Size', label => 'there' } ] } ]);
		$shop->sql(q(INSERT INTO kind VALUES (100, 3, 'first', 'first', 1)));
		$shop->push;
		$store->fault({ match => { method => 'PUT', path => 'catalog/variants$' }, times => 1, do => { partial => { fail => [40] } } });
		sixty();
		$shop->sql(q(INSERT INTO kind VALUES (98, 3, 'there', 'there', 1), (99, 2, 'there', 'here', 1)));
		$shop->push;
		$store->unfault;
		is_deeply([ keys %{ $shop->errors } ], ['kind 99'], "$mode: one row fails") or diag(explain($shop->errors));
		$shop->sql('DELETE FROM kind WHERE id = 99');
		$shop->push;
		agrees($mode);
	}
};

subtest 'replies that are lost, and a kill, leave every variant once' => sub {
	# the first request and the next ones, and both unclear ones
	foreach my $case ([ before => 0, 1 ], [ after => 0, 2 ], [ after => 1, 1 ], [ before => 1, 1 ])
	{
		my ($how, $skip, $times) = @$case;
		fresh();
		$store->fault({ match => { method => 'PUT', path => 'catalog/variants$' }, skip => $skip, times => $times, do => { lose => $how } });
		sixty();
		for (1 .. 3)
		{
			$shop->hurry;
			$shop->push;
		}
		$store->unfault;
		agrees("$times lost $how, after $skip");
	}
	fresh();
	$store->hold({ match => { method => 'PUT', path => 'catalog/variants$' }, process => 'now' });
	sixty();
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->push;
	agrees('a kill');
};

done_testing();
