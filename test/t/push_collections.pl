# Collections below a product are kept by difference: elements that were added,
# changed or removed are sent, each on its own, and no others are touched.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('collections', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 3 },
	node => { conf => "bcdelta.debug_points = on\n" });
my $store = $shop->store;

$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, price numeric NOT NULL DEFAULT 1, stock int, props jsonb);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "''Item '' || id", "price": "price",
	"type": "''physical''", "weight": "1", "inventory_level": "stock", "inventory_tracking": "''product''", "custom_fields": "props"}', on_delete => 'delete');
EOC

sub requests { return [ map { "$_->{method} $_->{path}" } $shop->writes ]; }

# What is below the product of an item, as "name=value", in order
sub props
{
	my ($key) = @_;
	my $id = $shop->id('item', $key);
	my ($found) = grep { $_->{product_id} == $id } @{ $store->control('state/elements') };
	return join(' ', sort map { "$_->{name}=$_->{value}" } @{ $found->{custom_fields} });
}

sub set_props
{
	my ($key, $text) = @_;
	my $value = join(', ', map { my ($n, $v) = split /=/; qq({"name": "$n", "value": "$v"}) } split / /, $text);
	$shop->sql("UPDATE item SET props = '[$value]' WHERE id = $key");
	return;
}

# Requests below a product, without the ids
sub below
{
	return join(' ', map { my $path = "$_->{method} $_->{path}"; $path =~ s{/catalog/products/\d+/}{}; $path =~ s{/\d+$}{/id}; $path =~ s/ /-/r } $shop->writes);
}

