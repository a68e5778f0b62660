# Conflicts that more than two values decide: by the time of the changes, about
# records as a whole, and of sets, whose changes are merged.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('kinds', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.debug_points = on\n" });
my $store = $shop->store;

$shop->sql(<<'EOC');
CREATE TABLE item (id text PRIMARY KEY, title text NOT NULL, price numeric NOT NULL DEFAULT 10, body text DEFAULT '<p>Old text</p>',
	weight int NOT NULL DEFAULT 1, sets int[], changed timestamptz);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "id", "name": "title", "price": "price", "description": "body",
	"type": "''physical''", "weight": "weight", "categories": "sets"}', on_conflict => 'newest');
EOC

sub record
{
	my ($key) = @_;
	my $id = $shop->id('item', $key);
	my ($record) = grep { $_->{id} == $id } @{ $store->state('products') };
	return $record;
}

sub edit { $store->edit('product', $shop->id('item', $_[0]), $_[1]); return; }

sub price { my $r = record($_[0]); return $r && $r->{price} + 0; }

sub conflict { return $shop->sql("SELECT conflict_id FROM bcdelta.review WHERE key = '$_[0]'"); }

# The last conflict of a row: these columns
sub last_conflict { return $shop->sql("SELECT concat_ws(' ', $_[1]) FROM bcdelta.conflict WHERE key = '$_[0]' ORDER BY conflict_id DESC LIMIT 1"); }

sub create { $shop->sql("INSERT INTO item (id, title) VALUES ('$_', 'Item $_')") foreach @_; $shop->push; return; }

