# The channels of a product, which are kept as a set, and its modifiers, which are
# kept by difference like other collections.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('modifiers', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 3 },
	node => { conf => "bcdelta.debug_points = on\n" });
my $store = $shop->store;
$store->settings({ channels => [ 1, 2, 3 ], new_on_channels => [1] });

sub settled
{
	my ($what) = @_;
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is($shop->verify->{conflicts}, 0, "$what: a verify finds no difference") or diag(explain($shop->discrepancies));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

sub refusal { my ($rc, $out, $err) = $shop->try($_[0]); return $err; }

sub requests { return [ map { my $p = $_->{path} =~ s{/\d+}{/id}gr; "$_->{method} $p" } $shop->writes ]; }

subtest 'channels are kept as a set, many products a request' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE sold (id int PRIMARY KEY, channels int[]);
SELECT bcdelta.track('sold', 'shop', 'product', '{"sku": "''C'' || id", "name": "''Sold '' || id", "price": "1", "type": "''physical''", "weight": "1",
	"channels": "channels"}', on_delete => 'delete');
INSERT INTO sold SELECT g, ARRAY[1, 2] FROM generate_series(1, 20) AS g;
EOC
	my $on = sub { my $id = $shop->id('sold', $_[0]); return join(',', map { $_->[1] } grep { $_->[0] == $id } @{ $store->state('product_channels') }); };
	$shop->push;
	is($on->(1), '1,2', 'new products are assigned');
	settled('new products');
	$shop->sql('UPDATE sold SET channels = ARRAY[2, 3]');
	$shop->clear;
	$shop->push;
	is_deeply(requests(), [ 'DELETE /catalog/products/channel-assignments', 'PUT /catalog/products/channel-assignments' ], 'a change of all is two requests');
	is($on->($_), '2,3', "product $_") foreach 1, 20;
	settled('changed');
	$store->api('DELETE', '/catalog/products/channel-assignments?product_id:in=' . $shop->id('sold', 5) . '&channel_id:in=2');
	$store->api('PUT', '/catalog/products/channel-assignments', [ { product_id => 0 + $shop->id('sold', 6), channel_id => 1 } ]);
	is($shop->verify->{conflicts}, 2, 'a verify tells what is missing and what is too much') or diag(explain($shop->discrepancies));
	$shop->sql('SELECT bcdelta.mark(\'sold\', \'5\'), bcdelta.mark(\'sold\', \'6\')');
	$shop->push;
	is($on->($_), '2,3', "product $_ is corrected") foreach 5, 6;
	foreach my $lost (qw(after before))
	{
		$store->fault({ match => { path => 'channel-assignments' }, times => 2, do => { lose => $lost } });
		$shop->sql("UPDATE sold SET channels = ARRAY[1, " . ($lost eq 'after' ? 2 : 3) . "] WHERE id <= 9");
		$shop->push;
		$store->unfault;
		is($on->(9), $lost eq 'after' ? '1,2' : '1,3', "lost $lost");
	}
	settled('lost');
	$shop->sql('UPDATE sold SET channels = ARRAY[1, 9] WHERE id = 3; UPDATE sold SET channels = ARRAY[1] WHERE id = 4');
	is($shop->push->{failed}, 1, 'a channel that there is not fails the row alone');
	like($shop->errors->{'sold 3'}, qr/no such channel|not valid/, 'with the reason');
	is($on->(4), '1', 'the others are done');
	$shop->sql('UPDATE sold SET channels = ARRAY[1] WHERE id = 3');
	$shop->push;
	settled('no channel');
};

