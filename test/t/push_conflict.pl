# A field that was changed in the source and in the store: the policy says whose
# value is kept, and what a person decides is valid for the values shown.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('conflict', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;

$shop->sql(<<'EOC');
CREATE TABLE item (id text PRIMARY KEY, title text NOT NULL, price numeric NOT NULL DEFAULT 10, body text DEFAULT '<p>Old text</p>',
	sets text DEFAULT '[1]', weight int NOT NULL DEFAULT 1);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "id", "name": "title", "price": "price", "description": "body",
	"search_keywords": "sets", "type": "''physical''", "weight": "weight"}');
EOC

my @policies = qw(source store review);
my %values = (    # base, what the source makes of it, and the store
	price => [ 10, 20, 15 ],
	description => [ '<p>Old text</p>', '<p>New &amp; better</p>', '<p>By the agency</p>' ],
	name => [ undef, 'Renamed', 'Edited' ]);
my %column = (price => 'price', description => 'body', name => 'title');
my @cases = qw(neither source store both same);

sub record
{
	my ($key) = @_;
	my $id = $shop->id('item', $key);
	my ($record) = grep { $_->{id} == $id } @{ $store->state('products') };
	return $record;
}

sub edit { $store->edit('product', $shop->id('item', $_[0]), $_[1]); return; }

subtest 'who changed what, by policy and field' => sub {
	my @keys = map { my $p = $_; map { my $f = $_; map { "$p-$f-$_" } @cases } sort keys %values } @policies;
	$shop->sql("INSERT INTO item (id, title) SELECT k, 'Item ' || k FROM unnest('{" . join(',', @keys) . "}'::text[]) AS k");
	is($shop->push->{created}, scalar @keys, 'pushed');
	my %want;
	my @open;
	foreach my $policy (@policies)
	{
		$shop->sql("SELECT bcdelta.set_conflict('item', policy => '$policy')");
		foreach my $field (sort keys %values)
		{
			foreach my $case (@cases)
			{
				my $key = "$policy-$field-$case";
				my ($base, $source, $edited) = @{ $values{$field} };
				$base //= "Item $key";
				($source, $edited) = map { "$_ $key" } $source, $edited if $field eq 'name';
				$edited = $source if $case eq 'same';
				$shop->sql("UPDATE item SET weight = 2" . ($case =~ /source|both|same/ ? ", $column{$field} = '$source'" : '') . " WHERE id = '$key'");
				edit($key, { $field => $edited }) if $case =~ /store|both|same/;
				$want{$key} = $case eq 'neither' ? $base : $case =~ /source|same/ ? $source : $case eq 'store' || $policy ne 'source' ? $edited : $source;
				push @open, $key if $case eq 'both' && $policy eq 'review';
			}
		}
		my $run = $shop->push;
		is($run->{state}, 'succeeded', "$policy: pushed");
		is($run->{conflicts}, $policy eq 'review' ? 3 : 0, 'conflicts are counted');
	}
	is_deeply({ map { my ($f) = /-(\w+)-/; $_ => record($_)->{$f} } keys %want }, \%want, 'the store has the right values');
	is(scalar(grep { record($_)->{weight} != 2 } keys %want), 0, 'other fields arrive in any case');
	is_deeply($shop->list('SELECT key FROM bcdelta.review ORDER BY key COLLATE "C"'), [ sort @open ], 'open conflicts');
	is_deeply($shop->list(q(SELECT key || ' ' || state FROM bcdelta.pending ORDER BY key COLLATE "C")), [ map { "$_ review" } sort @open ], 'their rows wait for a person');
	is_deeply([ $shop->value(q(SELECT base, source_value, store_value, natural_key, kind FROM bcdelta.review WHERE field = 'price')) ],
		[ { base => 10, source_value => 20, store_value => 15, natural_key => 'review-price-both', kind => 'edited' } ], 'the three values are shown');
	$shop->clear;
	$shop->sql("UPDATE item SET title = title WHERE id LIKE 'review-%'; SELECT bcdelta.mark_all('item')");
	$shop->push;
	is_deeply([ $shop->writes ], [], 'nothing is written again');
	is_deeply($shop->list('SELECT key FROM bcdelta.review ORDER BY key COLLATE "C"'), [ sort @open ], 'and the conflicts are the same');
};

