# Stages of the cutover: who owns what, and that nothing is lost when it changes.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('stage', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\n" });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables(makers => { on_delete => "'delete'" }, articles => { on_delete => "'delete'" });
$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'M-' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO articles (sku, title, price, maker) SELECT 'A-' || i, 'Article ' || i, i, 'M-1' FROM generate_series(1, 6) AS i;
EOC
is($shop->push->{created}, 9, 'a shop');

sub stage { my ($stage, $note) = @_; return $shop->sql('SELECT bcdelta.stage(' . join(', ', "'shop'", map { defined $_ ? "'$_'" : 'NULL' } $stage, $note) . ')'); }

sub pushed
{
	$shop->clear;
	$shop->push;
	return [ map { "$_->{method} $_->{path}" } $shop->writes ];
}

sub errors { return $shop->list("SELECT concat_ws(' ', feed, key, state) || ': ' || last_error FROM bcdelta.pending ORDER BY feed, key"); }

subtest 'what the store owns at a stage is not sent, says so, and is pushed when it does not own it any more' => sub {
	stage('live', 'the new shop is open');
	$shop->sql("UPDATE makers SET name = 'Maker one' WHERE code = 'M-1'; DELETE FROM makers WHERE code = 'M-3'; INSERT INTO makers VALUES ('M-4', 'Maker 4')");
	is_deeply($shop->list("SELECT key || ' ' || action || ' ' || error FROM bcdelta.preview('makers') ORDER BY key"),
		[ map { "$_ deferred since stage live the store owns brand" } qw(M-1 M-3 M-4) ], 'preview says so');
	is_deeply(pushed(), [], 'nothing is sent');
	is_deeply(errors(), [ map { "makers $_ review: since stage live the store owns brand" } qw(M-1 M-3 M-4) ], 'each row says why');
	is($shop->sql("SELECT DISTINCT outcome || ' ' || error FROM bcdelta.result WHERE run_id = (SELECT max(run_id) FROM bcdelta.run)"),
		'deferred since stage live the store owns brand', 'and has a result');
	is($shop->sql("SELECT owner || ' ' || decision || ' ' || reason FROM bcdelta.why('makers', 'M-1') WHERE field = 'name'"), 'store keep since stage live the store owns brand', 'why() knows');
	is($shop->verify("feed => 'makers'")->{conflicts}, 0, 'a verify finds no difference');
	$shop->sql("UPDATE makers SET name = 'Maker 1 again' WHERE code = 'M-1'");
	is_deeply(pushed(), [], 'nor is anything sent when the row changes once more');
	is($shop->sql("SELECT state || ' ' || message FROM bcdelta.health(max_age => '0')"), 'ok 3 feeds: 9 rows in the store, nothing to push; 3 rows are not sent, as the store owns them now', 'which is no trouble: nobody has to decide anything');
	is($shop->sql("SELECT value FROM bcdelta.metrics WHERE name = 'bcdelta_health'"), '0', 'nor is it for a monitoring check');
	is_deeply($shop->list("SELECT labels ->> 'state' || ' ' || value FROM bcdelta.metrics WHERE name = 'bcdelta_pending_rows' AND value > 0"), ['withheld 3'], 'the rows count as withheld, not as in review');
	is($shop->sql("SELECT count(*) FROM bcdelta.metrics WHERE name = 'bcdelta_oldest_change_timestamp_seconds' OR name = 'bcdelta_conflicts_open' AND value > 0"), 0, 'so no alert rule minds them');
	is_deeply($shop->list("SELECT concat_ws(' ', feed, withheld) FROM bcdelta.status ORDER BY feed"), [ 'articles', 'groups since stage live the store owns category', 'makers since stage live the store owns brand' ], 'the status says which feeds');
	stage('prepare');
	is(scalar @{ pushed() }, 3, 'the stage is another one');
	is_deeply([ sort map { $_->{name} } @{ $store->state('brands') } ], [ 'Maker 1 again', 'Maker 2', 'Maker 4' ], 'nothing was lost, nothing made twice');
	is_deeply(errors(), [], 'and nothing waits');
};

