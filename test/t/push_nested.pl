# Elements of several products share a request if the store keeps those that an
# update does not have. It is asked once, in a way that is right either way.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('nested', server => { max_attempts => 3 });
my $store = $shop->store;
my $fields = q('{"sku": "''S'' || id", "name": "''Item '' || id", "price": "price", "type": "''physical''", "weight": "1", "custom_fields": "props"}');

sub track
{
	my ($options) = @_;
	$shop->sql(<<"EOC");
CREATE TABLE item (id int PRIMARY KEY, price numeric NOT NULL DEFAULT 1, props jsonb);
SELECT bcdelta.track('item', 'shop', 'product', $fields, on_delete => 'delete', options => '$options');
EOC
	return;
}

# Everything is forgotten, and begins with 30 products of two elements each, and
# one that was added by hand
sub begin
{
	my ($mode, $options) = @_;
	$shop->sql(q(SELECT bcdelta.untrack('item') FROM bcdelta.feed; DROP TABLE IF EXISTS item; DELETE FROM bcdelta.learned));
	$store->remove('products', $_->{id}) foreach @{ $store->control('state/products') };
	$store->settings({ nested_put => $mode });
	track($options // '{}');
	$shop->sql(q(INSERT INTO item SELECT g, 1, '[{"name": "a", "value": "1"}, {"name": "b", "value": "1"}]' FROM generate_series(1, 30) AS g));
	is($shop->push->{created}, 30, "$mode: the products are there");
	$store->api('POST', '/catalog/products/' . $shop->id('item', $_) . '/custom-fields', { name => 'hand', value => 'made' }) foreach 1 .. 30;
	$shop->clear;
	return;
}

# What is below each product, as "name=value", in order; and how often that is
sub props
{
	my %ids = map { $shop->id('item', $_) => 1 } @_ ? @_ : split ' ', $shop->sql(q(SELECT string_agg(id::text, ' ') FROM item));
	my %found;
	$found{ join(' ', sort map { "$_->{name}=$_->{value}" } @{ $_->{custom_fields} }) }++ foreach grep { $ids{ $_->{product_id} } } @{ $store->control('state/elements') };
	return \%found;
}

# Requests that write, without the ids, and how many there are of each
sub writes
{
	my %n;
	$n{ join(' ', $_->{method}, $_->{path} =~ s{/\d+}{/id}gr) }++ foreach $shop->writes;
	return \%n;
}

sub answer { return $shop->sql(q(SELECT string_agg(resource || ' ' || collection || ' ' || keeps, ',') FROM bcdelta.learned)); }

sub settled
{
	my ($what) = @_;
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is($shop->verify->{conflicts}, 0, "$what: a verify finds no difference") or diag(explain($shop->discrepancies));
	$shop->clear;
	return;
}

my $change = q(UPDATE item SET props = '[{"name": "a", "value": "2"}, {"name": "b", "value": "1"}]');

subtest 'a store that keeps what an update lacks is asked by one product, and then gets ten at a time' => sub {
	begin('keep');
	$shop->sql($change);
	is($shop->push->{updated}, 30, 'all are changed');
	is_deeply(props(), { 'a=2 b=1 hand=made' => 30 }, 'and nothing else is');
	is_deeply(writes(), { 'PUT /catalog/products' => 1 + 3, 'DELETE /catalog/products/id/custom-fields/id' => 1 }, 'with three requests for 29, and two for the one that asked');
	is(answer(), 'product custom_fields true', 'the answer is noted');
	my ($asked) = $shop->writes;
	is_deeply([ sort map { "$_->{name}=$_->{value}" . (exists $_->{id} ? ' id' : '') } @{ $asked->{body}[0]{custom_fields} } ], [ 'a=2', 'b=1 id', 'hand=made id' ],
		'which is harmless: all elements that are to stay are in the request');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.result WHERE outcome = 'updated' AND parts @> '[{"facet": "custom_fields", "outcome": "updated", "http_status": 200}]')), 30, 'each row has a result with its part');
	settled('asked');

	$shop->sql(q(UPDATE item SET price = 2, props = '[{"name": "a", "value": "3"}, {"name": "c", "value": "1"}, {"name": "d", "value": "1"}]' WHERE id <= 10));
	my @preview = map { "$_->{method} $_->{path} " . JSON::PP->new->canonical->encode($_->{body} // {}) } @{ $shop->value(q(SELECT jsonb_agg(to_jsonb(p)) AS o FROM bcdelta.preview('item', 1) AS p))->{o} };
	is(scalar(@preview), 3, 'a preview shows three requests for a row');
	like($preview[2], qr{^PUT /v3/catalog/products \{"custom_fields":\[\{"id":\d+,"name":"a","value":"3"\},\{"name":"c","value":"1"\},\{"name":"d","value":"1"\}\],"id":\d+\}$}, 'with the elements of a product in one of them');
	is($shop->push->{updated}, 10, 'elements are removed, changed and added');
	is_deeply(props(1 .. 10), { 'a=3 c=1 d=1 hand=made' => 10 }, 'all of them');
	is_deeply(writes(), { 'PUT /catalog/products' => 2, 'DELETE /catalog/products/id/custom-fields/id' => 10 }, 'with one request for the prices, one for elements, and one for each removal');
	settled('more of them');
	my $element = $shop->value("SELECT payload -> 'custom_fields' AS o FROM bcdelta.link WHERE key = '1'")->{o};
	is(scalar(grep { $_->{id} } @$element), 3, 'the ids of new elements are known from the reply');
	$shop->sql(q(UPDATE item SET props = '[{"name": "a", "value": "4"}]' WHERE id = 30));
	$shop->push;
	is_deeply(writes(), { 'PUT /catalog/products' => 1, 'DELETE /catalog/products/id/custom-fields/id' => 1 }, 'after that, a single product is written so, too');
	settled('a single one');
};

subtest 'a store that does anything else gets each element by itself, and loses nothing' => sub {
	foreach my $mode (qw(replace renew ignore refuse))
	{
		begin($mode);
		$shop->sql($change);
		is($shop->push->{updated}, 30, "$mode: all are changed");
		is_deeply(props(), { 'a=2 b=1 hand=made' => 30 }, "$mode: and nothing else is");
		is(answer(), 'product custom_fields false', "$mode: the answer is noted");
		cmp_ok(writes()->{'PUT /catalog/products'}, '<=', 2, "$mode: it was asked");
		settled($mode);
		$shop->sql($change =~ s/"2"/"3"/r);
		$shop->push;
		is_deeply(props(), { 'a=3 b=1 hand=made' => 30 }, "$mode: the next changes, too");
		is(writes()->{'PUT /catalog/products'}, undef, "$mode: it is not asked again");
		settled("$mode, again");
	}
};

subtest 'few changes ask nothing, nor do those that could not tell' => sub {
	begin('keep');
	$shop->sql("$change WHERE id <= 9");
	$shop->push;
	is_deeply(writes(), { 'PUT /catalog/products/id/custom-fields/id' => 9 }, 'nine are sent one by one');
	$shop->clear;
	$shop->sql(q(UPDATE item SET props = props || '[{"name": "c", "value": "1"}]'));
	$shop->push;
	is_deeply(writes(), { 'POST /catalog/products/id/custom-fields' => 30 }, 'new elements alone would not show what becomes of others');
	is(answer(), '', 'nothing is known');
	settled('few');
};

subtest 'the option says it without a question' => sub {
	begin('keep', '{"nested": "keep"}');
	$shop->sql("$change WHERE id <= 10");
	$shop->push;
	is_deeply(writes(), { 'PUT /catalog/products' => 1 }, 'keep: ten at a time from the first one');
	settled('keep');
	begin('keep', '{"nested": "single"}');
	$shop->sql($change);
	$shop->push;
	is_deeply(writes(), { 'PUT /catalog/products/id/custom-fields/id' => 30 }, 'single: one by one');
	is(answer(), '', 'neither asks');
	settled('single');
	like(($shop->try(q(SELECT bcdelta.alter_feed('item', options => '{"nested": "replace"}'))))[2], qr/invalid value for option "nested".*It must be "single" or "keep"/s, 'others are refused');
	like(($shop->try(q(SELECT bcdelta.track('item', 'shop', 'brand', '{"name": "id::text"}', feed => 'b', options => '{"nested": "keep"}'))))[2], qr/unknown option "nested" for resource brand/, 'so it is for resources without such elements');
};

subtest 'a product that has metafields, too, which are read elsewhere, and rows with other changes' => sub {
	begin('keep');
	my $more = $fields =~ s/"custom_fields"/"metafields": "jsonb_build_array(jsonb_build_object(''namespace'', ''erp'', ''key'', ''p'', ''value'', price::text, ''permission_set'', ''app_only''))", "custom_fields"/r;
	$shop->sql("SELECT bcdelta.alter_feed('item', fields => $more)");
	$shop->push;
	$shop->clear;
	$shop->sql($change =~ s/SET/SET price = id + 1,/r);
	is($shop->push->{updated}, 30, 'all are changed');
	is_deeply(props(), { 'a=2 b=1 hand=made' => 30 }, 'as they should be');
	is(answer(), 'product custom_fields true', 'the store was asked');
	is(writes()->{'PUT /catalog/products/id/custom-fields/id'}, undef, 'no field was sent by itself');
	settled('metafields');
};

subtest 'a refused element does no harm to those of other products' => sub {
	begin('keep', '{"nested": "keep"}');
	my $no = { status => 422, body => { status => 422, title => 'Not this one', errors => {} } };
	$store->fault({ match => { method => 'PUT', path => 'products$', body => 'bad' }, do => $no });
	$shop->sql("$change WHERE id <= 20");
	$shop->sql(q(UPDATE item SET props = '[{"name": "a", "value": "2"}, {"name": "b", "value": "bad"}, {"name": "c", "value": "3"}]' WHERE id = 7));
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 19, 1 ], 'one row fails');
	is_deeply(props(1 .. 20), { 'a=2 b=1 hand=made' => 19, 'a=2 b=1 c=3 hand=made' => 1 }, 'its other elements are written, too');
	like($shop->errors->{'item 7'}, qr/^custom_fields: \{"name": "b", "value": "bad"\}: .*Not this one/, 'the message names the element');
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	settled('refused');
	$store->remove('products', $shop->id('item', 9));
	$shop->sql($change =~ s/"2"/"5"/r . ' WHERE id <= 10');
	$run = $shop->push;
	is_deeply([ @$run{qw(created updated failed)} ], [ 1, 9, 0 ], 'a product that is gone is created again');
	settled('gone');
	$store->fault({ match => { method => 'PUT', path => 'products$' }, times => 1, do => { partial => { fail => [3] } } });
	$shop->sql($change =~ s/"2"/"6"/r . ' WHERE id <= 10');
	$shop->push;
	$shop->push if %{ $shop->pending };
	$store->unfault;
	is_deeply(props(2 .. 8), { 'a=6 b=1 hand=made' => 7 }, 'a reply that lacks a product says nothing of it');
	settled('in part');
};