# The open conflict of a row
sub conflict { return $shop->sql("SELECT conflict_id FROM bcdelta.review WHERE key = '$_[0]'"); }

sub price { return record($_[0])->{price} + 0; }

# A row whose price both sides have changed: 10, 20 in the source, 15 in the store
sub dispute
{
	my (@keys) = @_;
	$shop->sql("INSERT INTO item (id, title) VALUES ('$_', 'Item $_') ON CONFLICT DO NOTHING") foreach @keys;
	$shop->push;
	$shop->sql("UPDATE item SET price = 20 WHERE id = '$_'") foreach @keys;
	edit($_, { price => 15 }) foreach @keys;
	$shop->push;
	return;
}

subtest 'what a person decides is carried out by the next push, and holds until the source changes' => sub {
	dispute(qw(a b c));
	$shop->sql('SELECT bcdelta.resolve(' . conflict('a') . q{, 'source', note => 'the ERP is right')});
	$shop->sql('SELECT bcdelta.resolve(' . conflict('b') . q{, 'store')});
	$shop->sql('SELECT bcdelta.resolve(' . conflict('c') . q{, 'value', '17.5')});
	$shop->push;
	is_deeply([ map { price($_) } qw(a b c) ], [ 20, 15, 17.5 ], 'as decided');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE key IN ('a', 'b', 'c')"), 0, 'nothing is pending');
	$shop->sql("UPDATE item SET weight = 3 WHERE id IN ('a', 'b', 'c')");
	$shop->push;
	is_deeply([ map { price($_) } qw(a b c) ], [ 20, 15, 17.5 ], 'it holds when other fields change');
	is_deeply([ map { record($_)->{weight} } qw(a b c) ], [ 3, 3, 3 ], 'which are written');
	$shop->sql("UPDATE item SET price = 30 WHERE id IN ('a', 'b', 'c')");
	$shop->push;
	is_deeply([ map { price($_) } qw(a b c) ], [ 30, 30, 30 ], 'until the source changes the field');
	is($shop->sql(q(SELECT string_agg(what || ' ' || (detail->>'choice') || coalesce(' ' || reason, ''), ', ' ORDER BY journal_id) FROM bcdelta.journal WHERE what = 'resolve')),
		'resolve source the ERP is right, resolve store, resolve value', 'the journal knows');
};

subtest 'a decision is valid only for the values that were shown' => sub {
	dispute(qw(d e f));
	my %first = map { $_ => conflict($_) } qw(d e f);
	$shop->sql("SELECT bcdelta.resolve($first{d}, 'source'), bcdelta.resolve($first{e}, 'source'), bcdelta.resolve($first{f}, 'store')");
	edit('d', { price => 16 });
	$shop->sql("UPDATE item SET price = 21 WHERE id = 'e'");
	edit('f', { price => 17 });
	$shop->push;
	is_deeply([ map { price($_) } qw(d e f) ], [ 16, 15, 17 ], 'nothing is written');
	is_deeply([ map { my $c = conflict($_); $c && $c != $first{$_} ? 'new' : $c } qw(d e f) ], [qw(new new new)], 'but there are new conflicts');
	is_deeply($shop->value("SELECT source_value, store_value FROM bcdelta.review WHERE key = 'e'"), { source_value => 21, store_value => 15 }, 'with the new values');
	$shop->sql("UPDATE item SET price = 10 WHERE id IN ('d', 'e', 'f')");
	$shop->push;
	is_deeply([ map { price($_) } qw(d e f) ], [ 16, 15, 17 ], 'a row that is as it was keeps the edit');
	is(conflict('d'), '', 'without a conflict');
};