subtest 'a person decides about what both sides have changed, and only about that' => sub {
	stage('live');
	$store->edit('product', $shop->id('articles', 'A-1'), { name => 'Edited' });
	$shop->sql("UPDATE articles SET title = 'Changed', price = 11 WHERE sku = 'A-1'; UPDATE articles SET price = 12 WHERE sku = 'A-2'");
	pushed();
	is_deeply($shop->list("SELECT format('%s%s%s%s', key, field, source_value, store_value) FROM bcdelta.review"), ['A-1name"Changed""Edited"'], 'one conflict');
	is($shop->sql("SELECT state || ' ' || message FROM bcdelta.health()"), 'warning feed "articles": 1 row has to be decided on', 'which health() tells of');
	my %product = map { $_->{sku} => "$_->{name} $_->{price}" } @{ $store->state('products') };
	is_deeply([ @product{qw(A-1 A-2)} ], [ 'Edited 11', 'Article 2 12' ], 'prices were changed by the source alone');
	$shop->sql("SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.conflict WHERE state = 'open'");
	pushed();
	stage();
};

subtest 'a field that the store owns is left alone, and sent when it does not own it any more' => sub {
	$shop->sql("SELECT bcdelta.set_authority('shop', 'freeze', 'product', 'store', field => 'price', note => 'the agency sets prices')");
	stage('freeze');
	$shop->sql("UPDATE articles SET price = 33, title = 'Third' WHERE sku = 'A-3'; UPDATE articles SET price = 44 WHERE sku = 'A-4'; INSERT INTO articles (sku, title, price) VALUES ('A-7', 'Seventh', 7)");
	pushed();
	my %product = map { $_->{sku} => "$_->{name} $_->{price}" } @{ $store->state('products') };
	is_deeply([ @product{qw(A-3 A-4 A-7)} ], [ 'Third 3', 'Article 4 4', 'Seventh 7' ], 'only a new record has the price of the row');
	is($shop->sql("SELECT owner || ' ' || decision || ' ' || reason FROM bcdelta.why('articles', 'A-3') WHERE field = 'price'"), 'store keep since stage freeze the store owns product.price', 'why() says so');
	$shop->verify("feed => 'articles'");
	is_deeply($shop->discrepancies, [], 'it is no difference');
	$shop->sql("SELECT bcdelta.set_authority('shop', 'freeze', 'product', NULL, field => 'price')");
	my (undef, undef, $mistyped) = $node->psql('shop', "SELECT bcdelta.set_authority('shop', 'freeze', 'product', NULL, field => 'prise')");
	like($mistyped, qr/resource product has no field "prise"\nHINT:  Its fields are /, 'a mistyped field is an error');
	pushed();
	%product = map { $_->{sku} => "$_->{name} $_->{price}" } @{ $store->state('products') };
	is_deeply([ @product{qw(A-3 A-4)} ], [ 'Third 33', 'Article 4 44' ], 'the source owns it again');
	stage();
};

subtest 'nor is anything lost if rules change step by step, or while rows are pushed' => sub {
	$shop->sql("SELECT bcdelta.set_authority('shop', 'freeze', 'product', 'store', field => 'price')");
	stage('freeze');
	$shop->sql("UPDATE articles SET price = 55, title = 'Fifth' WHERE sku = 'A-5'");
	pushed();
	$shop->sql("SELECT bcdelta.set_authority('shop', 'freeze', 'product', 'store')");
	my $session = psql_open($node, 'shop');
	$session->query("BEGIN; SELECT bcdelta.set_authority('shop', 'freeze', 'product', NULL), bcdelta.set_authority('shop', 'freeze', 'product', NULL, field => 'price')");
	$shop->sql("UPDATE articles SET title = 'Sixth' WHERE sku = 'A-6'");
	pushed();
	is_deeply(errors(), ['articles A-6 review: since stage freeze the store owns product'], 'the new rule is not committed yet');
	$session->query('COMMIT');
	$session->finish;
	pushed();
	my %product = map { $_->{sku} => "$_->{name} $_->{price}" } @{ $store->state('products') };
	is_deeply([ @product{qw(A-5 A-6)} ], [ 'Fifth 55', 'Sixth 6' ], 'what was withheld under either rule is pushed');
	is_deeply(errors(), [], 'and nothing waits');
	$shop->sql("UPDATE articles SET price = 5 WHERE sku = 'A-5'");
	pushed();
	stage();
};