sub parts
{
	my ($key) = @_;
	my $row = $shop->value("SELECT outcome, parts, error FROM bcdelta.result WHERE key = '$key' ORDER BY attempted_at DESC LIMIT 1");
	return [ $row->{outcome}, map { join(' ', $_->{facet}, $_->{outcome}, $_->{http_status} // '', map { "$_->{name}=$_->{value}" } grep { $_ } $_->{element}) } @{ $row->{parts} // [] } ];
}

sub settled
{
	my ($what) = @_;
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	$shop->clear;
	is($shop->verify->{conflicts}, 0, "$what: a verify finds no difference") or diag(explain($shop->discrepancies));
	is_deeply(requests(), [], "$what: it writes nothing");
	return;
}

subtest 'a new product is created with its collection, and the ids are known from the reply' => sub {
	$shop->sql(q(INSERT INTO item (id, props) VALUES (1, '[{"name": "Color", "value": "red"}, {"name": "Size", "value": "L"}]'), (2, NULL), (3, '[]')));
	is($shop->push->{created}, 3, 'they are created');
	is_deeply(requests(), [ ('POST /catalog/products') x 3 ], 'with one request each');
	is(props(1), 'Color=red Size=L', 'the elements are there');
	my $known = $shop->value("SELECT payload -> 'custom_fields' AS o FROM bcdelta.link WHERE key = '1'")->{o};
	is(scalar(grep { $_->{id} } @$known), 2, 'with their ids');
	settled('a new product');
	is_deeply([ @{ $shop->push }{qw(updated unchanged)} ], [ 0, 0 ], 'and nothing is left to send');
};

subtest 'added, changed and removed elements are sent, and nothing else' => sub {
	$shop->clear;
	set_props(1, 'Size=L Color=blue Weight=heavy');
	my @preview = map { "$_->{method} $_->{path} " . JSON::PP->new->canonical->encode($_->{body}) } @{ $shop->value(q(SELECT jsonb_agg(to_jsonb(p)) AS o FROM bcdelta.preview('item', 10) AS p))->{o} };
	is($shop->push->{updated}, 1, 'the row counts once');
	is(below(), 'PUT-custom-fields/id POST-custom-fields', 'a change and an addition');
	is_deeply(\@preview, [ map { "$_->{method} /v3$_->{path} " . JSON::PP->new->canonical->encode($_->{body}) } $shop->writes ], 'as the preview has shown');
	is(props(1), 'Color=blue Size=L Weight=heavy', 'the elements');
	is_deeply(parts(1), [ 'updated', 'custom_fields updated 200 Color=blue Size=L' =~ s/ Size=L//r, 'custom_fields created 200 Weight=heavy' ], 'the result names each of them');
	settled('changes');
	set_props(1, 'Size=L');
	$shop->clear;
	$shop->push;
	is(below(), 'DELETE-custom-fields/id DELETE-custom-fields/id', 'removals');
	is(props(1), 'Size=L', 'the one that is left');
	settled('removals');
	set_props(2, 'Color=red Color=green');
	$shop->push;
	is(props(2), 'Color=green Color=red', 'several of one name');
	set_props(2, 'Color=green Color=blue');
	$shop->clear;
	$shop->push;
	is(below(), 'PUT-custom-fields/id', 'of which one is changed');
	is(props(2), 'Color=blue Color=green', 'and only that one');
	settled('several of one name');
};

subtest 'elements added by others are not touched' => sub {
	my $id = $shop->id('item', 1);
	$store->api('POST', "/catalog/products/$id/custom-fields", { name => 'Note', value => 'by hand' });
	set_props(1, 'Size=XL');
	$shop->push;
	is(props(1), 'Note=by hand Size=XL', 'the one that was added by hand stays');
	settled('by hand');
	$shop->sql(q(UPDATE item SET props = '[]' WHERE id = 1));
	$shop->push;
	is(props(1), 'Note=by hand', 'even if the row has none');
	settled('none');
	$shop->sql('UPDATE item SET props = NULL WHERE id = 2');
	$shop->clear;
	$shop->push;
	is_deeply(requests(), [], 'a row without a collection keeps what it has');
	is(props(2), 'Color=blue Color=green', 'all of it');
	set_props(2, 'Color=blue Color=green');
	$shop->push;
	is_deeply(requests(), [], 'and if it comes back, nothing is sent');
	settled('without');
};

subtest 'several parts of a row are sent one after another' => sub {
	$shop->clear;
	$shop->sql('UPDATE item SET price = price + 1, stock = 7 WHERE id = 3');
	set_props(3, 'a=1 b=2 c=3');
	$shop->push;
	is(below(), 'PUT-/catalog/products PUT-/inventory/adjustments/absolute POST-custom-fields POST-custom-fields POST-custom-fields', 'record, stock, elements');
	is_deeply(parts(3), [ 'updated', ' updated 200', 'stock updated 200', map { "custom_fields created 200 $_" } qw(a=1 b=2 c=3) ], 'one result');
	is_deeply($store->violations, {}, 'no rule was broken');
	settled('parts');
};

subtest 'after a lost reply, the collection is read before anything is sent again' => sub {
	foreach my $lost (qw(before after))
	{
		$store->fault({ match => { method => 'POST', path => 'custom-fields$' }, times => 1, do => { lose => $lost } });
		set_props(3, "a=1 b=2 c=3 $lost=1 late=$lost");
		$shop->clear;
		$shop->push;
		$store->unfault;
		is(props(3), join(' ', sort 'a=1', 'b=2', 'c=3', "$lost=1", "late=$lost"), "lost $lost: each is there once");
		my @reads = grep { $_->{method} eq 'GET' } $store->journal;
		is(scalar(@reads), 1, "lost $lost: one read");
		like($reads[0]{query}, qr/include=custom_fields/, 'of the collection');
		is(scalar(grep { $_->{method} eq 'POST' } $store->journal), { before => 3, after => 1 }->{$lost}, "lost $lost: nothing is sent twice");
		settled("lost $lost");
	}
};

subtest 'a crash at any instant sends only what is missing' => sub {
	foreach my $process (qw(never now))
	{
		set_props(3, "a=1 $process=1 $process=2 $process=3");
		$shop->push;
		set_props(3, "a=1 x=1 y=2 z=3");
		$shop->clear;
		$store->hold({ match => { method => 'POST', path => 'custom-fields$', body => '"y"' }, process => $process });
		my $push = $shop->start;
		$shop->wait_held(1);
		is($shop->sql(q(SELECT string_agg(DISTINCT intent::text, ' ') FROM bcdelta.pending)), '{"fields": {}, "custom_fields": [{"name": "y", "value": "2"}]}', 'what is under way is noted');
		kill_worker($shop->node, 'shop', 'KILL');
		$push->finish;
		$store->release;
		$shop->push if %{ $shop->pending };
		is(props(3), 'a=1 x=1 y=2 z=3', "processed $process: each is there once");
		settled("a crash, $process");
	}
	SKIP:
	{
		skip 'built without debug points', 1 unless $shop->has_points;
		foreach my $point (qw(claimed replied settling settled finishing))
		{
			set_props(3, "a=1 $point=1 $point=2");
			my $session = $shop->stop_at($point);
			my $push = $shop->start;
			$shop->wait_stopped;
			kill_worker($shop->node, 'shop', 'KILL');
			$push->finish;
			undef $session;
			$shop->push if %{ $shop->pending };
			is(props(3), "a=1 $point=1 $point=2", "killed at $point: each is there once");
			settled("killed at $point");
		}
	}
};

subtest 'a refused element does not prevent the others from being written' => sub {
	my $no = { status => 422, body => { status => 422, title => 'Not this one', errors => {} } };
	$store->fault({ match => { method => 'POST', path => 'custom-fields$', body => 'bad' }, do => $no });
	set_props(3, 'a=1 bad=1 good=1');
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 0, 1 ], 'the row fails');
	like($shop->errors->{'item 3'}, qr/Not this one/, 'with the reason');
	is(props(3), 'a=1 good=1', 'the others are there');
	is_deeply([ grep { !/deleted/ } @{ parts(3) } ], [ 'failed', 'custom_fields failed 422 bad=1', 'custom_fields created 200 good=1' ], 'each is reported');
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->clear;
	$shop->push;
	is(below(), 'POST-custom-fields', 'a retry sends what is missing');
	settled('refused');
	my $id = $shop->id('item', 3);
	$store->api('POST', "/catalog/products/$id/custom-fields", { name => 'mine', value => '1' });
	set_props(3, 'a=1 mine=1');
	is($shop->push->{updated}, 1, 'one that the store has already is taken over');
	settled('taken over');
	my ($element) = grep { $_->{name} eq 'mine' } map { @{ $_->{custom_fields} } } grep { $_->{product_id} == $id } @{ $store->control('state/elements') };
	$store->api('DELETE', "/catalog/products/$id/custom-fields/$element->{id}");
	set_props(3, 'a=1 mine=2');
	is($shop->push->{updated}, 1, 'one that is gone is added again');
	is(props(3), 'a=1 mine=2', 'with its new value');
	($element) = grep { $_->{name} eq 'mine' } map { @{ $_->{custom_fields} } } grep { $_->{product_id} == $id } @{ $store->control('state/elements') };
	$store->api('DELETE', "/catalog/products/$id/custom-fields/$element->{id}");
	set_props(3, 'a=1');
	is($shop->push->{updated}, 1, 'or need not be removed');
	settled('gone');
	$store->remove('products', $id);
	set_props(3, 'a=1 b=1');
	$run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 1, 0 ], 'a product that is gone is created again');
	is(props(3), 'a=1 b=1', 'with all');
	settled('a product that is gone');
};

subtest 'each element that is written restarts the count of attempts' => sub {
	$shop->sql(q(INSERT INTO item (id, props) VALUES (90, '[]')));
	$shop->push;
	set_props(90, 'a=1 b=1 c=1 d=1 e=1');
	my $post = { method => 'POST', path => 'custom-fields' };
	# every other request of five, where three attempts are all that a row has
	$store->fault({ match => $post, skip => 2 * $_, times => 1, do => { status => 503 } }) foreach 0 .. 4;
	$shop->push;
	is_deeply($shop->errors, {}, 'the row is not given up');
	is(props(90), 'a=1 b=1 c=1 d=1 e=1', 'all elements are there');
	$store->unfault;
	settled('five faults');
};

subtest 'a record that was found by a look-up is read, and its elements become the row\'s' => sub {
	$store->seed('products', [ { name => 'Item 7', sku => 'S7', weight => 1, price => 1, custom_fields => [ { name => 'a', value => '1' }, { name => 'b', value => '1' }, { name => 'c', value => '1' } ] } ]);
	$shop->sql(q(INSERT INTO item (id, props) VALUES (7, '[{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]')));
	$shop->clear;
	$shop->push;
	is(props(7), 'a=1 b=2 c=1', 'what differs is changed, what the row does not have stays');
	is_deeply([ sort map { $_->{method} } $store->journal ], [qw(GET PUT PUT)], 'with one look-up');
	settled('found');
	$store->seed('products', [ { name => 'Item 8', sku => 'S8', weight => 1, price => 1, custom_fields => [ { name => 'a', value => '1' } ] } ]);
	$shop->sql(q(INSERT INTO item (id, props) VALUES (8, '[{"name": "a", "value": "1"}]')));
	is($shop->link("'item'")->{linked}, 1, 'a link finds them too');
	$shop->clear;
	$shop->push;
	is_deeply([ grep { /custom/ } @{ requests() } ], [], 'and a push after it sends none of them');
	settled('linked');
};

subtest 'verify lists each element that differs, and a push corrects it' => sub {
	my $id = $shop->id('item', 7);
	my ($found) = grep { $_->{product_id} == $id } @{ $store->control('state/elements') };
	my %ids = map { $_->{name} => $_->{id} } @{ $found->{custom_fields} };
	$store->api('PUT', "/catalog/products/$id/custom-fields/$ids{b}", { value => 'other' });
	$store->api('DELETE', "/catalog/products/$id/custom-fields/$ids{a}");
	is($shop->verify->{conflicts}, 2, 'two differ');
	is_deeply($shop->list(q(SELECT concat_ws(' ', facet, field, source_value::jsonb ->> 'name', coalesce(store_value::jsonb ->> 'value', '-'), pushed_value::jsonb ->> 'value') FROM bcdelta.discrepancy WHERE run_id = (SELECT max(run_id) FROM bcdelta.run) ORDER BY 1)),
		[ 'custom_fields custom_fields a -', 'custom_fields custom_fields b other 2' ], 'by name');
	$shop->sql('UPDATE item SET price = price + 1 WHERE id = 7');
	$shop->push;
	is(props(7), 'a=1 b=2 c=1', 'they are corrected');
	settled('corrected');
};

subtest 'elements that the store would refuse make the row invalid, with element and limit' => sub {
	my %bad = (
		'null' => 'custom_fields: null is not allowed',
		'{"name": "a", "value": "b"}' => 'custom_fields: "{"name": "a", "value": "b"}" is not an array of objects',
		'"text"' => 'custom_fields: "text" is not an array of objects',
		'[1]' => 'custom_fields: element 1 of the array is not an object',
		'[null]' => 'custom_fields: element 1 of the array is not an object',
		'[[{"name": "a", "value": "b"}]]' => 'custom_fields: element 1 of the array is not an object',
		'[{"name": "a", "value": "b"}, {"name": "c", "value": ""}]' => 'custom_fields: element 2: value: 0 characters, at least 1 are needed',
		'[{"name": "a", "value": null}]' => 'custom_fields: element 1: value: there is no value, and the API requires one',
		'[{"value": "b"}]' => 'custom_fields: element 1: name: there is no value, and the API requires one',
		'[{"name": "a", "value": 5}]' => 'custom_fields: element 1: value: "5" is not a text',
		'[{"name": "a", "value": "b", "id": 5}]' => 'custom_fields: element 1: there is no field "id"',
		'[{"name": "a", "value": "b"}, {"name": "c", "value": "d"}, {"name": "a ", "value": "b"}]' => 'custom_fields: elements 1 and 3 are the same: "{"name": "a ", "value": "b"}"',
	);
	$shop->sql('INSERT INTO item (id) VALUES (20)');
	$shop->push;
	$shop->clear;
	foreach my $props (sort keys %bad)
	{
		$shop->sql("UPDATE item SET props = '$props' WHERE id = 20");
		$shop->push;
		is($shop->errors->{'item 20'}, $bad{$props}, $props);
	}
	$shop->sql(q(UPDATE item SET props = (SELECT jsonb_agg(jsonb_build_object('name', 'n' || g, 'value', 'v')) FROM generate_series(1, 201) AS g) WHERE id = 20));
	$shop->push;
	is($shop->errors->{'item 20'}, 'custom_fields: 201 elements, at most 200 are allowed', 'one too many');
	$shop->sql(q(UPDATE item SET props = (SELECT jsonb_agg(jsonb_build_object('name', 'n' || g, 'value', repeat('x', 251))) FROM generate_series(1, 10000) AS g) WHERE id = 20));
	$shop->push;
	is($shop->errors->{'item 20'}, 'custom_fields: 10000 elements, at most 200 are allowed', 'far too many');
	is_deeply($store->counts->{requests}, {}, 'no request was made');
	$shop->sql(q(UPDATE item SET props = (SELECT jsonb_agg(jsonb_build_object('name', 'n' || g, 'value', 'v')) FROM generate_series(1, 200) AS g) WHERE id = 20));
	$shop->push;
	settled('as many as there may be');
	$shop->sql(q(UPDATE item SET props = (SELECT jsonb_agg(jsonb_build_object('name', 'n' || g, 'value', 'v')) FROM generate_series(2, 201) AS g) WHERE id = 20));
	$shop->push;
	is(below(), 'DELETE-custom-fields/id POST-custom-fields', 'one is removed before the other is added');
	settled('at the limit');
};

subtest 'a collection that a mapping begins or ceases to have' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE later (id int PRIMARY KEY, props jsonb);
SELECT bcdelta.track('later', 'shop', 'product', '{"sku": "''L'' || id", "name": "''Later '' || id", "price": "1", "type": "''physical''", "weight": "1"}', on_delete => 'hide');
INSERT INTO later SELECT g, jsonb_build_array(jsonb_build_object('name', 'n', 'value', g::text)) FROM generate_series(1, 300) AS g;
EOC
	$shop->push;
	$store->api('POST', '/catalog/products/' . $shop->id('later', 1) . '/custom-fields', { name => 'n', value => '1' });
	my $alter = q(SELECT bcdelta.alter_feed('later', '{"sku": "''L'' || id", "name": "''Later '' || id", "price": "1", "type": "''physical''", "weight": "1"%s}'));
	$shop->sql(sprintf($alter, ', "custom_fields": "props"'));
	is_deeply($shop->value(q(SELECT action, path, error FROM bcdelta.preview('later', 1))), { action => 'update', path => undef, error => 'custom_fields: the contents of the store are not known, and are read first' }, 'a preview says what it does not know');
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated linked unchanged failed)} ], [ 299, 0, 1, 0 ], 'all but the one that has it are written');
	is_deeply([ map { $_->{query} =~ /include=custom_fields/ ? 1 : 0 } grep { $_->{method} eq 'GET' } $store->journal ], [ 1, 1 ], 'after they have been read, 250 at a time');
	is(scalar($shop->writes), 299, 'with one request each');
	settled('mapped');
	is(scalar(grep { $_->{query} =~ /include=custom_fields.*/ && $_->{query} =~ /%2C|,/ } grep { $_->{method} eq 'GET' } $store->journal), 3, 'a verify reads them with their products');
	$shop->sql(sprintf($alter, ''));
	$shop->clear;
	$shop->push;
	is(scalar($shop->writes), 0, 'a mapping without it writes nothing');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.link WHERE feed = 'later' AND payload ? 'custom_fields')), 0, 'and forgets it');
	$shop->sql(sprintf($alter, ', "custom_fields": "props"'));
	$shop->push;
	is(scalar($shop->writes), 0, 'it is found again');
	$shop->sql('DELETE FROM later WHERE id > 2; DELETE FROM later WHERE id = 2');
	$shop->push;
	$shop->sql(q(INSERT INTO later VALUES (2, '[{"name": "n", "value": "2"}, {"name": "m", "value": "2"}]')));
	$shop->clear;
	$shop->push;
	is(join(' ', map { "$_->{method}" } $shop->writes), 'PUT POST', 'a record that is shown again gets what it lacks');
	settled('shown again');
};

