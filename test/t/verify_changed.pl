# Proof at almost no cost: a verify of what may have changed since the last one,
# by the dates of the store and by counting, in as few calls as possible; what
# bcdelta.proof says; and that a crash or a wrong clock loses nothing.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('changed', node => { conf => "bcdelta.debug_points = on\n" }, store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 3 });
my $store = $shop->store;
my $node = $shop->node;
$shop->tables(articles => { on_delete => "'delete'" });
$shop->sql(<<'EOC');
CREATE TABLE clients (id int PRIMARY KEY, email text, name text);
INSERT INTO clients SELECT i, 'c' || i || '@example.org', 'Client ' || i FROM generate_series(1, 30) AS i;
SELECT bcdelta.track('clients', 'shop', 'customer', '{"email": "email", "first_name": "name", "last_name": "''X''"}', on_delete => 'delete');
SELECT bcdelta.mark_all('clients');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 5) AS i;
EOC
# all at once, with dates that are long gone
$store->seed('products', [ map { { id => 100 + 3 * $_, name => "Article $_", sku => "A-$_", type => 'physical', weight => 1, price => $_,
	date_modified => '2026-01-01T00:00:00+00:00' } } 1 .. 3000 ]);
$shop->sql(<<'EOC');
INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, 3000) AS i;
SELECT state FROM bcdelta.link('articles');
EOC
is($shop->push->{failed}, 0, 'a shop');
my $run;

sub edit { my ($key, %set) = @_; return $store->edit('product', $shop->id('articles', $key), \%set); }
sub gone { return $store->remove('product', $shop->id('articles', $_[0])); }
sub changed { my ($arguments) = @_; $shop->clear; return $shop->verify("mode => 'changed'" . ($arguments ? ", $arguments" : '')); }
sub calls_of { my ($path) = @_; return scalar grep { $_ eq "GET $path" } @{ $shop->calls }; }
sub sentence { return $shop->sql("SELECT sentence FROM bcdelta.proof WHERE resource = '$_[0]'"); }

subtest 'without a full verify to build on, everything is compared' => sub {
	like(sentence('product'), qr/^Nothing is known of resource product: SELECT/, 'the proof says so');
	$run = changed();
	is_deeply([ @$run{qw(state mode unchanged conflicts)} ], [ 'succeeded', 'changed', 3035, 0 ], 'all rows') or diag(explain($run), $shop->discrepancies);
	like(sentence('product'), qr/^All 3,000 product rows agree as of \d\d:\d\d: all of them were compared; 13 calls\.$/, 'and the proof says what is known');
};