subtest 'a row that finds its record in the store leaves alone what the store owns; a field may be left to its feed' => sub {
	$store->seed('products', [ { id => 900, sku => 'F-1', name => 'Found', type => 'physical', weight => 1, price => 5 } ]);
	$shop->sql("SELECT bcdelta.set_authority('shop', 'live', 'product', 'source'), bcdelta.set_authority('shop', 'live', 'product', 'store', field => 'price')");
	stage('live');
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('F-1', 'Ours', 9)");
	pushed();
	is($shop->record('products', 900)->{name} . ' ' . $shop->record('products', 900)->{price}, 'Ours 5', 'found by its SKU');
	$shop->sql("SELECT bcdelta.set_authority('shop', 'live', 'product', 'review'), bcdelta.set_authority('shop', 'live', 'product', 'feed', field => 'price')");
	pushed();
	$store->edit('product', 900, { price => 6, name => 'Theirs' });
	$shop->sql("UPDATE articles SET price = 10, title = 'Ours again' WHERE sku = 'F-1'");
	pushed();
	is($shop->record('products', 900)->{name} . ' ' . $shop->record('products', 900)->{price}, 'Theirs 10', 'the policy of the feed applies to this field alone');
	$shop->sql("SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.conflict WHERE state = 'open'");
	pushed();
	$shop->sql("SELECT bcdelta.set_authority('shop', stage, resource, NULL, field) FROM bcdelta.authority WHERE server IS NOT NULL; DELETE FROM articles WHERE sku = 'F-1'");
	stage();
	pushed();
};

subtest 'a run in progress goes by the new stage from its next claim on' => sub {
	$store->hold({ match => { method => 'PUT', path => 'products' }, process => 'now' });
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku = 'A-5'");
	my $push = $shop->start;
	$shop->wait_held(1);
	stage('watch');
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku = 'A-6'");
	$store->release;
	$push->finish;
	pushed();
	my %product = map { $_->{sku} => 0 + $_->{price} } @{ $store->state('products') };
	is_deeply([ @product{qw(A-5 A-6)} ], [ 6, 6 ], 'what was on its way arrived, the rest waits');
	is_deeply(errors(), ['articles A-6 review: since stage watch the store owns product'], 'and says why');
	kill_worker($node, 'shop', 'TERM');
	is_deeply(pushed(), [], 'so it does after a restart');
	stage();
	pushed();
	is_deeply(errors(), [], 'until the stage ends');
};

subtest 'authority_now is the matrix that applies; every rule that comes with bcdelta could be set by hand' => sub {
	stage('live');
	is_deeply($shop->list("SELECT concat_ws(' ', resource, field, owner) || ': ' || rule FROM bcdelta.authority_now WHERE resource IN ('brand', 'product', 'inventory', 'customer', 'redirect') ORDER BY resource, field NULLS FIRST"),
		[
			'brand store: since stage live the store owns brand', 'customer newest: since stage live the newest change of customer wins',
			'inventory relative: since stage live both sides count inventory, and differences are sent',
			'product review: since stage live a person decides if both sides have changed product',
			'product inventory_level store: since stage live the store owns product.inventory_level',
			'redirect feed: since stage live the policies of feeds apply to redirect'
		], 'in words');
	is($shop->sql("SELECT count(*) FROM bcdelta.authority WHERE server IS NOT NULL"), 0, 'nobody has changed it');
	$shop->sql("SELECT bcdelta.set_authority('shop', stage, resource, owner, field) FROM bcdelta.authority WHERE server IS NULL ORDER BY field NULLS FIRST");
	is($shop->sql("SELECT count(*) FROM bcdelta.authority AS a JOIN bcdelta.authority AS d USING (stage, resource, owner) WHERE a.server = 'shop' AND d.server IS NULL
		AND a.field IS NOT DISTINCT FROM d.field") + 0, $shop->sql('SELECT count(*) FROM bcdelta.authority WHERE server IS NULL') + 0, 'each is possible');
	$shop->sql("SELECT bcdelta.set_authority('shop', stage, resource, NULL, field) FROM bcdelta.authority WHERE server IS NOT NULL");
	is($shop->sql("SELECT count(*) FROM bcdelta.authority WHERE server IS NOT NULL"), 0, 'and taken back');
	stage();
};

subtest 'stock at stage live is sent as differences, so that what the store sells stays sold' => sub {
	my $id = $shop->id('articles', 'A-1');
	$store->edit('product', $id, { inventory_tracking => 'product' });
	$shop->sql(<<"EOC");
CREATE TABLE stock (item int, place int, qty int, PRIMARY KEY (item, place));
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "item", "location_id": "place", "quantity": "qty"}');
INSERT INTO stock VALUES ($id, 1, 10);
EOC
	$shop->push;
	is($store->levels($id)->{1}, 10, 'absolute before');
	stage('live');
	$store->seed('stock', [ { product_id => $id, location_id => 1, quantity => 7 } ]);
	$store->settle;
	$shop->sql('UPDATE stock SET qty = 9');
	$shop->hurry if $shop->can('hurry');
	$shop->push;
	$store->settle;
	is($store->levels($id)->{1}, 6, 'both have sold');
	$shop->sql(q(SELECT bcdelta.alter_feed('stock', options => '{"max_changes": 1000}'); UPDATE stock SET qty = 8));
	$shop->push;
	$store->settle;
	is($store->levels($id)->{1}, 5, 'so it stays if the feed is altered');
	stage('prepare');
	$shop->push;
	$store->settle;
	is($store->levels($id)->{1}, 8, 'and when the stage ends, the quantity of the row is set');
	stage();
};

subtest 'where the newest change wins at a stage, the times of changes are known' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE people (id int PRIMARY KEY, mail text, name text);
SELECT bcdelta.track('people', 'shop', 'customer', '{"email": "mail", "first_name": "name", "last_name": "name"}');
SELECT bcdelta.pause('people');
SELECT bcdelta.stage('shop', 'live');
INSERT INTO people VALUES (1, 'one@example.com', 'One');
EOC
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.pending WHERE feed = 'people'");
	is($shop->sql("SELECT last_changed_at IS NOT NULL FROM bcdelta.pending WHERE feed = 'people'"), 't', 'as under that policy');
	stage();
};

