# A feed is altered in place: its links are kept, what the alteration may change
# is pushed again, and a running push continues with the new mapping.

use strict;
use warnings;

use BCDelta::Session;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('alter', store => { args => [ '--quota', 100000 ] }, server => { max_concurrency => 1 },
	node => { conf => "bcdelta.naptime = 1\nmax_prepared_transactions = 2" });
my $store = $shop->store;
my $fields = q("sku": "'A-' || id", "name": "name", "type": "'physical'", "weight": "1");
$shop->sql(<<"EOC");
CREATE TABLE article (id int PRIMARY KEY, name text, net numeric, gross numeric, shown boolean DEFAULT true, shop int DEFAULT 1, note text);
SELECT bcdelta.track('article', 'shop', 'product', \$\${$fields, "price": "net", "is_visible": "shown"}\$\$, on_delete => 'hide');
INSERT INTO article SELECT i, 'Article ' || i, i, i + 100 FROM generate_series(1, 5) AS i;
EOC
is($shop->push->{created}, 5, 'a shop');
my %id = map { $_ => $shop->id('article', $_) } 1 .. 5;

sub alter { return $shop->sql("SELECT bcdelta.alter_feed('article', $_[0])"); }

# What the last push has sent: {article => {field => value}}.
sub sent
{
	my ($run) = @_;
	my %sent;
	foreach my $request ($shop->writes)
	{
		foreach my $item (ref $request->{body} eq 'ARRAY' ? @{ $request->{body} } : $request->{body})
		{
			my ($article) = grep { $id{$_} == ($item->{id} // 0) } keys %id;
			$sent{ $article // '?' } = { map { $_ => $item->{$_} } grep { $_ ne 'id' } keys %$item };
		}
	}
	return \%sent;
}

sub push_sent { $shop->clear; my $run = $shop->push; is($run->{state}, 'succeeded', 'a push') or diag(explain($run)); return sent(); }
sub columns
{
	return $shop->sql("SELECT string_agg(DISTINCT substring(pg_get_triggerdef(oid), 'capture.*'), ' ') FROM pg_trigger
		WHERE tgrelid = 'article'::regclass AND tgname ~ 'update'") =~ s/^capture\('\d+ \d+ \d+', |\)$//gr;
}

subtest 'fields: only what a new expression changes is sent, and links are kept' => sub {
	alter(qq(\$\${$fields, "price": "gross", "is_visible": "shown"}\$\$));
	is_deeply(push_sent(), { map { $_ => { price => 100 + $_ } } 1 .. 5 }, 'a new expression: only what it changes is sent');
	is_deeply({ map { $_ => $shop->id('article', $_) } 1 .. 5 }, \%id, 'all rows keep their records');
	is(columns(), q('id', 'id', 'name', 'gross', 'shown'), 'the triggers look at other columns');
	is_deeply(push_sent(), {}, 'and that was all');
	$shop->sql('UPDATE article SET gross = 300 WHERE id = 3');
	is_deeply(push_sent(), { 3 => { price => 300 } }, 'a change of a column that the old mapping did not read');
	alter(qq(\$\${$fields, "price": "gross", "is_visible": "shown"}\$\$));
	is($shop->sql("SELECT changes + ready FROM bcdelta.status"), 0, 'the same mapping once more marks nothing');
};

subtest 'a field that is mapped again later is sent, whatever was known of it' => sub {
	alter(qq(\$\${$fields, "is_visible": "shown"}\$\$));
	is_deeply(push_sent(), {}, 'a field is no longer mapped');
	$store->edit('product', $id{1}, { price => 1 });
	$shop->sql('UPDATE article SET name = name || $$!$$ WHERE id = 2');
	$shop->push;
	alter(qq(\$\${$fields, "price": "gross", "is_visible": "shown"}\$\$));
	is_deeply(push_sent(), { map { $_ => { price => $_ == 3 ? 300 : 100 + $_ } } 1 .. 5 }, 'when it is mapped again, all are sent, whatever was known of it');
};

subtest 'what the mapping hides stays hidden; what was hidden because its row was gone is shown again' => sub {
	$shop->sql('UPDATE article SET shown = false WHERE id = 1; DELETE FROM article WHERE id = 2');
	push_sent();
	alter(qq(\$\${$fields, "price": "gross"}\$\$));
	is_deeply(push_sent(), {}, 'what the mapping has hidden is not shown when it says nothing of that any more');
	$shop->sql("INSERT INTO article VALUES (2, 'Article 2', 2, 102)");
	is_deeply([ map { $shop->record('products', $id{$_})->{is_visible} ? 1 : 0 } 1, 2 ], [ 0, 0 ], 'both are hidden');
	$shop->push;
	is_deeply([ map { $shop->record('products', $id{$_})->{is_visible} ? 1 : 0 } 1, 2 ], [ 0, 1 ], 'that of a row that comes back is shown');
};

subtest 'filter: rows that do not satisfy a new filter count as deleted, and come back' => sub {
	$shop->sql('UPDATE article SET shop = 2 WHERE id IN (4, 5)');
	alter("filter => 'shop = 1'");
	is_deeply(push_sent(), { map { $_ => { is_visible => JSON::PP::false } } 4, 5 }, 'a filter: rows that do not satisfy it are gone');
	$shop->sql('UPDATE article SET shop = 1 WHERE id = 4');
	is_deeply(push_sent(), { 4 => { is_visible => JSON::PP::true } }, 'and come back');
	alter("filter => ''");
	is_deeply(push_sent(), { 5 => { is_visible => JSON::PP::true } }, 'an empty filter is none');
};

subtest 'on_delete: rows that are already gone are left alone' => sub {
	alter("filter => 'shop = 1', on_delete => 'delete'");
	is($shop->push->{deleted}, 1, 'on_delete with it');
	is($shop->sql("SELECT bcdelta.alter_feed('article', on_delete => 'ignore', filter => ''); SELECT (bcdelta.push()).state; DELETE FROM article WHERE id = 4; SELECT (bcdelta.push()).state;
		SELECT bcdelta.alter_feed('article', on_delete => 'delete'); SELECT changes + ready FROM bcdelta.status"), "\nsucceeded\nsucceeded\n\n0", 'another on_delete marks nothing');
	is($shop->push->{deleted}, 0, 'rows that are gone already are left alone');
	$shop->sql("SELECT bcdelta.mark('article', '4')");
	is($shop->push->{deleted}, 1, 'until somebody marks them');
};

sub during_push
{
	my ($change, $hold, $what) = @_;
	$store->hold({ match => { method => $hold }, times => 1 });
	$shop->clear;
	$shop->sql($change);
	my $push = $shop->start('SELECT state, error FROM bcdelta.push()');
	$shop->wait_held(1);
	alter($what);
	$store->release;
	return ($push->finish)[1];
}

subtest 'a running push continues with the new mapping, and max_changes applies' => sub {
	$shop->sql("INSERT INTO article SELECT i, 'Article ' || i, i, i + 100 FROM generate_series(11, 60) AS i");
	$shop->push;
	%id = map { $_ => $shop->id('article', $_) } 11 .. 60;

	is(during_push('UPDATE article SET gross = gross + 1 WHERE id BETWEEN 11 AND 60', 'PUT', qq(\$\${$fields, "price": "gross * 2"}\$\$)), 'succeeded|',
		'a feed is altered during a run, which goes on');
	is(scalar(grep { $_->{price} != 2 * ($_->{sku} =~ /A-(\d+)/)[0] + 202 } grep { $_->{sku} =~ /^A-[1-6]\d$/ } @{ $store->state('products') }), 0,
		'with the new mapping for all rows');
	is($shop->sql('SELECT count(*) FROM bcdelta.pending'), 0, 'none is left');
	my @sizes = map { scalar @{ $_->{body} } } $shop->writes;
	is(eval { my $sum = 0; $sum += $_ foreach @sizes; $sum }, 54 + $sizes[0], 'and of the old one only what was under way was sent') or diag(explain(\@sizes));
	is_deeply([ grep { !/^article\|\d+\|missing_in_source/ } @{ $shop->discrepancies($shop->verify->{run_id}) } ], [], 'store and source agree');

	is(during_push("INSERT INTO article SELECT i, 'Article ' || i, i, i + 100 FROM generate_series(71, 80) AS i", 'POST', "filter => 'id < 75'"), 'succeeded|',
		'while rows are created, with a filter');
	is_deeply([ sort map { $_->{sku} } grep { $_->{sku} =~ /^A-7/ } @{ $store->state('products') } ], [ map { "A-$_" } 71 .. 74 ], 'what does not satisfy it is not created, or removed');

	like(during_push("UPDATE article SET gross = 1", 'PUT', qq(\$\${$fields, "price": "gross * 3"}\$\$, options => '{"max_changes": 2}')),
		qr/^failed\|feed "article" was stopped: more than 2 rows changed/, 'the fuse holds');
	is($shop->sql("SELECT bcdelta.alter_feed('article', options => '{}'); SELECT bcdelta.resume('article'); SELECT state FROM bcdelta.push()"), "\n\nsucceeded", 'and is taken out');
	is(scalar(grep { $_->{price} != 3 && $_->{price} != 0 } grep { $_->{sku} =~ /^A-[1-7]\d$/ } @{ $store->state('products') }), 0, 'all are pushed');
};

subtest 'if an altered feed shares requests with another feed, both are sent with their current values' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE other (id int PRIMARY KEY, price numeric);
SELECT bcdelta.track('other', 'shop', 'product', '{"sku": "''O-'' || id", "name": "''Other '' || id", "price": "price", "weight": "1", "type": "''physical''"}');
EOC
	$store->seed('products', [ map { { sku => "O-$_", name => "Other $_", type => 'physical', price => 0, weight => 1 } } 1 .. 3 ]);
	like(during_push('INSERT INTO other SELECT i, i FROM generate_series(1, 3) AS i; UPDATE article SET gross = 7 WHERE id BETWEEN 11 AND 13', 'GET',
		qq(\$\${$fields, "price": "gross * 5"}\$\$)), qr/^succeeded/, 'a feed is altered whose updates travel with those of another one');
	is(join(' ', map { $_->{price} + 0 } sort { $a->{sku} cmp $b->{sku} } grep { $_->{sku} =~ /^A-1[123]$|^O-/ } @{ $store->state('products') }),
		'35 35 35 1 2 3', 'both are pushed as they are');
	is($shop->sql('SELECT count(*) FROM bcdelta.pending'), 0, 'and none is left');
	$shop->sql("SELECT bcdelta.untrack('other')");
};

subtest 'a running verify ends when its feed is altered' => sub {
	$store->hold({ match => { method => 'GET' }, times => 1 });
	my $verify = $shop->start('SELECT state, error FROM bcdelta.verify()');
	$shop->wait_held(1);
	alter(qq(\$\${$fields, "price": "gross"}\$\$));
	$store->release;
	like(($verify->finish)[1], qr/^failed\|feed "article" was stopped: it was altered during the run/, 'a verify ends');
};

subtest 'alter_feed waits for writers only if the captured columns change, and a second session is told that it came too late' => sub {
	my $writer = BCDelta::Session->open($shop->node, 'shop');
	$writer->sql('BEGIN; UPDATE article SET note = 1 WHERE id = 11');
	alter(qq(\$\${$fields, "price": "gross + 1"}\$\$));
	pass('a mapping of the same columns does not wait for writers');
	my $alter = $shop->start("SELECT bcdelta.alter_feed('article', \$\${$fields, \"price\": \"net + 1\"}\$\$)");
	$shop->wait_for("SELECT count(*) = 1 FROM pg_locks WHERE relation = 'article'::regclass AND NOT granted");
	$writer->sql('COMMIT');
	is(($alter->finish)[0], 0, 'other columns do');
	$writer->sql("BEGIN; SELECT bcdelta.alter_feed('article', filter => 'note IS NULL')");
	$alter = $shop->start("SELECT bcdelta.alter_feed('article', \$\${$fields, \"price\": \"gross\"}\$\$)");
	$shop->wait_for("SELECT count(*) = 1 FROM pg_locks WHERE relation = 'article'::regclass AND NOT granted");
	$writer->sql('COMMIT');
	my $told = ($alter->finish)[2] =~ /feed "article" was concurrently altered by another session/;
	# before 14, the first session blocks readers of the feed
	is(columns(), $told ? q('id', 'id', 'name', 'net', 'note') : q('id', 'id', 'name', 'gross', 'note'), 'the second session is told, or builds on the first');
};

subtest 'after many alterations during pushes and crashes, the last mapping counts' => sub {
	$shop->sql("SELECT bcdelta.alter_feed('article', filter => '', on_delete => 'delete')");
	my @expressions = ('gross', 'net', 'gross + net', 'coalesce(gross, 0) * 2');
	srand(8);
	foreach my $round (1 .. 12)
	{
		my $expression = $expressions[ rand @expressions ];
		my $filter = ('', 'shown', 'id % 3 > 0', 'gross > 50')[ rand 4 ];
		$shop->sql("UPDATE article SET gross = gross + $round WHERE id % 4 = $round % 4; UPDATE article SET shown = NOT shown WHERE id % 5 = $round % 5;
			SELECT bcdelta.push(wait => false)") if rand() < 0.8;
		alter(qq(\$\${$fields, "price": "$expression"}\$\$, filter => '$filter'));
		kill_worker($shop->node, 'shop', 'TERM') if $round % 5 == 0;
	}
	$shop->sql("SELECT bcdelta.push(); SELECT bcdelta.push()");
	is_deeply($shop->pending, {}, 'nothing is left') or diag(explain($shop->errors));
	is_deeply([ grep { /\|A-|\|\d+\|/ } @{ $shop->discrepancies($shop->verify("feed => 'article'")->{run_id}) } ], [], 'store and source agree');
	is($shop->sql("SELECT string_agg(trouble, '; ') FROM bcdelta.status"), '', 'and nothing is wrong');
};

done_testing();