subtest 'if nothing has happened, products cost two calls' => sub {
	$run = changed();
	is_deeply([ @$run{qw(state unchanged conflicts deferred)} ], [ 'succeeded', 30, 0, 0 ], 'it agrees') or diag(explain($run), explain($shop->calls));
	is(calls_of('/v3/catalog/products') || calls_of('/catalog/products'), 2, 'two calls for products') or diag(explain($shop->calls));
	like(sentence('product'), qr/^All 3,000 product rows agree as of \d\d:\d\d: 3,000 untouched since \w+'s full verification, 0 written and confirmed, 0 touched in the store and compared; 2 calls\.$/, 'the sentence');
	like(sentence('brand'), qr/^All 5 brand rows agree as of .*edits in the store are not seen before the next one; 1 call\.$/, 'a resource without dates');
};

subtest 'what agrees is not waited for' => sub {
	$node->append_conf('postgresql.conf', "bcdelta.confirm_after = '1h'");
	$node->reload;
	$shop->wait_for("SELECT current_setting('bcdelta.confirm_after') = '1h'");
	$run = changed();
	is_deeply([ @$run{qw(state conflicts deferred)} ], [ 'succeeded', 0, 0 ], 'without a row in doubt, there is nothing to look at once more') or diag(explain($run));
	$node->append_conf('postgresql.conf', 'bcdelta.confirm_after = 0');
	$node->reload;
	$shop->wait_for("SELECT current_setting('bcdelta.confirm_after') = '0'");
};

subtest 'what was edited, deleted or made in the store is found, and nothing else' => sub {
	edit('A-7', price => '9.99');
	edit('A-8', name => 'Edited');
	edit('A-9', meta_keywords => ['not mapped']);
	gone($_) foreach qw(A-100 A-1500 A-2999);
	$store->seed('products', [ { id => 90001, name => 'Extra', sku => 'X-1', type => 'physical', weight => 1, price => 1 } ]);
	$store->edit('customer', $shop->id('clients', 3), { first_name => 'Edited' });
	$store->remove('customer', $shop->id('clients', 4));
	$store->remove('brand', $shop->id('makers', 'M2'));
	my @expected = sort('articles|A-7|different|price|7|9.99', 'articles|A-8|different|name|Article 8|Edited',
		(map { "articles|A-$_|missing_in_store" } 100, 1500, 2999), 'articles|#90001|missing_in_source|sku|X-1',
		'clients|3|different|first_name|Client 3|Edited', 'clients|4|missing_in_store', 'makers|M2|missing_in_store');
	$run = changed();
	is_deeply([ sort @{ $shop->discrepancies } ], \@expected, 'all of it') or diag(explain($shop->discrepancies));
	is($run->{conflicts}, scalar @expected, 'and counted');
	my $calls = scalar grep { m{^GET .*catalog/products$} } @{ $shop->calls };
	cmp_ok($calls, '<=', 1 + 1 + 4 * 5 + 1, "calls for products: $calls, at most the formula");
	like(sentence('product'), qr/^2,995 of 3,000 product rows agree as of .*3 touched in the store and compared; 5 differ; 1 record belongs to no row; $calls calls\.$/, 'the sentence');
	$run = changed();
	is_deeply([ sort @{ $shop->discrepancies } ], \@expected, 'the next one says the same') or diag(explain($shop->discrepancies));
	$calls = scalar grep { m{^GET .*catalog/products$} } @{ $shop->calls };
	is($calls, 3, 'in three calls for products: changed ones, their number, rows that differed') or diag(explain($shop->calls));
	# within the same second, it could not be told that it was edited before
	edit('A-9', date_modified => '2026-01-01T00:00:00+00:00');
	$run = $shop->verify;
	is_deeply([ sort @{ $shop->discrepancies } ], \@expected, 'as does a full one');
	is($shop->sql("SELECT sum(silent_edits) FROM bcdelta.proof"), 0, 'no edit was silent');
};

subtest 'what was found is repaired; what we write is confirmed by the replies' => sub {
	$store->remove('product', 90001);
	$shop->sql("SELECT bcdelta.repair($run->{run_id})");
	my $push = $shop->push;
	is_deeply([ @$push{qw(created updated failed)} ], [ 5, 3, 0 ], 'repaired') or diag(explain($push), $shop->errors);
	$shop->sql("UPDATE articles SET price = 11.5 WHERE sku = 'A-11'; DELETE FROM articles WHERE sku = 'A-12'; INSERT INTO articles (sku, title, price) VALUES ('N-1', 'New', 1)");
	is($shop->push->{failed}, 0, 'and some changes');
	$run = changed();
	is_deeply($shop->discrepancies, [], 'all agrees') or diag(explain($run));
	like(sentence('product'), qr/^All 3,000 product rows agree .* 7 written and confirmed, 0 touched/, 'written rows are told apart');
	$shop->sql("UPDATE articles SET price = -1 WHERE sku = 'A-13'");
	$shop->push;
	$shop->sql("UPDATE articles SET price = 15 WHERE sku = 'A-14'");
	$run = changed();
	like(join("\n", @{ $shop->discrepancies }), qr/\Aarticles\|A-13\|different\|price: .*-1.*\z/, 'a row that was refused differs');
	like(sentence('product'), qr/^2,999 of 3,000 .*; 1 differs; 2 wait to be pushed;/, 'the sentence says so');
	$shop->sql("UPDATE articles SET price = 13 WHERE sku = 'A-13'");
	$shop->push;
};

subtest 'rows that are gone while their records stay, and links made by hand, are looked at' => sub {
	$shop->sql("DELETE FROM makers WHERE code = 'M5'");
	$shop->push;
	$store->seed('products', [ { id => 91001, name => 'Other', sku => 'O-1', type => 'physical', weight => 1, price => 7, date_modified => '2026-01-01T00:00:00+00:00' } ]);
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('O-1', 'Mine', 8)");
	$shop->wait_for("SELECT changes = 0 FROM bcdelta.status WHERE feed = 'articles'");
	$shop->sql("DELETE FROM bcdelta.pending WHERE key = 'O-1'; SELECT bcdelta.link('articles', 'O-1', 91001)");
	my @expected = ('articles|O-1|different|name|Mine|Other', 'articles|O-1|different|price|8|7', 'makers|M5|missing_in_source');
	foreach my $time ('at once', 'and again')
	{
		changed();
		is_deeply([ sort @{ $shop->discrepancies } ], \@expected, $time) or diag(explain($shop->discrepancies));
	}
	$store->remove('brand', $shop->id('makers', 'M5'));
	$shop->sql("SELECT bcdelta.unlink('makers', 'M5'), bcdelta.mark('articles', 'O-1')");
	$shop->push;
	changed();
	is_deeply($shop->discrepancies, [], 'until they are put right');
};

subtest 'an edit that no date shows is found by a full verify, and counted' => sub {
	changed();
	$store->edit('product', $shop->id('articles', 'A-20'), { price => '1.11', date_modified => '2026-01-01T00:00:00+00:00' });
	changed();
	is_deeply($shop->discrepancies, [], 'it is not seen');
	$run = $shop->verify;
	is_deeply($shop->discrepancies, ['articles|A-20|different|price|20|1.11'], 'a full one sees it');
	is($shop->sql("SELECT silent_edits FROM bcdelta.proof WHERE resource = 'product'"), 1, 'and counts it');
	like(sentence('product'), qr/the dates of the store have missed 1 edit so far/, 'the sentence says so');
	$shop->sql("SELECT bcdelta.repair($run->{run_id})");
	$shop->push;
};

subtest 'the clock of the store may be wrong by an hour' => sub {
	foreach my $offset (3600, -3600)
	{
		$store->settings({ clock_offset_s => $offset });
		$shop->verify;
		changed();
		edit('A-30', price => '3.33');
		changed();
		is_deeply($shop->discrepancies, ['articles|A-30|different|price|30|3.33'], "$offset s: an edit is found");
		edit('A-30', price => '30');
		changed();
		is_deeply($shop->discrepancies, [], "$offset s: and that it was undone");
	}
	$store->settings({ clock_offset_s => 0 });
	$shop->verify;
};

subtest 'a worker that is killed between pages has remembered nothing' => sub {
	edit("A-$_", price => '5.55') foreach 40 .. 44;
	$store->settings({ max_limit => 2 });
	foreach my $point ($shop->has_points ? qw(settled proving) : ())
	{
		my $stop = $shop->stop_at($point);
		my $session = $shop->start(q(SELECT bcdelta.verify('articles', mode => 'changed')));
		$shop->wait_stopped;
		kill_worker($node, 'shop', 'KILL');
		$session->finish;
		$stop->close;
		wait_for_worker($node, 'shop');
	}
	$store->settings({ max_limit => 250 });
	if ($shop->has_points)
	{
		my $stop = $shop->stop_at('proving');
		$shop->sql("SELECT bcdelta.schedule('once', feed => 'articles', every => '1 day', kind => 'verify', mode => 'changed');
			UPDATE bcdelta.schedule SET next_run_at = now()");
		$shop->wait_stopped;
		kill_worker($node, 'shop', 'KILL');
		$stop->close;
		$shop->wait_for("SELECT state FROM bcdelta.run WHERE schedule = 'once'", 'succeeded');
		is_deeply($shop->discrepancies, [ map { "articles|A-$_|different|price|$_|5.55" } 40 .. 44 ], 'one that starts over reports each difference once');
		$shop->sql("SELECT bcdelta.unschedule('once')");
	}
	wait_for_worker($node, 'shop');
	$run = changed();
	is_deeply($shop->discrepancies, [ map { "articles|A-$_|different|price|$_|5.55" } 40 .. 44 ], 'the next one finds everything') or diag(explain($run));
	$shop->sql("SELECT bcdelta.repair($run->{run_id})");
	$shop->push;
};

subtest 'after a change of the mapping, or with a new feed, everything is compared' => sub {
	$shop->sql(q(SELECT bcdelta.alter_feed('makers', fields => '{"name": "name", "page_title": "name"}')));
	$shop->push;
	like(sentence('brand'), qr/^Nothing is known/, 'the proof is void');
	is(changed()->{unchanged} >= 5, 1, 'all brands are compared');
	like(sentence('brand'), qr/: all of them were compared/, 'and known again');
};

subtest 'a schedule starts such verifies' => sub {
	my ($rc, $out, $err) = $shop->try("SELECT bcdelta.schedule('watch', server => 'shop', every => '1 hour', mode => 'changed')");
	like($err, qr/argument "mode" cannot be used with kind "push"/, 'only of kind verify');
	($rc, $out, $err) = $shop->try("SELECT bcdelta.schedule('watch', server => 'shop', every => '1 hour', kind => 'verify', mode => 'sample')");
	like($err, qr/invalid value for argument "mode": "sample"/, 'of certain modes');
	$shop->sql("SELECT bcdelta.schedule('watch', server => 'shop', every => '1 hour', kind => 'verify', mode => 'changed');
		UPDATE bcdelta.schedule SET next_run_at = now()");
	$shop->wait_for("SELECT mode || ' ' || state FROM bcdelta.run WHERE schedule = 'watch'", 'changed succeeded');
	$shop->sql("SELECT bcdelta.unschedule('watch')");
};

subtest 'two feeds of one resource are watched together, by the same calls' => sub {
	$shop->sql(q(CREATE TABLE more AS SELECT 'B-' || i AS sku, 'More ' || i AS title, i AS price FROM generate_series(1, 5) AS i; ALTER TABLE more ADD PRIMARY KEY (sku);
		SELECT bcdelta.track('more', 'shop', 'product', '{"sku": "sku", "name": "title", "type": "''physical''", "price": "price", "weight": "1"}'); SELECT bcdelta.mark_all('more')));
	$shop->push;
	$shop->verify;
	is_deeply($shop->discrepancies, [], 'all agrees');
	edit('A-60', price => '0.6');
	$store->edit('product', $shop->id('more', 'B-2'), { price => '0.2' });
	$store->remove('product', $shop->id('more', 'B-3'));
	$run = changed();
	is_deeply([ sort @{ $shop->discrepancies } ], [ 'articles|A-60|different|price|60|0.6', 'more|B-2|different|price|2|0.2', 'more|B-3|missing_in_store' ], 'what differs in each') or diag(explain($shop->discrepancies));
	like(sentence('product'), qr/^3,00\d of 3,00\d product rows agree .*; 3 differ; /, 'one sentence for both');
	$shop->sql("SELECT bcdelta.repair($run->{run_id})");
	$shop->push;
	changed();
	is_deeply($shop->discrepancies, [], 'and all is well again');
	$shop->sql("SELECT bcdelta.untrack('more')");
	$store->remove('product', $_->{id}) foreach grep { $_->{sku} =~ /^B-/ } @{ $store->state('products') };
};

subtest 'after every watch, the differences equal those of an oracle, and the calls those of the formula' => sub {
	my $seed = $ENV{RANDOM_SEED} // 7;
	srand($seed);
	diag("seed $seed") if $ENV{RANDOM_SEED};
	my %wrong;						# article -> price in the store, or undef: gone
	my %extra;
	my $next = 101 + 3 * 500;		# between those of the articles
	$shop->verify;
	is_deeply($shop->discrepancies, [], 'a good beginning');
	foreach my $round (1 .. 8)
	{
		my ($edits, $deletes) = (0, 0);
		foreach (1 .. 1 + int(rand(6)))
		{
			my $key = 'A-' . (50 + int(rand(2000)));
			next if (exists $wrong{$key} && !defined $wrong{$key}) || $shop->id('articles', $key) eq '';
			my $what = rand();
			if ($what < 0.5) { $wrong{$key} = '0.' . (1 + int(rand(8))); edit($key, price => $wrong{$key}); $edits++; }
			elsif ($what < 0.7) { gone($key); $wrong{$key} = undef; $deletes++; }
			elsif ($what < 0.8) { $extra{ $next } = 1; $store->seed('products', [ { id => $next, name => "Extra $next", sku => "E-$next", type => 'physical', weight => 1, price => 1 } ]); $next += 3; }
			elsif ($what < 0.9 && %extra) { my ($id) = sort keys %extra; delete $extra{$id}; $store->remove('product', $id); $deletes++; }
			else { delete $wrong{$key}; my $p = substr($key, 2) + 0.25; $shop->sql("UPDATE articles SET price = $p WHERE sku = '$key'"); $shop->push; }
		}
		$run = changed(q(server => 'shop'));
		my %price = map { split /\|/ } @{ $shop->list("SELECT sku || '|' || price FROM articles") };
		my @expected = sort((map { my $p = 0 + $price{$_}; defined $wrong{$_} ? "articles|$_|different|price|$p|$wrong{$_}" : "articles|$_|missing_in_store" } keys %wrong),
			map { "articles|#$_|missing_in_source|sku|E-$_" } keys %extra);
		is_deeply([ sort @{ $shop->discrepancies } ], \@expected, "round $round") or diag(explain([ sort @{ $shop->discrepancies } ], \@expected));
		my $calls = scalar grep { m{^GET .*catalog/products$} } @{ $shop->calls };
		cmp_ok($calls, '<=', 1 + 1 + ($deletes + scalar(keys %extra)) * 5 + 1, "calls: $calls");
		if ($round == 4)
		{
			$shop->sql("SELECT bcdelta.repair($run->{run_id})");
			$shop->push;
			%wrong = ();
		}
	}
};

subtest 'no row, and a single one' => sub {
	$shop->verify("'groups'");
	like(sentence('category'), qr/^There are no category rows as of \d\d:\d\d: the store was read; \d calls?\.$/, 'none');
	$shop->sql(q(INSERT INTO groups VALUES (1, NULL, 'Alone')));
	$shop->push("'groups'");
	$shop->verify("'groups'");
	like(sentence('category'), qr/^The only category row agrees as of \d\d:\d\d: it was compared; \d calls?\.$/, 'one');
	$store->edit('category', $shop->id('groups', 1), { name => 'Together' });
	$shop->verify("'groups'");
	like(sentence('category'), qr/^The only category row differs as of \d\d:\d\d: it was compared; \d calls?\.$/, 'one that differs');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