subtest 'a decision holds if the policy is changed before it is carried out' => sub {
	dispute(qw(ca cb cc cd));
	$shop->sql('SELECT bcdelta.resolve(' . conflict('ca') . q{, 'store')});
	$shop->sql('SELECT bcdelta.resolve(' . conflict('cb') . q{, 'value', '17.5')});
	$shop->sql(q(SELECT bcdelta.set_conflict('item', policy => 'source'), bcdelta.mark('item', 'cc')));
	$shop->push;
	is_deeply([ map { price($_) } qw(ca cb cc cd) ], [ 15, 17.5, 15, 15 ], 'what was decided is done, and what is open stays open');
	$shop->sql(q(UPDATE item SET price = 30 WHERE id IN ('ca', 'cb', 'cc', 'cd')));
	$shop->push;
	is_deeply([ map { price($_) } qw(ca cb cc cd) ], [ (30) x 4 ], 'until the source changes the field');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.conflict WHERE is_current AND key IN ('ca', 'cb', 'cc', 'cd'))), 0, 'no conflict is left');
	$shop->sql(q(SELECT bcdelta.set_conflict('item', policy => 'review')));
};

subtest 'a value that the policy or a person has chosen is kept until it is disputed again' => sub {
	$shop->sql("SELECT bcdelta.set_conflict('item', policy => 'store')");
	dispute(qw(k1 k2));
	$shop->sql("UPDATE item SET price = 30 WHERE id = 'k1'; UPDATE item SET price = 10 WHERE id = 'k2'");
	$shop->push;
	is_deeply([ map { price($_) } qw(k1 k2) ], [ 15, 15 ], 'policy store: another change of the source does not overwrite the edit');
	edit('k1', { price => 10 });
	$shop->sql("UPDATE item SET weight = 2 WHERE id = 'k1'; UPDATE item SET price = 30 WHERE id = 'k2'");
	$shop->push;
	is_deeply([ map { price($_) } qw(k1 k2) ], [ 30, 15 ], 'unless it is undone in the store');
	$shop->sql("SELECT bcdelta.set_conflict('item', policy => 'review')");
	dispute('k3');
	$shop->sql('SELECT bcdelta.resolve(' . conflict('k3') . q{, 'value', '17')});
	$shop->push;
	edit('k3', { price => 18 });
	$shop->sql("UPDATE item SET weight = 2 WHERE id = 'k3'");
	$shop->push;
	is_deeply([ price('k3'), conflict('k3') ], [ 18, '' ], 'an edit of a value that a person has chosen is no conflict as long as the source is the same');
	$shop->sql("UPDATE item SET title = 'Ours' WHERE id = 'k3'");
	edit('k3', { name => 'Theirs' });
	$shop->push;
	$shop->sql('SELECT bcdelta.resolve(' . conflict('k3') . q{, 'value', '"Both"')});
	$shop->push;
	is(record('k3')->{name}, 'Both', 'a value can be chosen for what must be unique');
	$shop->sql("UPDATE item SET weight = 3 WHERE id = 'k3'");
	$shop->push;
	is(record('k3')->{name}, 'Both', 'and stays');
};