# A time in the store, by its own clock
sub at { my ($seconds) = @_; return $shop->sql("SELECT to_char((now() + interval '$seconds s') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"')"); }

subtest 'newest: the side that has changed last wins, by the clock of the store' => sub {
	foreach my $offset (0, 3600, -3600)
	{
		$store->settings({ clock_offset_s => $offset });
		my ($old, $new, $tie, $marked) = map { "$_$offset" } qw(old new tie marked);
		create($old, $new, $tie, $marked);
		$shop->sql("UPDATE item SET price = 20 WHERE id IN ('$old', '$new', '$tie', '$marked')");
		edit($old, { price => 15, date_modified => at($offset - 60) });
		edit($new, { price => 15, date_modified => at($offset + 60) });
		edit($tie, { price => 15, date_modified => at($offset) });
		edit($marked, { price => 15, date_modified => at($offset - 60) });
		$shop->sql("SELECT bcdelta.mark('item', '$marked')");
		is($shop->push->{conflicts}, 2, "offset $offset: two conflicts");
		is_deeply([ map { price($_) } $old, $new, $tie, $marked ], [ 20, 15, 15, 15 ], 'the newer value, or that of the store');
		is_deeply([ map { last_conflict($_, 'state, is_current') } $old, $new, $tie, $marked ], [ 'source f', 'store t', 'open t', 'open t' ], 'conflicts');
		like(last_conflict($old, 'reason'), qr/^the source was changed at \d.*, the store at \d.*: the source is newer$/, 'the reason names both times');
		like(last_conflict($tie, 'reason'), qr/within 5 s/, 'a tie');
		like(last_conflict($marked, 'reason'), qr/not known when the source has changed/, 'a mark has no time');
		is(last_conflict($new, q(abs(extract(epoch FROM store_modified_at - source_changed_at) - 60) < 10)), 't', 'the times are by our clock');
	}
	$store->settings({ clock_offset_s => 0 });
};

subtest 'newest: an expression can say when a row was changed' => sub {
	$shop->sql(q(SELECT bcdelta.alter_feed('item', options => '{"modified": "changed"}')));
	create(qw(ma mb mc));
	$shop->sql(q(UPDATE item SET price = 20, changed = now() - interval '1 day' WHERE id = 'ma'));
	$shop->sql(q(UPDATE item SET price = 20, changed = now() + interval '1 day' WHERE id = 'mb'));
	$shop->sql(q(UPDATE item SET price = 20 WHERE id = 'mc'));
	edit($_, { price => 15 }) foreach qw(ma mb mc);
	$shop->sql(q(SELECT bcdelta.mark('item', 'ma', 'mb')));
	$shop->push;
	is_deeply([ map { price($_) } qw(ma mb mc) ], [ 15, 20, 15 ], 'it decides, even for rows that were marked');
	is_deeply([ map { last_conflict($_, 'state') } qw(ma mb mc) ], [qw(store source open)], 'null says nothing');
	like($shop->sql(q(SELECT reason FROM bcdelta.why('item', 'ma') WHERE field = 'price')), qr/the policy has kept the store's value \(the source was changed at .*, the store at .*: the store is newer\)$/, 'why() tells it');
	$shop->sql(q(UPDATE item SET price = 30, changed = now() + interval '2 days' WHERE id IN ('ma', 'mb', 'mc')));
	$shop->push;
	is_deeply([ map { price($_) } qw(ma mb mc) ], [ 30, 30, 30 ], 'a later change is written');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.conflict WHERE is_current AND key ~ '^m.$')), 0, 'no conflict is left');
	foreach (
		[ '{"modified": "1"}', qr/option "modified": an expression of type integer is not a point in time/ ],
		[ '{"modified": "localtimestamp"}', qr/option "modified": an expression of type timestamp without time zone is not a point in time/ ],
		[ '{"modified": "changes"}', qr/option "modified": column "changes" does not exist/ ],
		[ '{"modified": "max(changed)"}', qr/option "modified": aggregate functions/ ],
		[ '{"modified": "changed), (weight"}', qr/option "modified": / ],
		[ '{"modified": ""}', qr/option "modified": the expression is empty/ ],
		[ '{"modified": 1}', qr/invalid value for option "modified".*an SQL expression, as a JSON string/s ])
	{
		my ($options, $error) = @$_;
		my (undef, undef, $text) = $shop->node->psql('shop', "SELECT bcdelta.alter_feed('item', options => '$options')");
		like($text, $error, $options);
	}
	$shop->sql(q(SELECT bcdelta.alter_feed('item', options => '{}')));
	my (undef, undef, $text) = $shop->node->psql('shop', q(CREATE TABLE maker (id int PRIMARY KEY, name text);
		SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}', on_conflict => 'newest')));
	like($text, qr/conflict policy "newest" is not possible for resource brand.*Records of resource brand have no date_modified/s, 'a resource without dates');
	(undef, undef, $text) = $shop->node->psql('shop', q(SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}', options => '{"modified": "now()"}')));
	like($text, qr/unknown option "modified" for resource brand/, 'nor the option');
};

subtest 'newest: the same for other resources whose records have dates' => sub {
	my %feeds = (    # mapping, field, and the table of the simulated store
		customer => [ q("email": "id || '@example.org'", "first_name": "title", "last_name": "'L'", "notes": "body"), 'notes', 'customers' ],
		customer_group => [ q("name": "id || body"), 'name', 'customer_groups' ],
		price_list => [ q("name": "id || body"), 'name', 'price_lists' ],
		customer_attribute => [ q("name": "id || body", "type": "'string'"), 'name', 'attributes' ],
		customer_attribute_value => [ q("customer_id": "bcdelta.ref('t_customer', replace(id, '_attribute_value', ''))", "attribute_id": "bcdelta.ref('t_customer_attribute', 'customer_attribute-new')", "value": "body"),
			'attribute_value', 'attribute_values' ],
		brand_metafield => [ q("resource_id": "bcdelta.ref('t_brand', 'b')", "namespace": "'n'", "key": "id", "value": "body", "permission_set": "'app_only'"), 'value', 'brand_metafields' ]);
	$shop->sql(q(CREATE TABLE t_brand (id text PRIMARY KEY); SELECT bcdelta.track('t_brand', 'shop', 'brand', '{"name": "id"}'); INSERT INTO t_brand VALUES ('b')));
	foreach my $resource (sort keys %feeds)
	{
		my ($fields, $field, $kind) = @{ $feeds{$resource} };
		$shop->sql("CREATE TABLE t_$resource (id text PRIMARY KEY, title text, body text, changed timestamptz)");
		$shop->sql("SELECT bcdelta.track('t_$resource', 'shop', '$resource', \$m\${$fields}\$m\$, on_conflict => 'newest', options => '{\"modified\": \"changed\"}')");
		$shop->sql("INSERT INTO t_$resource VALUES ('$resource-old', 'T', 'a'), ('$resource-new', 'T', 'a')");
		$shop->push;
		my %id = map { $_ => $shop->id("t_$resource", "$resource-$_") } qw(old new);
		$shop->sql("UPDATE t_$resource SET body = 'b', changed = now() + CASE WHEN id LIKE '%new' THEN 1 ELSE -1 END * interval '1 day'");
		$store->edit($resource =~ s/^customer_(attribute)/$1/r, $id{$_}, { $field => "edited $_" }) foreach qw(old new);
		is($shop->push->{failed}, 0, "$resource: pushed");
		my %record = map { $_->{id} => $_->{$field} } @{ $store->state($kind) };
		is_deeply([ map { $record{ $id{$_} } } qw(old new) ], [ 'edited old', $field eq 'name' ? "$resource-newb" : 'b' ], 'the newer value');
		is_deeply([ map { last_conflict("$resource-$_", 'state') } qw(old new) ], [qw(store source)], 'with its conflict');
	}
};

sub state_of { return $shop->sql("SELECT state FROM bcdelta.pending WHERE key = '$_[0]'"); }

subtest 'a record that was deleted in the store, when its row changes' => sub {
	my %want = (source => 'made again', store => 'not', newest => 'not, review', review => 'not, review');
	foreach my $policy (sort keys %want)
	{
		create("g$policy");
		$shop->sql("SELECT bcdelta.set_conflict('item', policy => '$policy')");
		$store->remove('product', $shop->id('item', "g$policy"));
		$shop->sql("UPDATE item SET price = 20 WHERE id = 'g$policy'");
		my $run = $shop->push;
		is($run->{failed}, 0, "$policy: nothing fails");
		is(join(', ', defined price("g$policy") ? 'made again' : 'not', state_of("g$policy") || ()), $want{$policy}, $policy);
		is($run->{conflicts}, $want{$policy} =~ /review/ ? 1 : 0, 'conflicts');
	}
	is_deeply([ $shop->value(q(SELECT kind, field, source_value ->> 'price' AS price, store_value FROM bcdelta.review WHERE key = 'greview')) ],
		[ { kind => 'gone', field => undef, price => '20', store_value => undef } ], 'the conflict is about the record');
	like($shop->sql(q(SELECT reason FROM bcdelta.why('item', 'gstore') WHERE field = 'price')), qr/the policy leaves it deleted in the store/, 'why() explains it');
	like($shop->sql(q(SELECT reason FROM bcdelta.why('item', 'greview') WHERE field = 'weight')), qr/is open: see bcdelta.review/, 'for each field');
	$shop->sql("UPDATE item SET price = 30 WHERE id IN ('gstore', 'greview')");
	$shop->push;
	is(price('gstore'), undef, 'store: it stays so when the row changes again');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.conflict WHERE key IN ('gstore', 'greview'))), 2, 'without further conflicts');
	my (undef, undef, $text) = $shop->node->psql('shop', 'SELECT bcdelta.resolve(' . conflict('greview') . q{, 'value', '1')});
	like($text, qr/about the record as a whole.*Choose "source" or "store"/s, 'there is no value to choose');
	$shop->sql('SELECT bcdelta.resolve(' . conflict('greview') . q{, 'source', note => 'a mistake')});
	$shop->sql('SELECT bcdelta.resolve(' . conflict('gnewest') . q{, 'store')});
	$shop->push;
	is(price('greview'), 30, 'source: it is made again');
	is(price('gnewest'), undef, 'store: it is not');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.pending WHERE key LIKE 'g%')), 0, 'nothing is pending');
	$shop->sql("UPDATE item SET price = 31 WHERE id = 'gnewest'");
	$shop->push;
	is(price('gnewest'), undef, 'nor later');
	is($shop->sql(q(SELECT string_agg(key, ' ') FROM bcdelta.conflict WHERE is_current AND kind = 'gone')), 'gstore gnewest', 'what was decided is current');
	$shop->sql("SELECT bcdelta.set_conflict('item', policy => 'source'); UPDATE item SET price = 32 WHERE id IN ('gstore', 'gnewest')");
	$shop->push;
	is_deeply([ map { price($_) } qw(gstore gnewest) ], [ undef, undef ], 'it holds under another policy');
	$shop->sql("SELECT bcdelta.unlink('item', 'gstore'), bcdelta.mark('item', 'gstore')");
	$shop->push;
	is(price('gstore'), 32, 'until the link is removed');
};

