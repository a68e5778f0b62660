# Adjustments: values of the store that are meant. They are no differences, but
# they are watched.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('adjusted', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 2 },
	node => { conf => "bcdelta.naptime = 1\n" });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, title text, price numeric, text text, props jsonb, days text[]);
INSERT INTO item SELECT i, 'Item ' || i, i, '<p>Text ' || i || '</p>', '[{"name": "colour", "value": "red"}]', '{a,b}' FROM generate_series(1, 9) AS i;
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "title", "price": "price", "description": "text",
	"type": "''physical''", "weight": "1", "custom_fields": "props", "meta_keywords": "days"}');
SELECT bcdelta.mark_all('item');
EOC
is($shop->push->{created}, 9, 'a shop');

sub edit { my ($key, %set) = @_; return $store->edit('product', $shop->id('item', $key), \%set); }

# Verifies; returns the differences, without the feed.
sub differences { $shop->verify("feed => 'item'"); return [ map { s/^item\|//r } @{ $shop->discrepancies } ]; }

sub adjust { my ($key, $field, $until) = @_; return $shop->sql("SELECT bcdelta.adjust('item', '$key', '$field', 'the agency', " . ($until ? "'$until'" : "'always'") . ')'); }

sub adjustments
{
	return $shop->list("SELECT concat_ws('|', key, field, coalesce(value::text, '-'), state) FROM bcdelta.adjustment WHERE state <> 'ended' ORDER BY key, field");
}

subtest 'an adjusted field that differs from the source is no difference; its value is read at once' => sub {
	edit(1, price => '0.99', description => '<p>Better text</p>', meta_keywords => [ 'b', 'c' ], name => 'Edited');
	is_deeply(differences(), [ '1|different|description|<p>Text 1</p>|<p>Better text</p>', '1|different|meta_keywords|["a", "b"]|["b","c"]',
		'1|different|name|Item 1|Edited', '1|different|price|1|0.99' ], 'four edits are found') or diag(explain($shop->discrepancies));
	adjust(1, $_) foreach qw(price description meta_keywords);
	$shop->wait_for('SELECT bool_and(value IS NOT NULL) FROM bcdelta.adjustment');
	$shop->wait_for("SELECT bool_and(state = 'succeeded') AND max(mode) IS NOT NULL AND sum(conflicts) = 0 FROM bcdelta.run WHERE mode = 'adjusted'");
	is_deeply(adjustments(), [ '1|description|"<p>Better text</p>"|active', '1|meta_keywords|["b", "c"]|active', '1|price|0.99|active' ], 'the values are read at once');
	is_deeply(differences(), ['1|different|name|Item 1|Edited'], 'and are no longer reported');
	edit(1, name => 'Item 1');
	my $run = $shop->verify("feed => 'item'");
	is_deeply([ @$run{qw(unchanged conflicts)} ], [ 9, 0 ], 'all agrees');
};

sub record { my ($key, @fields) = @_; my $r = $shop->record('products', $shop->id('item', $key)); return join('|', map { ref $r->{$_} ? "@{ $r->{$_} }" : $r->{$_} } @fields); }

# Pushes; returns the fields sent, by product.
sub pushed
{
	$shop->clear;
	$shop->push;
	my %sent;
	foreach my $write ($shop->writes)
	{
		push @{ $sent{ $_->{id} // '?' } }, grep { $_ ne 'id' } sort keys %$_ foreach ref $write->{body} eq 'ARRAY' ? @{ $write->{body} } : $write->{body};
	}
	return { map { $_ => join ' ', @{ $sent{$_} } } keys %sent };
}

subtest 'no push writes an adjusted field, whatever changes in the source; other fields of the row are written' => sub {
	my $id = $shop->id('item', 1);
	$shop->sql("SELECT bcdelta.mark('item', '1')");
	$shop->push;
	$shop->sql("UPDATE item SET price = 5, text = 'changed', days = '{z}' WHERE id = 1");
	is_deeply($shop->list("SELECT concat_ws('|', action, body) FROM bcdelta.preview('item')"), ['unchanged'], 'nor does a preview show it');
	is_deeply(pushed(), {}, 'nothing is sent for fields that are adjusted');
	is_deeply($shop->pending, {}, 'and nothing is left');
	$shop->sql("UPDATE item SET price = 6, title = 'Renamed' WHERE id = 1; SELECT bcdelta.mark_all('item')");
	is_deeply(pushed(), { $id => 'name' }, 'another field is sent alone');
	is(record(1, qw(name price description meta_keywords)), 'Renamed|0.99|<p>Better text</p>|b c', 'the others are as they were');
	$shop->sql("UPDATE item SET title = 'Item 1' WHERE id = 1");
	$shop->push;
	# what the store holds is not known
	$shop->sql("UPDATE bcdelta.link SET payload = NULL WHERE key = '1'; SELECT bcdelta.mark('item', '1')");
	pushed();
	is(record(1, qw(name price description meta_keywords)), 'Item 1|0.99|<p>Better text</p>|b c', 'even if nothing is known of the record');
	is_deeply(differences(), [], 'nothing differs');
	$shop->sql("UPDATE item SET price = 1, text = '<p>Text 1</p>', days = '{a,b}' WHERE id = 1");
	$shop->push;
};

subtest 'an adjustment until the source changes is over then' => sub {
	edit(8, price => 80, name => 'Eighth');
	adjust(8, 'price', 'source changes');
	adjust(8, 'name', 'source changes');
	$shop->wait_for('SELECT bool_and(value IS NOT NULL) FROM bcdelta.adjustment');
	$shop->sql("UPDATE item SET text = 'other' WHERE id = 8");
	$shop->push;
	is(record(8, qw(name price description)), 'Eighth|80|other', 'another field has changed');
	$shop->sql('UPDATE item SET price = 8.5 WHERE id = 8');
	$shop->push;
	is(record(8, qw(name price description)), 'Eighth|8.5|other', 'the field itself has changed');
	is_deeply([ grep { /^8/ } @{ adjustments() } ], ['8|name|"Eighth"|active'], 'that one has ended');
	is($shop->sql("SELECT concat_ws('|', by_role, reason) FROM bcdelta.journal WHERE key = '8' AND what = 'unadjust'"), 'the source has changed field "price"', 'the journal says why');
	$shop->sql('UPDATE item SET price = 8 WHERE id = 8');
	$shop->push;
	is(record(8, 'price'), 8, 'for good');
};

subtest 'a record that is gone is made again with the values of the source' => sub {
	edit(9, description => 'meant', name => 'Ninth');
	adjust(9, 'description');
	adjust(9, 'name');
	$shop->wait_for('SELECT bool_and(value IS NOT NULL) FROM bcdelta.adjustment');
	$store->remove('product', $shop->id('item', 9));
	$shop->sql('UPDATE item SET price = 99 WHERE id = 9');
	is($shop->push->{created}, 1, 'it is made');
	is(record(9, qw(name price description)), 'Item 9|99|<p>Text 9</p>', 'whole');
	is_deeply(differences(), [ '9|conflict|description|<p>Text 9</p>|<p>Text 9</p>', '9|conflict|name|Item 9|Item 9' ], 'the adjustments are reported as broken');
	$shop->sql("SELECT bcdelta.unadjust('item', '9', field) FROM unnest('{description,name}'::text[]) AS field");
	is_deeply(pushed(), { $shop->id('item', 9) => 'description name' }, 'and ended');
};

subtest 'an adjustment is broken when the store has another value, and whole again when it has the declared one' => sub {
	edit(1, price => '0.89', description => "<P>Better text</P>\n");
	is_deeply(differences(), ['1|conflict|price|1|0.89'], 'it is reported, HTML in another spelling is not');
	is($shop->sql('SELECT pushed_value FROM bcdelta.discrepancy ORDER BY run_id DESC LIMIT 1'), '0.99', 'with the declared value');
	is($shop->last_run->{unchanged}, 8, 'the row does not agree');
	is_deeply([ grep { /price/ } @{ adjustments() } ], ['1|price|0.99|broken'], 'it is broken');
	is_deeply(differences(), ['1|conflict|price|1|0.89'], 'it is reported again');
	is($shop->sql("SELECT string_agg(concat_ws(' ', key, by_role), ',') FROM bcdelta.journal WHERE what = 'adjustment broken' AND key = '1'"), '1', 'the journal says so once');
	edit(1, price => 1);
	is_deeply(differences(), ['1|conflict|price|1|1'], 'even if the store has the value of the source');
	edit(1, price => '0.9900');
	is_deeply(differences(), [], 'the declared value again');
	is_deeply([ grep { /price/ } @{ adjustments() } ], ['1|price|0.99|active'], 'it is whole');
};

subtest 'an emptied field can be meant, and so can a collection' => sub {
	edit(2, description => '', meta_keywords => []);
	adjust(2, 'description');
	adjust(2, 'meta_keywords');
	adjust(2, 'custom_fields');
	is_deeply(differences(), [], 'nothing differs');
	is_deeply([ grep { /^2/ } @{ adjustments() } ],
		[ '2|custom_fields|[{"name": "colour", "value": "red"}]|active', '2|description|""|active', '2|meta_keywords|[]|active' ], 'the values are read');
	$shop->sql(q(UPDATE item SET props = '[{"name": "size", "value": "XL"}]', text = 'other', days = '{x}' WHERE id = 2));
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
	$shop->sql("DELETE FROM bcdelta.pending");
	is_deeply(differences(), [], 'whatever the source has');
	edit(2, description => 'somebody else');
	is_deeply(differences(), [ '2|conflict|description|other|somebody else' ], 'what somebody else has written is found');
	edit(2, description => '');
};

subtest 'adjustments move with the key of their row' => sub {
	adjust(3, 'price');
	adjust(4, 'price');
	adjust(4, 'name');
	$shop->wait_for('SELECT bool_and(value IS NOT NULL) FROM bcdelta.adjustment');
	$shop->sql('BEGIN; UPDATE item SET id = 33 WHERE id = 3; UPDATE item SET id = 3 WHERE id = 4; UPDATE item SET id = 4 WHERE id = 33; COMMIT; UPDATE item SET id = id + 20 WHERE id = 4');
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
	is_deeply([ grep { /^(?:3|4|24)\|/ } @{ adjustments() } ], [ '24|price|3|active', '3|name|"Item 4"|active', '3|price|4|active' ], 'through an exchange and a change');
};

subtest 'an adjustment ends by itself at its time, or by unadjust; the next push writes the value of the source' => sub {
	edit($_, price => 77, description => 'ours') foreach 6, 7;
	adjust(6, 'price', $shop->sql("SELECT now() + interval '2 s'"));
	adjust(6, 'description');
	adjust(7, 'description');
	$shop->wait_for("SELECT state = 'ended' FROM bcdelta.adjustment WHERE key = '6' AND field = 'price'");
	$shop->sql("SELECT bcdelta.unadjust('item', '7', 'description')");
	$shop->wait_for(q(SELECT array_agg(key ORDER BY key) = '{6,7}' FROM bcdelta.pending WHERE key IN ('6', '7')));
	is($shop->sql("SELECT concat_ws('|', by_role, reason, detail->>'field') FROM bcdelta.journal WHERE key = '6' AND what = 'unadjust'"),
		'its time has come|price', 'the journal says that nobody else has ended it');
	$shop->push;
	is_deeply([ map { my $r = $shop->record('products', $shop->id('item', $_)); "$r->{price} $r->{description}" } 6, 7 ],
		[ '6 ours', '77 <p>Text 7</p>' ], 'what is no longer adjusted is written, and nothing else');
};

subtest 'what a verify has found is declared as meant in bulk, by a condition' => sub {
	$shop->sql("SELECT bcdelta.mark_all('item')");
	$shop->push;
	edit(5, price => '5.5', name => 'Fifth', meta_keywords => ['new'], description => '<b>5</b>');
	my $run = $shop->verify("feed => 'item', keys => '{5}'");
	my $found = "SELECT bcdelta.adjust_found($run->{run_id}";
	is($run->{conflicts}, 4, 'four differences');
	is($shop->sql("$found, \$\$field = 'price' AND store_value::numeric > source_value::numeric\$\$, 'new prices')"), 1, 'one satisfies the condition');
	is($shop->sql("$found, 'false')"), 0, 'none');
	is($shop->sql("$found)"), 3, 'the others');
	is_deeply([ grep { /^5/ } @{ adjustments() } ], [ '5|description|"<b>5</b>"|active', '5|meta_keywords|["new"]|active', '5|name|"Fifth"|active', '5|price|5.5|active' ],
		'with the values that were found');
	is($shop->sql("$found)"), 0, 'a second time there is nothing left');
	is_deeply($shop->list("SELECT concat_ws('|', reason, detail->>'field', detail->>'run_id') FROM bcdelta.journal WHERE key = '5' AND what = 'adjust' ORDER BY journal_id LIMIT 2"),
		[ "new prices|price|$run->{run_id}", "found by verify $run->{run_id}|description|$run->{run_id}" ], 'the journal tells which verify and why');
	$run = $shop->verify("feed => 'item', keys => '{5}'");
	is_deeply([ @$run{qw(unchanged conflicts)} ], [ 1, 0 ], 'nothing differs');
	foreach my $bad ([ '0', qr/run 0 does not exist/ ], [ 'NULL', qr/"run_id" must not be null/ ],
		[ "$run->{run_id}, 'true; DROP TABLE item'", qr/syntax error at or near ";"/ ], [ "$run->{run_id}, 'true', ' '", qr/"reason" must not be empty/ ])
	{
		like(($shop->try("SELECT bcdelta.adjust_found($bad->[0])"))[2], $bad->[1], "refused: $bad->[0]");
	}
	edit(6, name => 'Sixth');
	$run = $shop->verify("feed => 'item', keys => '{6}'");
	foreach my $bad ([ 'nope = 1', qr/column "nope" does not exist/ ], [ 'public.hostile(store_value)', qr/cannot execute DELETE in a read-only transaction/ ])
	{
		$shop->sql("CREATE OR REPLACE FUNCTION hostile(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN DELETE FROM public.item; RETURN true; END'");
		like(($shop->try("SELECT bcdelta.adjust_found($run->{run_id}, '$bad->[0]')"))[2], $bad->[1], "refused: $bad->[0]");
	}
	$shop->sql('CREATE ROLE other');
	foreach my $what ('', ', if somebody has decided on all differences')
	{
		like(($shop->try("SET ROLE other; SELECT bcdelta.adjust_found($run->{run_id}, 'true')"))[2], qr/permission denied to adjust rows of feed "item"/, "another role may not$what");
		$shop->sql("UPDATE bcdelta.discrepancy SET decided = 'meant' WHERE run_id = $run->{run_id}");
	}
	like(($shop->try("SELECT bcdelta.adjust_found($run->{run_id}, ' ')"))[2], qr/argument "condition" must not be empty.*HINT:  It is an SQL expression/s, 'an empty condition is none');
};

done_testing();