subtest 'bad input is refused, and nothing is half done' => sub {
	dispute('g');
	my $id = conflict('g');
	foreach (
		[ "resolve(999999, 'source')", qr/there is no conflict 999999/ ],
		[ "resolve($id, 'ours')", qr/choice.*ours/ ],
		[ "resolve($id, 'value')", qr/needs argument "value"/ ],
		[ "resolve($id, 'store', '1')", qr/needs argument "value"/ ],
		[ "resolve($id, 'value', '-3')", qr/the value cannot be written: .*price/ ],
		[ "resolve($id, 'value', '\"cheap\"')", qr/the value cannot be written: .*price/ ],
		[ "set_conflict('item', 'sale_price', 'review')", qr/does not map the field "sale_price".*HINT:  It maps .*search_keywords/s ],
		[ "set_conflict('item', 'price', 'mine')", qr/mine/ ],
		[ "set_conflict('item', 'price', 'latest')", qr/latest/ ],
		[ "set_conflict('nothing', 'price', 'store')", qr/nothing/ ])
	{
		my ($call, $error) = @$_;
		my ($code, $out, $text) = $shop->node->psql('shop', "SELECT bcdelta.$call");
		like($text, $error, $call);
	}
	is(conflict('g'), $id, 'the conflict is still open');
	$shop->sql("CREATE ROLE stranger LOGIN; SET ROLE stranger; SELECT 1");
	my ($code, $out, $text) = $shop->node->psql('shop', "SET ROLE stranger; SELECT bcdelta.resolve($id, 'store')");
	like($text, qr/must be owner of feed "item"|permission denied/, 'somebody who does not own the feed');
	$shop->sql("SELECT bcdelta.resolve($id, 'store')");
	(undef, undef, $text) = $shop->node->psql('shop', "SELECT bcdelta.resolve($id, 'source')");
	like($text, qr/has been resolved already.*has chosen "store"/s, 'twice');
	dispute('gg');
	$id = conflict('gg');
	my ($one, $other) = map { BCDelta::Session->open($shop->node, 'shop') } 1, 2;
	$one->sql('BEGIN');
	$one->sql("SELECT bcdelta.resolve($id, 'source', note => 'one')");
	$other->send("SELECT bcdelta.resolve($id, 'store', note => 'other')");
	$shop->wait_for('SELECT count(*) > 0 FROM pg_locks WHERE NOT granted');
	$one->sql('COMMIT');
	($out, $text) = $other->try_wait;
	like($text, qr/has been resolved already.*has chosen "source"/s, 'two people at once: the second one is told');
	is($shop->sql("SELECT concat_ws(' ', state, note) FROM bcdelta.conflict WHERE conflict_id = $id"), 'source one', 'and the decision of the first one stays');
	$_->close foreach $one, $other;
	$shop->push;
};

subtest 'a field has a policy of its own, and the record is read 250 rows at a time' => sub {
	$shop->sql(q(SELECT bcdelta.set_conflict('item', policy => 'source'), bcdelta.set_conflict('item', 'description', 'store')));
	dispute('h');
	is(price('h'), 20, 'the policy of the feed');
	edit('h', { description => 'Better' });
	$shop->sql(q(UPDATE item SET body = 'Worse', price = 40 WHERE id = 'h'));
	$shop->push;
	is_deeply([ @{ record('h') }{qw(price description)} ], [ 40, 'Better' ], 'the policy of the field');
	$shop->sql(q(INSERT INTO item (id, title) SELECT 'r' || g, 'Row ' || g FROM generate_series(1, 300) AS g));
	$shop->push;
	$shop->clear;
	$shop->sql(q(UPDATE item SET price = 11 WHERE id ~ '^r\d'));
	$shop->push;
	is(scalar(grep { $_->{method} eq 'GET' } $store->journal), 0, 'fields whose source wins are not read');
	$shop->clear;
	$shop->sql(q(UPDATE item SET body = 'New' WHERE id ~ '^r\d'));
	$shop->push;
	is(scalar(grep { $_->{method} eq 'GET' } $store->journal), 2, 'the others are, in pages');
	is(scalar($shop->writes), 30, 'and written ten at a time');
};

subtest 'a record that is found with other values is a conflict of its own kind' => sub {
	$shop->sql(q(SELECT bcdelta.set_conflict('item', 'description'), bcdelta.set_conflict('item', 'price', 'review')));
	$store->seed('product', [ map { { name => "Item $_", sku => $_, price => 12, weight => 1, type => 'physical', description => '<p>Old text</p>' } } qw(s t) ]);
	$shop->sql("INSERT INTO item (id, title) VALUES ('s', 'Item s')");
	$shop->push;
	is(price('s'), 12, 'found by a push: kept');
	is_deeply($shop->value("SELECT kind, base, source_value, store_value FROM bcdelta.review WHERE key = 's'"),
		{ kind => 'found', base => undef, source_value => 10, store_value => 12 }, 'and a conflict');
	$shop->sql('SELECT bcdelta.resolve(' . conflict('s') . q{, 'source')});
	$shop->push;
	is(price('s'), 10, 'as decided');
	$shop->sql("INSERT INTO item (id, title) VALUES ('t', 'Item t'); DELETE FROM bcdelta.pending");
	$shop->sql("SELECT bcdelta.link('item')");
	$shop->sql("UPDATE item SET weight = 7 WHERE id = 't'");
	$shop->push;
	is_deeply([ price('t'), $shop->sql("SELECT kind FROM bcdelta.review WHERE key = 't'") ], [ 12, 'found' ], 'found by link()');
};