subtest 'a row that was deleted in the source, whose record was edited' => sub {
	foreach my $action (qw(delete hide))
	{
		my %want = (source => 'gone', store => 'stays', newest => 'gone', review => 'stays, review');
		my $is = sub { my $r = shift; return !$r || !$r->{is_visible} ? 'gone' : 'stays' };
		my %id;
		$shop->sql("SELECT bcdelta.alter_feed('item', on_delete => '$action')");
		foreach my $policy (sort keys %want)
		{
			create("$action$policy", "$action$policy-same");
			$shop->sql("SELECT bcdelta.set_conflict('item', policy => '$policy')");
			$id{$_} = $shop->id('item', $_) foreach "$action$policy", "$action$policy-same";
			edit("$action$policy", { price => 15, date_modified => at(-60) });
			$shop->sql("DELETE FROM item WHERE id LIKE '$action$policy%'");
			my $run = $shop->push;
			is($run->{failed}, 0, "$action, $policy: nothing fails");
			my %record = map { $_->{id} => $_ } @{ $store->state('products') };
			is(join(', ', $is->($record{ $id{"$action$policy"} }), state_of("$action$policy") || ()), $want{$policy}, 'an edited one');
			is($is->($record{ $id{"$action$policy-same"} }), 'gone', 'another one');
		}
		my $key = "${action}review";
		is_deeply([ $shop->value("SELECT kind, field, base, source_value, store_value FROM bcdelta.review WHERE key = '$key'") ],
			[ { kind => 'deleted', field => undef, base => { price => 10 }, source_value => undef, store_value => { price => 15 } } ], 'the conflict shows the edits');
		my $first = conflict($key);
		$shop->sql("SELECT bcdelta.set_conflict('item', policy => 'review'), bcdelta.resolve($first, 'source')");
		$store->edit('product', $id{$key}, { name => "Edited again $key" });
		$shop->push;
		my $second = conflict($key);
		isnt($second, $first, 'another edit is a new conflict');
		$shop->sql("SELECT bcdelta.resolve($second, 'source')");
		$shop->push;
		my %record = map { $_->{id} => $_ } @{ $store->state('products') };
		is($is->($record{ $id{$key} }), 'gone', 'source: as decided');
		$shop->sql("SELECT bcdelta.set_conflict('item', policy => 'source'), bcdelta.mark('item', '${action}store')");
		$shop->push;
		%record = map { $_->{id} => $_ } @{ $store->state('products') };
		is($is->($record{ $id{"${action}store"} }), 'stays', 'store: that holds under another policy');
		$shop->sql("INSERT INTO item (id, title) VALUES ('${action}store', 'Item ${action}store')");
		$shop->push;
		is($shop->sql("SELECT count(*) FROM bcdelta.conflict WHERE is_current AND kind = 'deleted' AND key LIKE '$action%'"), 0, 'it is over when the row is back');
		is($shop->id('item', "${action}store"), $id{"${action}store"}, 'with its record');
	}
};