subtest 'the channels of a row are all that its product has' => sub {
	my $on = sub { my $id = $shop->id('sold', $_[0]); return join(',', map { $_->[1] } grep { $_->[0] == $id } @{ $store->state('product_channels') }); };
	$shop->sql("INSERT INTO sold VALUES (101, '{2}'), (102, '{}'), (103, NULL), (104, '{1}')");
	is($shop->sql(q(SELECT string_agg(p.body::text, ' ' ORDER BY p.key) FROM bcdelta.preview('sold') AS p WHERE p.path ~ 'channel')),
		'{"channel_id": 2, "product_id": null} {"channel_id": 1, "product_id": null}', 'a preview shows the assignments of new products');
	$shop->clear;
	is($shop->push->{created}, 4, 'new products are created, and nothing else is reported');
	is(scalar(grep { $_->{method} eq 'GET' && $_->{query} =~ /include=channels/ && $_->{query} =~ /id:in=/ } $store->journal), 1, 'and read once');
	is_deeply([ map { $on->($_) } 101 .. 104 ], [ '2', '', '1', '1' ], 'a channel that the store has added is removed, unless the row has it or says nothing');
	is_deeply([ grep { /channel/ } @{ requests() } ], [ 'DELETE /catalog/products/channel-assignments', 'PUT /catalog/products/channel-assignments' ], 'by one request for all products');
	settled('added by the store');
	$shop->sql(q(SELECT bcdelta.unlink('sold'), bcdelta.mark_all('sold'); UPDATE sold SET channels = '{3}' WHERE id = 104));
	$shop->push;
	is($on->(104), '3', 'so it is for a product that is found');
	settled('found');
	$shop->sql(q(UPDATE sold SET channels = '{1,1}' WHERE id = 101; UPDATE sold SET channels = '{0}' WHERE id = 102));
	$shop->push;
	like($shop->errors->{"sold $_->[0]"}, $_->[1], "row $_->[0]") foreach [ 101, qr/channels: elements 1 and 2 are the same/ ], [ 102, qr/channel_id: "0" is not between/ ];
	is($on->(101), '2', 'nothing was written');
	$shop->sql('DELETE FROM sold');
	$shop->push;
	settled('deleted');
};

subtest 'feeds that would undo each other are refused' => sub {
	$shop->sql('CREATE TABLE pair (product int, channel int, PRIMARY KEY (product, channel)); CREATE TABLE plain (id int PRIMARY KEY)');
	my $pairs = q(SELECT bcdelta.track('pair', 'shop', 'channel_assignment', '{"product_id": "bcdelta.ref(''sold'', product)", "channel_id": "channel"}'));
	like(refusal($pairs), qr/feeds "pair" and "sold" would undo each other's writes/, 'a feed of pairs');
	$shop->sql(q(SELECT bcdelta.untrack('sold'); DELETE FROM sold));
	$pairs =~ s/bcdelta.ref\(''sold'', product\)/product/;
	$shop->sql($pairs);
	my $map = q('{"sku": "''P'' || id", "name": "''Plain '' || id", "channels": "ARRAY[1]"}');
	like(refusal("SELECT bcdelta.track('plain', 'shop', 'product', $map)"), qr/feeds "plain" and "pair" would undo/, 'a feed of products');
	$shop->sql(q(SELECT bcdelta.track('plain', 'shop', 'product', '{"sku": "''P'' || id"}')));
	like(refusal("SELECT bcdelta.alter_feed('plain', $map)"), qr/feeds "plain" and "pair" would undo/, 'an altered feed');
	like(refusal(q(SELECT bcdelta.alter_feed('plain', '{"sku": "''P'' || id", "channels": "''[{\"channel_id\": 1}]''::jsonb"}'))), qr/element 1 of the array is not a number/, 'objects are none of the ids');
	$shop->sql(q(SELECT bcdelta.untrack('pair'), bcdelta.untrack('plain')));
};

$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, m jsonb);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "''Item '' || id", "price": "1", "type": "''physical''", "weight": "1", "modifiers": "m"}', on_delete => 'delete');
EOC

# The requests below the product of an item, as they were sent
sub ordered { my $id = $shop->id('item', $_[0]); return [ map { my $p = $_->{path} =~ s{/\d+}{/id}gr; "$_->{method} $p" } grep { $_->{path} =~ m{/$id/} } $shop->writes ]; }