subtest 'conflicts follow the record to another key, and end with it' => sub {
	$shop->sql(q(SELECT bcdelta.alter_feed('item', on_delete => 'delete'), bcdelta.set_conflict('item', 'price', 'review')));
	dispute(qw(x y));
	$shop->sql("UPDATE item SET id = 'x2' WHERE id = 'x'");
	$shop->push;
	my $id = conflict('x2');
	isnt($id, '', 'the conflict is that of the new key');
	$shop->sql("SELECT bcdelta.resolve($id, 'source')");
	$shop->push;
	is(price('x2'), 20, 'and is resolved there');
	$shop->sql("DELETE FROM item WHERE id = 'y'");
	$shop->push;
	is($shop->sql("SELECT string_agg(state || is_current, ' ') FROM bcdelta.conflict WHERE key = 'y'"), 'obsoletefalse', 'that of a deleted record is over');
};

subtest 'conflicts that are over are removed after bcdelta.result_retention days, and no others' => sub {
	my ($old, $young) = @{ $shop->list('SELECT conflict_id FROM bcdelta.conflict WHERE NOT is_current ORDER BY conflict_id LIMIT 2') };
	is($shop->sql('SELECT bool_and((ended_at IS NULL) = is_current) FROM bcdelta.conflict'), 't', 'it is known when they ended');
	my $current = $shop->sql('SELECT count(*) FROM bcdelta.conflict WHERE is_current');
	cmp_ok($current, '>', 0, 'some are not over');
	$shop->sql("UPDATE bcdelta.conflict SET found_at = now() - interval '200 days'");
	$shop->sql("UPDATE bcdelta.conflict SET ended_at = now() - CASE conflict_id WHEN $old THEN 31 ELSE 29 END * interval '1 day' WHERE conflict_id IN ($old, $young)");
	kill_worker($shop->node, 'shop', 'TERM');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.conflict WHERE conflict_id = $old");
	is($shop->sql("SELECT count(*) FROM bcdelta.conflict WHERE conflict_id = $young"), 1, 'one that ended later stays');
	is($shop->sql('SELECT count(*) FROM bcdelta.conflict WHERE is_current'), $current, 'and so do those that are not over');
};