subtest 'the changes of both sides to a set are merged, unless the source always wins' => sub {
	my %cat = map { $_ => $store->seed('category', [ { name => "Category $_" } ])->{first} } 1 .. 6;
	my $set = sub { return '{' . join(',', map { $cat{$_} } @_) . '}' };
	my $has = sub { my %name = reverse %cat; return join ' ', sort map { $name{$_} } @{ record($_[0])->{categories} } };
	my @cases = (    # base, the source's, the store's, merged
		[ '1 2', '1 2 3', '1 2 4', '1 2 3 4' ],
		[ '1 2', '1', '1 2 4', '1 4' ],
		[ '1 2', '2 3', '1', '3' ],
		[ '1 2', '1 3', '1 3', '1 3' ],
		[ '1 2', '1 2', '5', '5' ],
		[ '1 2', '2 1 6', '2 1', '1 2 6' ],
		[ '1', '', '1 4', '4' ],
		[ '', '1', '4', '1 4' ]);
	foreach my $policy (qw(store newest review source))
	{
		$shop->sql("SELECT bcdelta.set_conflict('item', policy => '$policy')");
		my $n = 0;
		$shop->sql(sprintf(q(INSERT INTO item (id, title, sets) VALUES ('%s', 'Item %1$s', '%s')), "set$policy" . $n++, $set->(split ' ', $_->[0]))) foreach @cases;
		$shop->push;
		$n = 0;
		foreach my $case (@cases)
		{
			my $key = "set$policy" . $n++;
			$shop->sql(sprintf(q(UPDATE item SET sets = '%s', weight = 2 WHERE id = '%s'), $set->(split ' ', $case->[1]), $key));
			edit($key, { categories => [ map { $cat{$_} } split ' ', $case->[2] ] });
		}
		my $run = $shop->push;
		is_deeply([ @$run{qw(failed conflicts)} ], [ 0, 0 ], "$policy: no conflict");
		is_deeply([ map { $has->("set$policy$_") } 0 .. $#cases ],
			[ map { $policy ne 'source' || $_->[0] eq $_->[1] ? $_->[3] : join ' ', sort split ' ', $_->[1] } @cases ], 'the sets');
		next if $policy eq 'source';
		$shop->clear;
		$shop->sql("UPDATE item SET weight = 3 WHERE id = 'set${policy}0'; SELECT bcdelta.mark_all('item')");
		$shop->push;
		is_deeply([ map { my $w = $_; map { join ',', sort keys %$_ } @{ $w->{body} } } $shop->writes ], ['id,weight'], 'nothing of them is written again');
		$shop->sql(sprintf(q(UPDATE item SET sets = '%s' WHERE id = '%s'), $set->(1, 3), "set${policy}0"));
		$shop->push;
		is($has->("set${policy}0"), '1 3 4', 'the next change counts from the last one');
	}
	$shop->sql(q(SELECT bcdelta.set_conflict('item', policy => 'review'); UPDATE item SET sets = NULL WHERE id = 'setreview0'));
	like($shop->sql(sprintf(q(UPDATE item SET sets = '%s' WHERE id = 'setreview1'; SELECT reason FROM bcdelta.why('item', 'setreview1') WHERE field = 'categories'), $set->(1, 6))),
		qr/what the store has added or removed stays so/, 'why() explains it');
};

subtest 'a set that was merged by a request without a reply is not merged twice' => sub {
	my ($one, $two, $three) = map { $store->seed('category', [ { name => "Set $_" } ])->{first} } 1 .. 3;
	$shop->sql("INSERT INTO item (id, title, sets) VALUES ('lost', 'Item lost', '{$one}')");
	$shop->push;
	$shop->sql("UPDATE item SET sets = '{$one,$two}' WHERE id = 'lost'");
	edit('lost', { categories => [$three] });
	$store->fault({ times => 1, do => { lose => 'after' }, match => { method => 'PUT' } });
	my $pushing = $shop->start;
	$shop->wait_for(q(SELECT state = 'waiting' FROM bcdelta.pending WHERE key = 'lost'));
	edit('lost', { categories => [ $two, $three, $one ] });
	$shop->hurry;
	$pushing->finish;
	$store->unfault;
	is($shop->push->{failed}, 0, 'pushed');
	is_deeply([ sort { $a <=> $b } @{ record('lost')->{categories} } ], [ sort { $a <=> $b } $one, $two, $three ], 'what was added meanwhile stays');
};

subtest 'a change of the source arrives after a lost reply, and an edit meanwhile is seen' => sub {
	foreach my $policy (qw(store newest review))
	{
		$shop->sql("SELECT bcdelta.set_conflict('item', policy => '$policy')");
		foreach my $lost (qw(before after))
		{
			my ($key, $other) = ("lost-$policy-$lost", "also-$policy-$lost");
			create($key, $other);
			$store->fault({ times => 1, do => { lose => $lost }, match => { method => 'PUT' } });
			$shop->sql("UPDATE item SET price = 20, title = 'New $key' WHERE id = '$key'; UPDATE item SET price = 20 WHERE id = '$other'");
			my $pushing = $shop->start;
			$shop->wait_for("SELECT count(*) = 2 FROM bcdelta.pending WHERE state = 'waiting' AND key IN ('$key', '$other')");
			edit($key, { description => 'By the agency' });
			edit($other, { price => 15, date_modified => at(60) });
			$shop->hurry;
			$pushing->finish;
			$store->unfault;
			$shop->push;
			is_deeply([ @{ record($key) }{qw(price name description)} ], [ 20, "New $key", 'By the agency' ], "$policy, lost $lost: it arrives");
			is(price($other), 15, 'the edit stays');
			is($shop->sql("SELECT count(*) FROM bcdelta.conflict WHERE key = '$key'"), 0, 'no conflict but that of the edit');
		}
	}
};

subtest 'newest: a field that the source has taken back is not written, whatever was decided before' => sub {
	$shop->sql("SELECT bcdelta.set_conflict('item', policy => 'newest')");
	create('back');
	edit('back', { price => 15, date_modified => at(-60) });
	$store->fault({ times => 1, do => { status => 503 }, match => { method => 'PUT' } });
	$shop->sql("UPDATE item SET price = 20 WHERE id = 'back'");
	my $pushing = $shop->start;
	$shop->wait_for(q(SELECT state = 'waiting' FROM bcdelta.pending WHERE key = 'back'));
	is(last_conflict('back', 'state'), 'source', 'the source was newer');
	$shop->sql("UPDATE item SET price = 10, weight = 2 WHERE id = 'back'");
	$shop->hurry;
	$pushing->finish;
	$shop->push;
	is_deeply([ @{ record('back') }{qw(price weight)} ], [ 15, 2 ], 'only the store has changed the price');
	is(last_conflict('back', 'is_current'), 'f', 'the conflict is over');
};

subtest 'a conflict that is over is so at once, even if the rest of the row cannot be written yet' => sub {
	$shop->sql("SELECT bcdelta.set_conflict('item', policy => 'review')");
	create('ago');
	edit('ago', { price => 15 });
	$shop->sql("UPDATE item SET price = 20 WHERE id = 'ago'");
	$shop->push;
	$shop->sql('SELECT bcdelta.resolve(' . conflict('ago') . q{, 'source')});
	edit('ago', { price => 16 });
	$shop->sql("UPDATE item SET price = 10, weight = 2 WHERE id = 'ago'");
	$store->fault({ times => 1, do => { status => 503 }, match => { method => 'PUT' } });
	my $pushing = $shop->start;
	$shop->wait_for(q(SELECT state = 'waiting' FROM bcdelta.pending WHERE key = 'ago'));
	$shop->hurry;
	$pushing->finish;
	is_deeply([ @{ record('ago') }{qw(price weight)} ], [ 16, 2 ], 'the source has taken its change back');
	is(conflict('ago'), '', 'so there is no conflict');
	is(state_of('ago'), '', 'and the row is done');
};