# The modifiers of a product, as "name:type:required:values"
sub modifiers
{
	my $id = $shop->id('item', $_[0]);
	my ($found) = grep { $_->{product_id} == $id } @{ $store->control('state/elements') };
	return join(' ', sort map { join ':', $_->{display_name}, $_->{type}, $_->{required} ? 'yes' : 'no', join('/', map { $_->{label} } @{ $_->{option_values} }) } @{ $found->{modifiers} });
}

subtest 'modifiers are made after their product, changed and removed one by one' => sub {
	$shop->clear;
	$shop->sql(q(INSERT INTO item SELECT g, '[{"display_name": "Engraving", "type": "text", "required": false, "config": {"text_max_length": 20}},
		{"display_name": "Wrap", "type": "dropdown", "required": true, "option_values": [{"label": "Red", "sort_order": 0, "adjusters": {"price": {"adjuster": "relative", "adjuster_value": 2.5}}}, {"label": "Blue", "sort_order": 1}]}]' FROM generate_series(1, 12) AS g));
	is($shop->push->{created}, 12, 'the products') or diag(explain($shop->errors));
	is(modifiers(12), 'Engraving:text:no: Wrap:dropdown:yes:Red/Blue', 'and their modifiers');
	is(scalar(grep { $_->{query} =~ /sku:in=/ } $store->journal), 1, 'after one look-up, which is not limited to ten products');
	is(scalar(grep { /modifiers/ } @{ requests() }), 24, 'with one request each');
	settled('new');
	$shop->clear;
	$shop->verify(q('item'));
	is(scalar(grep { $_->{query} =~ /include=modifiers/ } $store->journal), 2, 'read with pages of ten products');
	$shop->clear;
	$shop->sql(q(UPDATE item SET m = '[{"display_name": "Engraving", "type": "text", "required": true, "config": {"text_max_length": 30}}, {"display_name": "Gift", "type": "checkbox", "required": false}]' WHERE id = 1));
	$shop->push;
	is_deeply([ sort @{ requests() } ], [ 'DELETE /catalog/products/id/modifiers/id', 'POST /catalog/products/id/modifiers', 'PUT /catalog/products/id/modifiers/id' ], 'one of each');
	is(modifiers(1), 'Engraving:text:yes: Gift:checkbox:no:Yes/No', 'the modifiers');
	settled('changed');
};

subtest 'values of modifiers are added, changed and removed one by one' => sub {
	$shop->clear;
	$shop->sql(q(UPDATE item SET m = jsonb_set(m, '{1,option_values,1,label}', '"Green"') WHERE id = 2; UPDATE item SET m = jsonb_set(m, '{0,type}', '"multi_line_text"') WHERE id = 3;
		UPDATE item SET m = jsonb_set(m, '{1,option_values,0,label}', '"red"') WHERE id = 4));
	$shop->push;
	is_deeply([ sort @{ requests() } ], [ 'DELETE /catalog/products/id/modifiers/id', 'DELETE /catalog/products/id/modifiers/id/values/id', 'POST /catalog/products/id/modifiers', 'POST /catalog/products/id/modifiers/id/values',
		'PUT /catalog/products/id/modifiers/id/values/id' ], 'only another type makes another modifier');
	is(modifiers(2), 'Engraving:text:no: Wrap:dropdown:yes:Red/Green', 'with these values');
	is(modifiers(3), 'Engraving:multi_line_text:no: Wrap:dropdown:yes:Red/Blue', 'or that type');
	is(modifiers(4), 'Engraving:text:no: Wrap:dropdown:yes:red/Blue', 'or that spelling');
	settled('other values');
	foreach my $new (qw(refused ignored))
	{
		$store->settings({ new_adjusters => $new });
		my $heavy = q({"label": "Heavy", "sort_order": 0, "adjusters": {"price": {"adjuster": "percentage", "adjuster_value": 10}, "weight": {"adjuster": "relative", "adjuster_value": 2}, "purchasing_disabled": {"status": false, "message": "no"}}});
		$shop->sql(qq(UPDATE item SET m = '[{"display_name": "Box $new", "type": "swatch", "required": true, "option_values": [$heavy, {"label": "Light", "sort_order": 1, "value_data": {"colors": ["#00ff00"]}}]},
			{"display_name": "Gift $new", "type": "checkbox", "required": false, "option_values": [{"label": "Yes", "sort_order": 0, "adjusters": {"price": {"adjuster": "relative", "adjuster_value": 5}}}]}]' WHERE id IN (5, 6)));
		my @shown = grep { $_ } split /\n/, $shop->sql(q(SELECT method || ' ' || regexp_replace(path, '/[0-9]+', '/id', 'g') FROM bcdelta.preview('item') WHERE key = '5'));
		$shop->clear;
		$shop->push;
		is(modifiers(5), "Box $new:swatch:yes:Heavy/Light Gift $new:checkbox:no:Yes/No", "$new: two modifiers");
		is(scalar(grep { m{POST .*/modifiers$} } @{ requests() }), 4, "$new: have been made");
		is(scalar(grep { m{PUT .*/values/id$} } @{ requests() }), 4, "$new: what a new modifier cannot have follows, and nothing else");
		is_deeply([ map { s/\{parent\}|\{element\}|\{id\}/id/gr =~ s{/v3}{}r } @shown ], ordered(5), "$new: as a preview shows") or diag(explain(\@shown));
		settled($new);
	}
	$shop->sql(q(UPDATE item SET m = jsonb_set(m, '{0,option_values,0,adjusters,price}', '{"adjuster": null, "adjuster_value": 0}') WHERE id = 5));
	$shop->clear;
	$shop->push;
	is(scalar(@{ requests() }), 1, 'an adjuster is taken away');
	settled('no adjuster');
	my $id = $shop->id('item', 6);
	my ($found) = grep { $_->{product_id} == $id } @{ $store->control('state/elements') };
	my ($box) = grep { $_->{type} eq 'swatch' } @{ $found->{modifiers} };
	$store->api('DELETE', "/catalog/products/$id/modifiers/$box->{id}/values/$box->{option_values}->[0]->{id}");
	is($shop->verify(q('item'))->{conflicts}, 1, 'a verify tells a value that is gone') or diag(explain($shop->discrepancies));
	$shop->sql(q(SELECT bcdelta.mark('item', '6')));
	$shop->push;
	is(modifiers(6), 'Box ignored:swatch:yes:Light/Heavy Gift ignored:checkbox:no:Yes/No', 'which a push makes again');
	$store->fault({ match => { path => 'values', method => $_->[0] }, times => 1, do => { lose => $_->[1] } }), $shop->sql(qq(UPDATE item SET m = jsonb_set(m, '{0,option_values}', '[{"label": "New $_->[0] $_->[1]", "sort_order": 0}, {"label": "Light", "sort_order": $_->[2]}]') WHERE id = 6)), $shop->push, $store->unfault,
		is(modifiers(6), "Box ignored:swatch:yes:Light/New $_->[0] $_->[1] Gift ignored:checkbox:no:Yes/No", "$_->[0] lost $_->[1]")
		foreach [ 'POST', 'after', 5 ], [ 'POST', 'before', 6 ], [ 'PUT', 'after', 7 ], [ 'DELETE', 'after', 8 ], [ 'DELETE', 'before', 9 ];
	$shop->sql(q(UPDATE item SET m = jsonb_set(m, '{1,option_values,1}', '{"label": "Maybe", "sort_order": 9}') WHERE id = 6));
	is($shop->push->{failed}, 1, 'a value that the store refuses');
	like($shop->errors->{'item 6'}, qr/no more values/, 'with its reason');
	$shop->sql(q(UPDATE item SET m = m #- '{1,option_values,1}' WHERE id = 6));
	$shop->push;
	settled('values');
};

subtest 'modifiers of a product that is found, and lost replies, make none twice' => sub {
	$shop->sql(q(SELECT bcdelta.unlink('item'), bcdelta.mark_all('item')));
	$shop->push;
	settled('found');
	my $n = 0;
	foreach my $method (qw(POST PUT DELETE))
	{
		foreach my $how (qw(before after))
		{
			$n++;
			$store->fault({ match => { method => $method, path => 'modifiers' }, times => 1, do => { lose => $how } });
			$shop->sql(qq(UPDATE item SET m = '[{"display_name": "Engraving", "type": "text", "required": true, "sort_order": $n}, {"display_name": "New $n", "type": "file", "required": false}]' WHERE id = 8));
			$shop->push;
			$store->unfault;
			is(modifiers(8), "Engraving:text:yes: New $n:file:no:", "$method lost $how");
		}
	}
	settled('lost');
};

subtest 'all collections of new products, with their stock and their variants' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE full_item (id int PRIMARY KEY, n int NOT NULL DEFAULT 1);
CREATE TABLE full_variant (id int PRIMARY KEY, item int NOT NULL);
SELECT bcdelta.track('full_item', 'shop', 'product', '{"sku": "''F'' || id", "name": "''Full '' || id", "price": "n", "type": "''physical''", "weight": "1",
	"channels": "ARRAY[2, 3]", "inventory_level": "CASE WHEN id % 2 = 1 THEN n END", "inventory_tracking": "CASE id % 2 WHEN 1 THEN ''product'' ELSE ''variant'' END",
	"custom_fields": "jsonb_build_array(jsonb_build_object(''name'', ''a'', ''value'', n::text))",
	"metafields": "jsonb_build_array(jsonb_build_object(''namespace'', ''n'', ''key'', ''k'', ''value'', n::text, ''permission_set'', ''read''))",
	"modifiers": "jsonb_build_array(jsonb_build_object(''display_name'', ''M'', ''type'', ''dropdown'', ''required'', true, ''option_values'', jsonb_build_array(jsonb_build_object(''label'', ''L'', ''sort_order'', n))))"}', on_delete => 'delete');
SELECT bcdelta.track('full_variant', 'shop', 'variant', '{"product_id": "bcdelta.ref(''full_item'', item)", "sku": "''FV'' || id",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', ''S'' || id))"}', on_delete => 'delete');
INSERT INTO full_item SELECT g FROM generate_series(1, 14) AS g;
INSERT INTO full_variant SELECT g * 10 + v, g FROM generate_series(2, 14, 2) AS g, generate_series(1, 2) AS v;
EOC
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 28, 0 ], 'are made') or diag(explain($shop->errors));
	settled('made');
	$shop->sql('UPDATE full_item SET n = 2');
	is($shop->push->{updated}, 14, 'and changed');
	settled('changed');
	$shop->sql('DELETE FROM full_variant; DELETE FROM full_item');
	$shop->push;
	settled('gone');
	$shop->sql(q(SELECT bcdelta.untrack('full_variant'), bcdelta.untrack('full_item')));
};