subtest 'why() explains each field with the rule in words' => sub {
	my $why = sub { my $key = shift; my %h = map { my ($f, $rest) = split /: /, $_, 2; $f => $rest }
		  @{ $shop->list("SELECT concat(field, ': ', decision, ' ', owner, ' ', reason) FROM bcdelta.why('item', '$key')") }; return \%h; };
	dispute('w');
	like($why->('w')->{price}, qr/^hold review conflict \d+ is open: see bcdelta.review$/, 'an open conflict');
	is($why->('w')->{name}, 'same source the source has not changed it since the last push', 'a field that agrees');
	$shop->sql('SELECT bcdelta.resolve(' . conflict('w') . q{, 'store', note => 'on sale')});
	$shop->push;
	like($why->('w')->{price}, qr/^keep store conflict \d+: \w+ has chosen "store" on [\d-]+: on sale$/, 'a decision');
	$shop->sql("BEGIN; UPDATE item SET price = 77, weight = 9 WHERE id = 'w'; COMMIT");
	is($why->('w')->{weight}, 'send source the source has changed it', 'a change');
	is($why->('w')->{price}, 'send review the source has changed it; if the store has changed it, too, it is left to a person', 'with its policy');
	is_deeply($shop->value("SELECT source_value, last_known, store_value FROM bcdelta.why('item', 'w') WHERE field = 'price'"),
		{ source_value => 77, last_known => 20, store_value => undef }, 'and values');

	my $id = $shop->id('item', 'w');
	my $read = sub { my %h = map { my ($f, $rest) = split /: /, $_, 2; $f => $rest }
		  @{ $shop->list("SELECT concat(field, ': ', store_value, ' ', decision, ' ', owner, ' ', reason) FROM bcdelta.why('item', 'w', read => true)") }; return \%h; };
	$store->clear;
	is($read->()->{weight}, '1 send source the source has changed it, and the store has not', 'if the record is read, it is known what the store has');
	is_deeply([ map { "$_->{method} $_->{path}" } $store->journal ], ['GET /catalog/products'], 'by one call');
	like(($store->journal)[0]{query}, qr/^limit=1&id=$id&.*&include_fields=[a-z_,]+$/, 'for what the feed maps');
	$store->edit('product', $id, { weight => 5, name => 'Edited', price => 66 });
	is($read->()->{name}, '"Edited" keep store the store has changed it, and the source has not', 'an edit');
	is($read->()->{weight}, '5 send source both sides have changed it: the policy is source', 'a conflict that the policy decides');
	is($read->()->{price}, '66 hold review both sides have changed it: it is left to a person', 'one that it does not');
	$store->edit('product', $id, { weight => 9 });
	is($read->()->{weight}, '9 same source source and store agree', 'both have the same change');
	$shop->sql("SELECT bcdelta.adjust('item', 'w', 'name', 'better')");
	$shop->wait_for("SELECT value IS NOT NULL FROM bcdelta.adjustment WHERE key = 'w' AND field = 'name'");
	$shop->push;
	$store->edit('product', $id, { name => 'Edited again' });
	like($read->()->{name}, qr/^"Edited again" keep store adjustment by .*: better; the store has another value by now$/, 'a broken adjustment');
	$shop->sql("SELECT bcdelta.unadjust('item', 'w', 'name')");
	$store->remove('product', $id);
	like($read->()->{weight}, qr/^ same source .*; the record is not in the store any more$/, 'a record that is gone');
	my (undef, undef, $text) = $shop->node->psql('shop', "SELECT bcdelta.why('item', 'nobody')");
	like($text, qr/row nobody of feed "item" cannot be explained.*There is no such row/s, 'an unknown row');
	(undef, undef, $text) = $shop->node->psql('shop', "BEGIN; ALTER SERVER shop OPTIONS (SET store_hash 'other'); SELECT bcdelta.why('item', 'nobody', read => true)");
	like($text, qr/records of feed "item" cannot be read.*leads to store .*other/s, 'of another store, whatever the row');
};

subtest 'a difference that was decided is listed by a verify, with the reason, and not counted, as long as both sides have these values' => sub {
	my @keys = qw(left other policy);
	dispute($_) foreach @keys[ 0, 1 ];
	$shop->sql('SELECT bcdelta.resolve(' . conflict('left') . q{, 'store')});
	$shop->sql('SELECT bcdelta.resolve(' . conflict('other') . q{, 'value', '18')});
	$shop->push;
	$shop->sql("SELECT bcdelta.set_conflict('item', 'price', 'store')");
	dispute('policy');
	my $verify = sub {
		my $run = $shop->verify("'item', keys => '{left,other,policy}'");
		return [ $run->{conflicts}, map { s/conflict \d+/conflict/r =~ s/ on [\d-]+//r } @{ $shop->list("SELECT concat_ws('|', key, field, store_value, decided) FROM bcdelta.discrepancy WHERE run_id = $run->{run_id} ORDER BY key") } ];
	};
	my $me = $shop->sql('SELECT session_user');
	my ($left, $other, $policy) = ("left|price|15|conflict: $me has chosen \"store\"", "other|price|18|conflict: $me has chosen \"value\"", "policy|price|15|conflict: the policy has kept the store's value");
	is_deeply($verify->(), [ 0, $left, $other, $policy ], 'whoever has decided');
	is($shop->sql('SELECT bcdelta.repair(max(run_id)) FROM bcdelta.run'), 0, 'there is nothing to repair');
	edit('left', { price => 16 });
	is_deeply($verify->(), [ 1, 'left|price|16', $other, $policy ], 'another value of the store');
	edit('left', { price => 15 });
	is_deeply($verify->(), [ 0, $left, $other, $policy ], 'the one that was decided about');
};

is_deeply($store->violations, {}, 'no rule of the API was broken');
done_testing();