subtest 'stock that was written a moment ago, and that the store does not show yet, is no edit' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE shelf (id text PRIMARY KEY, level int NOT NULL);
SELECT bcdelta.track('shelf', 'shop', 'product', '{"sku": "id", "name": "''Shelf '' || id", "price": "1", "type": "''physical''", "weight": "1",
	"inventory_tracking": "''product''", "inventory_level": "level"}', on_conflict => 'review');
INSERT INTO shelf VALUES ('shelf', 5);
EOC
	$shop->push;
	$store->settings({ stock_delay_ms => 60 });
	foreach my $level (7, 9, 11)
	{
		$shop->sql("UPDATE shelf SET level = $level");
		my $run = $shop->push;
		is_deeply([ @$run{qw(updated conflicts)} ], [ 1, 0 ], "level $level is written");
	}
	$store->settle;
	is($store->levels($shop->id('shelf', 'shelf'))->{1}, 11, 'the last one arrives');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.conflict WHERE feed = 'shelf')), 0, 'without a conflict');
	$store->settings({ stock_delay_ms => 0 });
};

# The requests; where time passes, a record may be read once more
sub requests
{
	my @calls = map { "$_->{method} " . ($_->{path} =~ s/.*\///r) } $store->journal;
	return [ map { $_ > 0 && $calls[$_] =~ /^GET/ && $calls[$_] eq $calls[ $_ - 1 ] ? () : $calls[$_] } 0 .. $#calls ];
}

SKIP: {
	skip('needs a worker with assertions', 1) unless $shop->has_points;
	subtest 'a record that was read too long before its write is read again' => sub {
		$shop->sql(q(ALTER SYSTEM SET bcdelta.read_valid = 300; SELECT pg_reload_conf(); SELECT bcdelta.set_conflict('item', policy => 'store')));
		create(qw(ra rb));
		$store->fault({ times => 1, do => { status => 429, headers => { 'X-Rate-Limit-Time-Reset-Ms' => 800, 'X-Rate-Limit-Requests-Left' => 0 } }, match => { method => 'PUT' } });
		$shop->sql("UPDATE item SET price = 20, weight = 2 WHERE id IN ('ra', 'rb')");
		$shop->clear;
		my $pushing = $shop->start;
		until (grep { $_->{method} eq 'PUT' } $store->journal) { select undef, undef, undef, 0.02; }
		edit('ra', { price => 15 });
		$pushing->finish;
		is_deeply([ map { price($_) } qw(ra rb) ], [ 15, 20 ], 'an edit meanwhile is seen');
		is_deeply([ map { record($_)->{weight} } qw(ra rb) ], [ 2, 2 ], 'the rest is written');
		is_deeply(requests(), [ map { "$_ products" } qw(GET PUT GET PUT) ], 'with one more read');
	};

	subtest 'what a read has found no longer counts when the record is read again' => sub {
		$shop->sql("SELECT bcdelta.set_conflict('item', policy => 'review')");
		create(qw(over anew));
		edit('anew', { price => 15 });
		$shop->sql("UPDATE item SET price = 20 WHERE id = 'anew'");
		$shop->push;
		$shop->sql('SELECT bcdelta.resolve(' . conflict('anew') . q{, 'source')});
		edit('over', { price => 15 });
		$shop->sql("UPDATE item SET price = 20 WHERE id = 'over'; UPDATE item SET weight = 2 WHERE id IN ('over', 'anew')");
		$store->fault({ times => 1, do => { status => 429, headers => { 'X-Rate-Limit-Time-Reset-Ms' => 800, 'X-Rate-Limit-Requests-Left' => 0 } }, match => { method => 'PUT' } });
		$shop->clear;
		my $pushing = $shop->start;
		until (grep { $_->{method} eq 'PUT' } $store->journal) { select undef, undef, undef, 0.02; }
		edit('over', { price => 10 });
		edit('anew', { price => 16 });
		$pushing->finish;
		is_deeply(requests(), [ map { "$_ products" } qw(GET PUT GET PUT) ], 'read twice');
		is_deeply([ map { price($_) } qw(over anew) ], [ 20, 16 ], 'the values');
		is_deeply([ map { state_of($_) || 'done' } qw(over anew) ], [ 'done', 'review' ], 'what waits for a person');
		is_deeply([ map { conflict($_) ? 'open' : 'over' } qw(over anew) ], [ 'over', 'open' ], 'what is open');
	};

	# A push whose request is told to wait, once the record was read; meanwhile somebody edits it
	sub delayed
	{
		my ($match, $edit) = @_;
		$store->fault({ times => 1, do => { status => 429, headers => { 'X-Rate-Limit-Time-Reset-Ms' => 800, 'X-Rate-Limit-Requests-Left' => 0 } }, match => $match });
		$shop->clear;
		my $pushing = $shop->start;
		until (grep { ($_->{status} // 0) == 429 } $store->journal) { select undef, undef, undef, 0.02; }
		$edit->();
		$pushing->finish;
		return requests();
	}

	subtest 'so it is before it is hidden or deleted, because its row is gone' => sub {
		foreach my $action (qw(hide delete))
		{
			my $method = $action eq 'hide' ? 'PUT' : 'DELETE';
			$shop->sql("SELECT bcdelta.alter_feed('item', on_delete => '$action', on_conflict => 'review')");
			create("late$action", "also$action");
			my %id = map { $_ => $shop->id('item', "$_$action") } qw(late also);
			$shop->sql("DELETE FROM item WHERE id IN ('late$action', 'also$action')");
			is_deeply(delayed({ method => $method }, sub { edit("late$action", { price => 15 }) }), [ map { "$_ products" } 'GET', $method, 'GET', $method ], "$action: read twice");
			my %record = map { $_->{id} => $_ } @{ $store->state('products') };
			is($record{ $id{late} }{is_visible}, 1, 'a record that was edited meanwhile stays');
			is($record{ $id{also} } ? $record{ $id{also} }{is_visible} : 0, 0, 'another one does not');
			is_deeply([ map { state_of("$_$action") || 'done' } qw(late also) ], [qw(review done)], 'a person decides');
			$shop->sql('SELECT bcdelta.resolve(' . conflict("late$action") . q{, 'source')});
			$shop->push;
		}
		$shop->sql("SELECT bcdelta.alter_feed('item', on_delete => 'hide')");
	};

	subtest 'and before a further part of it is written' => sub {
		$shop->sql(<<'EOC');
CREATE TABLE stocked (id text PRIMARY KEY, price numeric NOT NULL DEFAULT 10, level int NOT NULL DEFAULT 5);
SELECT bcdelta.track('stocked', 'shop', 'product', '{"sku": "id", "name": "''Stocked '' || id", "price": "price", "type": "''physical''", "weight": "1",
	"inventory_tracking": "''product''", "inventory_level": "level"}', on_conflict => 'store');
INSERT INTO stocked (id) VALUES ('sa'), ('sb');
EOC
		$shop->push;
		my $id = $shop->id('stocked', 'sa');
		$shop->sql('UPDATE stocked SET price = 20, level = 7');
		my $edit = sub { $store->api(PUT => '/inventory/adjustments/absolute', { reason => 'count', items => [ { product_id => 0 + $id, location_id => 1, quantity => 3 } ] }) };
		like(join(', ', @{ delayed({ path => '/inventory/adjustments/absolute' }, $edit) }),
			qr/^GET products, PUT products, (GET products, )?PUT absolute, (GET products, )?PUT absolute, GET products, PUT absolute$/, 'read once more');
		my %record = map { $_->{sku} => $_ } @{ $store->state('products') };
		is_deeply([ map { $record{$_}{inventory_level} } qw(sa sb) ], [ 3, 7 ], 'what was edited meanwhile stays');
		is_deeply([ map { $record{$_}{price} + 0 } qw(sa sb) ], [ 20, 20 ], 'the first part is written');
		is_deeply($shop->list(q(SELECT outcome FROM bcdelta.result WHERE feed = 'stocked' AND outcome <> 'created' ORDER BY key)), [qw(updated updated)], 'both rows were updated');
		is($shop->sql(q(SELECT count(*) FROM bcdelta.pending WHERE feed = 'stocked')), 0, 'nothing is pending');
		$shop->sql(q(ALTER SYSTEM RESET bcdelta.read_valid; SELECT pg_reload_conf()));
	};
}

is_deeply($store->violations, {}, 'no rule of the API was broken');
done_testing();