subtest 'a crash makes nothing twice, and leaves nothing out' => sub {
	my $n = 100;
	my $change = sub {
		$n++;
		$shop->sql(qq(UPDATE item SET m = '[{"display_name": "Crash $n", "type": "dropdown", "required": true, "option_values": [{"label": "A", "sort_order": 0, "adjusters": {"weight": {"adjuster": "relative", "adjuster_value": $n}}}, {"label": "B$n", "sort_order": 1}]},
			{"display_name": "Stays", "type": "dropdown", "required": true, "option_values": [{"label": "S", "sort_order": 0}, {"label": "S$n", "sort_order": 1}]}]' WHERE id = 9));
		$shop->sql(qq(UPDATE sold SET channels = ARRAY[1 + $n % 2, 3] WHERE id = 200));
	};
	my $check = sub {
		my ($what) = @_;
		$shop->push if %{ $shop->pending };
		is(modifiers(9), "Crash $n:dropdown:yes:A/B$n Stays:dropdown:yes:S/S$n", "$what: each is there once");
		my $id = $shop->id('sold', 200);
		is(join(',', map { $_->[1] } grep { $_->[0] == $id } @{ $store->state('product_channels') }), 1 + $n % 2 . ',3', "$what: the channels");
		settled($what);
	};
	$shop->sql(q(SELECT bcdelta.track('sold', 'shop', 'product', '{"sku": "''C'' || id", "name": "''Sold '' || id", "price": "1", "type": "''physical''", "weight": "1", "channels": "channels"}', on_delete => 'delete'); INSERT INTO sold VALUES (200, '{1}')));
	$change->();
	$shop->push;
	$check->('before');
	foreach my $case ([ 'POST', 'modifiers$' ], [ 'PUT', 'values/\\d+$' ], [ 'POST', 'values$' ], [ 'PUT', 'channel-assignments' ])
	{
		foreach my $process (qw(never now))
		{
			$change->();
			$store->hold({ match => { method => $case->[0], path => $case->[1] }, process => $process });
			my $push = $shop->start;
			$shop->wait_held(1);
			kill_worker($shop->node, 'shop', 'KILL');
			$push->finish;
			$store->release;
			$check->("$case->[0] $case->[1], processed $process");
		}
	}
	SKIP:
	{
		skip 'built without debug points', 1 unless $shop->has_points;
		foreach my $point (qw(replied settled finishing))
		{
			$change->();
			my $session = $shop->stop_at($point);
			my $push = $shop->start;
			$shop->wait_stopped;
			kill_worker($shop->node, 'shop', 'KILL');
			$push->finish;
			undef $session;
			$check->("killed at $point");
		}
	}
	$shop->sql('DELETE FROM sold');
	$shop->push;
	$shop->sql(q(SELECT bcdelta.untrack('sold')));
};

subtest 'what cannot be a modifier is refused by element before a request' => sub {
	$shop->sql(q(INSERT INTO item SELECT id, m::jsonb FROM (VALUES (101, '[{"display_name": "D", "type": "date", "required": false}]'), (102, '[{"display_name": "D", "type": "dropdown", "required": false}]'),
		(103, '[{"display_name": "D", "type": "checkbox", "required": false, "option_values": [{"label": "a", "sort_order": 0, "adjusters": {"image_url": "https://a.example/a.png"}}]}]'), (104, '[{"display_name": "D", "type": "colour", "required": false}]'), (105, '[{"display_name": "D", "type": "text"}]'),
		(106, '[{"display_name": "D", "type": "text", "required": false}, {"display_name": "D", "type": "file", "required": false}]'), (107, '{}'),
		(108, '[{"display_name": "D", "type": "dropdown", "required": false, "option_values": [{"label": "a", "sort_order": 0}, {"label": "a", "sort_order": 1}]}]'), (109, '[{"display_name": "D", "type": "dropdown", "required": false, "option_values": []}]')) AS v (id, m)));
	$shop->clear;
	$shop->push;
	my %says = (101 => qr/element 1: config: there is no value, and the API requires one if type is "date"/, 102 => qr/element 1: option_values: .* if type is "dropdown"/, 103 => qr/element 1: option_values: element 1: adjusters: there is no field "image_url"/, 104 => qr/type: "colour" is not/,
		105 => qr/required: there is no value/, 106 => qr/elements 1 and 2 are the same/, 107 => qr/is not an array/, 108 => qr/option_values: elements 1 and 2 are the same/, 109 => qr/option_values: 0 elements, at least 1/);
	my $errors = $shop->errors;
	like($errors->{"item $_"}, $says{$_}, "row $_") foreach sort keys %says;
	is(scalar(grep { /modifiers/ } @{ requests() }), 0, 'nothing was sent');
	$shop->sql('DELETE FROM item WHERE id > 100');
	$shop->push;
	settled('refused');
};

done_testing();