subtest 'decisions are in the journal, in dumps, and are checked' => sub {
	like($shop->sql("SELECT string_agg(concat_ws(' ', what, server, by_role, reason, detail), ' / ' ORDER BY journal_id) FROM bcdelta.journal WHERE what = 'stage' AND reason IS NOT NULL"),
		qr/^stage shop \S+ the new shop is open \{"stage": "live"\}$/, 'who, when, why');
	my %wrong = (
		"bcdelta.stage('shop', 'open')" => qr/invalid value for argument "stage": "open".*"live"/s,
		"bcdelta.stage('nowhere', 'live')" => qr/server "nowhere" does not exist/,
		"bcdelta.stage(NULL, 'live')" => qr/server/,
		"bcdelta.set_authority('shop', 'live', 'product', 'nobody')" => qr/invalid value for argument "owner": "nobody"/,
		"bcdelta.set_authority('shop', 'live', 'thing', 'store')" => qr/unknown resource "thing"/,
		"bcdelta.set_authority('shop', 'live', 'product', 'store', 'prize')" => qr/resource product has no field "prize"/,
		"bcdelta.set_authority('shop', 'live', 'category', 'newest')" => qr/"newest" is not possible for resource category/,
		"bcdelta.set_authority('shop', 'live', 'channel_assignment', 'review')" => qr/not supported for resource channel_assignment/,
		"bcdelta.set_authority('shop', 'live', 'product', 'relative')" => qr/owner "relative" is not possible for product/,
		"bcdelta.set_authority('shop', 'live', 'product', 'review', 'custom_fields')" => qr/field "custom_fields" cannot have the owner "review"/,
		"bcdelta.set_authority('shop', 'live', 'brand', 'source', 'name')" => qr/the store owns brand as a whole/);
	foreach my $call (sort keys %wrong)
	{
		my (undef, undef, $err) = $shop->try("SELECT $call");
		like($err, $wrong{$call}, $call);
	}
	$shop->sql('CREATE ROLE stranger');
	my (undef, undef, $err) = $shop->try("SET ROLE stranger; SELECT bcdelta.stage('shop', 'live')");
	like($err, qr/permission denied for foreign server shop/, 'a role without USAGE');
	$shop->sql('GRANT USAGE ON FOREIGN SERVER shop TO stranger');
	foreach my $call ("stage('shop', 'live')", "set_authority('shop', 'live', 'brand', 'source')")
	{
		(undef, undef, $err) = $shop->try("SET ROLE stranger; SELECT bcdelta.$call");
		like($err, qr/permission denied to overrule the policies of feed/, "and one that may use the store, but owns none of its feeds: $call");
	}
	is($shop->sql('SELECT count(*) FROM bcdelta.stage') + 0, 0, 'nothing was done');
};

is_deeply($store->violations, {}, 'the store has nothing to complain about');
done_testing();