subtest 'lost replies and crashes: each element is there once' => sub {
	my $n = 10;
	begin('keep', '{"nested": "keep"}');
	foreach my $lost (qw(before after))
	{
		$store->fault({ match => { method => 'PUT', path => 'products$' }, times => 1, do => { lose => $lost } });
		$shop->sql(qq(UPDATE item SET props = '[{"name": "a", "value": "@{[ ++$n ]}"}, {"name": "b", "value": "1"}, {"name": "$lost", "value": "1"}]' WHERE id <= 10));
		$shop->push;
		$store->unfault;
		is_deeply(props(1 .. 10), { join(' ', sort "a=$n", 'b=1', 'hand=made', "$lost=1") => 10 }, "lost $lost");
		settled("lost $lost");
	}
	foreach my $process (qw(never now))
	{
		$store->hold({ match => { method => 'PUT', path => 'products$' }, process => $process });
		$shop->sql(qq(UPDATE item SET props = '[{"name": "a", "value": "@{[ ++$n ]}"}, {"name": "b", "value": "1"}, {"name": "$process", "value": "1"}]' WHERE id <= 10));
		my $push = $shop->start;
		$shop->wait_held(1);
		kill_worker($shop->node, 'shop', 'KILL');
		$push->finish;
		$store->release;
		$shop->push if %{ $shop->pending };
		is_deeply(props(1 .. 10), { join(' ', sort "a=$n", 'b=1', 'hand=made', "$process=1") => 10 }, "killed, processed $process");
		settled("killed, $process");
	}
};