subtest 'a record that is saved in part, and rows that exchange their keys' => sub {
	$shop->sql(q(INSERT INTO item (id, props) VALUES (30, '[{"name": "a", "value": "30"}]'), (31, '[{"name": "a", "value": "31"}]')));
	$store->fault({ match => { method => 'POST', path => 'products$' }, times => 2, do => { partial => { fields => ['inventory_tracking'] } } });
	$shop->push;
	$shop->push if %{ $shop->pending };
	$store->unfault;
	is(join('|', map { props($_) } 30, 31), 'a=30|a=31', 'saved in part: each element is there once');
	settled('saved in part');
	$shop->sql(q(SELECT bcdelta.alter_feed('item', '{"sku": "''X'' || CASE id WHEN 30 THEN 31 WHEN 31 THEN 30 ELSE id END", "name": "''Item '' || id", "price": "price", "type": "''physical''", "weight": "1", "inventory_level": "stock", "inventory_tracking": "''product''", "custom_fields": "props"}')));
	$shop->push;
	$shop->sql(q(SELECT bcdelta.alter_feed('item', '{"sku": "''X'' || id", "name": "''Item '' || id", "price": "price", "type": "''physical''", "weight": "1", "inventory_level": "stock", "inventory_tracking": "''product''", "custom_fields": "props"}')));
	$shop->push;
	is(join('|', map { props($_) } 30, 31), 'a=30|a=31', 'keys exchanged: each row has its own');
	settled('exchanged');
};

done_testing();