subtest 'the one that asks may fail in any way: the others are written' => sub {
	foreach my $fault ([ 'lost before', { lose => 'before' } ], [ 'lost after', { lose => 'after' } ], [ 'status 503', { status => 503 } ],
		[ 'status 429', { status => 429 } ], [ 'status 422', { status => 422, body => { status => 422, title => 'No', errors => {} } } ])
	{
		my ($what, $do) = @$fault;
		begin('keep');
		$store->fault({ match => { method => 'PUT', path => 'products$' }, times => 1, do => $do });
		$shop->sql($change);
		$shop->push;
		$store->unfault;
		is_deeply(props(), { 'a=2 b=1 hand=made' => 30 }, "$what: all is there once");
		settled($what);
	}
	foreach my $held ({ method => 'GET', query => 'include=' }, { method => 'PUT', path => 'products$' })
	{
		foreach my $mode (qw(keep replace))
		{
			begin($mode);
			$store->hold({ match => $held, process => 'now' });
			$shop->sql($change);
			my $push = $shop->start;
			$shop->wait_held(1);
			kill_worker($shop->node, 'shop', 'KILL');
			$push->finish;
			$store->release;
			$shop->push if %{ $shop->pending };
			is_deeply(props(), { 'a=2 b=1 hand=made' => 30 }, "$mode, killed at $held->{method}: all is there once");
			settled("$mode, killed at $held->{method}");
		}
	}
};

subtest 'what was learned is about one store, and is given up when it turns out to be wrong' => sub {
	begin('keep');
	$shop->sql($change);
	$shop->push;
	is($shop->sql(q(SELECT store = (SELECT store FROM bcdelta.feed) FROM bcdelta.learned)), 't', 'the answer is that of the store');
	kill_worker($shop->node, 'shop', 'TERM');
	$shop->clear;
	$shop->sql($change =~ s/"2"/"3"/r . ' WHERE id <= 10');
	$shop->push;
	is_deeply(writes(), { 'PUT /catalog/products' => 1 }, 'it outlives the worker');
	settled('a new worker');
	$store->settings({ nested_put => 'replace' });
	$shop->sql($change =~ s/"2"/"4"/r . ' WHERE id <= 10');
	$shop->push;
	is(answer(), 'product custom_fields false', 'a store that no longer keeps elements is noticed');
	is_deeply(props(1 .. 10), { 'a=4 b=1' => 10 }, 'what the rows have is made again');
	settled('changed its mind');
	$shop->sql($change =~ s/"2"/"5"/r);
	$shop->push;
	is(writes()->{'PUT /catalog/products'}, undef, 'and elements go one by one from then on');
	settled('one by one');
};

done_testing();
