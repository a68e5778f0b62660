# preflight(): what speaks against pushing, found before anything is pushed.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('preflight', store => { args => [ '--quota', 1000, '--window-ms', 6000 ] }, node => { conf => "bcdelta.naptime = 1\n" });
my ($node, $store) = ($shop->node, $shop->store);
my $all = [ map { "store_$_" } qw(v2_products v2_information_read_only inventory locations v2_customers v2_content channel_settings_read_only) ];

# The facts as a hash: fact => "verdict: found"; of several, the first
sub preflight
{
	my ($server) = @_;
	my %facts;
	$shop->clear;
	foreach my $row (@{ $shop->list("SELECT format('%s|%s: %s%s', fact, verdict, found, ' -> ' || next_step) FROM bcdelta.preflight("
			  . ($server ? "'$server'" : '') . ") ORDER BY no") })
	{
		my ($fact, $text) = split /\|/, $row, 2;
		$facts{$fact} //= $text;
	}
	return \%facts;
}

sub ok_but
{
	my ($facts, $what, @others) = @_;
	my %others = map { $_ => 1 } @others;
	is_deeply([ sort grep { $facts->{$_} !~ /^ok/ && !$others{$_} } keys %$facts ], [], "$what: nothing else is wrong")
	  or diag explain $facts;
	return;
}

$store->settings({ scopes => $all });

subtest 'a server without feeds' => sub {
	my $facts = preflight();
	like($facts->{feeds}, qr/^problem: the server has none/, 'it is told');
	like($facts->{quota}, qr/^unknown/, 'there is no token to ask with');
	is(scalar @{ [ $store->journal ] }, 0, 'so the store was not asked');
};

$shop->tables;
$shop->sql(<<'EOC');
CREATE TABLE stock (sku text PRIMARY KEY, qty int);
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"sku": "sku", "quantity": "qty", "location_id": "1"}');
CREATE TABLE sizes (sku text PRIMARY KEY, article text, size text);
SELECT bcdelta.track('sizes', 'shop', 'variant', '{"sku": "sku", "product_id": "bcdelta.ref(''articles'', article)",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size))"}');
INSERT INTO makers SELECT 'M-' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO groups VALUES (1, NULL, 'Top'), (2, 1, 'Same'), (3, 2, 'Same'), (4, NULL, 'Other'), (5, 4, 'Same');
INSERT INTO articles (sku, title, price, maker, grp) SELECT 'A-' || i, 'Article ' || i, i, 'M-1', 2 FROM generate_series(1, 6) AS i;
INSERT INTO sizes SELECT 'V-' || i, 'A-1', 'S' || i FROM generate_series(1, 600) AS i;
EOC
$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
my $pending = $shop->sql('SELECT count(*) FROM bcdelta.pending');

subtest 'a shop that is ready: every fact is told, and nothing is written' => sub {
	my $before = $store->state('products');
	my $facts = preflight();
	ok_but($facts, 'ready');
	like($facts->{'scope store_v2_products of role "' . $shop->sql('SELECT session_user') . '"'}, qr/^ok: there/, 'scopes');
	like($facts->{quota}, qr/^ok: 1000 requests in [0-9.]+ seconds, of which bcdelta takes at most 90 %/, 'quota');
	like($facts->{clock}, qr/^ok: the store's clock is /, 'clock');
	like($facts->{'category trees for feed "groups"'}, qr/^ok: 1 category tree: 1 /, 'the tree');
	like($facts->{'locations for feed "stock"'}, qr/^ok: 1 location: 1 /, 'the location');
	like($facts->{'number of feed "makers"'}, qr/^ok: 3 rows; a store can have 30000/, 'numbers');
	like($facts->{'natural key "name" of feed "groups"'}, qr/^ok: each row has its own/, 'the same name below different parents is none too many');
	like($facts->{'rows below one parent of feed "sizes"'}, qr/^ok: at most 600; 600 are possible/, 'variants');
	like($facts->{'depth of feed "groups"'}, qr/^ok: 3 levels; 8 are possible/, 'levels');
	my $run = $shop->last_run;
	is_deeply([ @$run{qw(kind state)} ], [ 'preflight', 'succeeded' ], 'it is a run');
	my @journal = $store->journal;
	is($run->{api_calls}, scalar @journal, 'whose requests are counted');
	cmp_ok(scalar @journal, '<=', 8, 'they are few');
	is_deeply([ map { "$_->{method} $_->{path} $_->{status}" } grep { $_->{method} ne 'GET' && $_->{status} < 300 } @journal ], [], 'no write was accepted')
	  or diag explain [ map { "$_->{method} $_->{path} $_->{status}" } @journal ];
	is_deeply($store->state('products'), $before, 'nor has anything changed');
	is($shop->sql('SELECT count(*) FROM bcdelta.pending'), $pending, 'nothing is marked');
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state <> 'active' OR store IS NOT NULL"), 0, 'feeds are as they were');
	is($shop->sql('SELECT count(*) FROM bcdelta.link'), 0, 'and nothing is linked');
};

subtest 'what other apps take' => sub {
	like(preflight()->{'other apps'}, qr/^ok: they take at least \d+ % of the quota/, 'not much');
	$store->settings({ quota => 60 });
	my $found = '';
	# once more if a window of the quota ended in between
	foreach my $attempt (1 .. 2)
	{
		$store->api('GET', '/catalog/brands') foreach 1 .. 35;
		$found = preflight()->{'other apps'};
		last if $found =~ /^warning/;
	}
	like($found, qr/^warning: they take at least (5[1-9]|6\d) % of the quota, as far as the present window shows/, 'more than half');
	$store->settings({ quota => 1000 });
};

subtest 'each scope is told apart: missing, read-only' => sub {
	my $me = $shop->sql('SELECT session_user');
	$store->settings({ scopes => [ 'store_v2_products', 'store_inventory_read_only' ] });
	my $facts = preflight();
	like($facts->{"scope store_inventory of role \"$me\""} // '', qr/^problem: read-only: .*give the API account the scope store_inventory \(modify\).*: "stock"/, 'read-only')
	  or diag explain $facts;
	like($facts->{'locations, needed by "stock"'}, qr/^unknown: the token may not read the list \(status 403\)/, 'a list that may not be read');
	like($facts->{"scope store_v2_products of role \"$me\""}, qr/^ok/, 'the other is there');
	$store->settings({ scopes => [ 'store_v2_products_read_only', 'store_locations_read_only' ] });
	$facts = preflight();
	like($facts->{"scope store_inventory of role \"$me\""}, qr/^problem: missing/, 'missing');
	like($facts->{"scope store_v2_products of role \"$me\""}, qr/^problem: read-only/, 'read-only');
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state <> 'active'"), 0, 'no feed is paused for that');
	$store->settings({ scopes => $all });
};

subtest 'a token that is refused, a store that does not answer' => sub {
	my $me = $shop->sql('SELECT session_user');
	$shop->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token 'wrong')");
	my $facts = preflight();
	like($facts->{"token of role \"$me\""}, qr/^problem: the store refuses it \(status 401\) -> ALTER USER MAPPING/, 'the token');
	is(scalar @{ [ $store->journal ] }, 1, 'nothing else was asked');
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state <> 'active'"), 0, 'no feed is paused for that');
	like($facts->{'values of feed "makers"'}, qr/^ok/, 'the source was looked at nevertheless');
	$shop->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '" . $store->token . "')");
	$store->fault({ match => { path => '.' }, do => { status => 503 } });
	$facts = preflight();
	like($facts->{store}, qr/^problem: the store answers with status 503/, 'the store');
	$store->unfault;
	ok_but(preflight(), 'afterwards');
};

subtest 'what the source holds, and the store would not take' => sub {
	$shop->sql(<<'EOC');
INSERT INTO makers VALUES ('M-4', repeat('x', 300)), ('M-5', 'MAKER 1'), ('M-6', 'Maker 2'), ('M-7', NULL);
INSERT INTO groups SELECT 10 + i, CASE WHEN i > 1 THEN 9 + i END, 'Level ' || i FROM generate_series(1, 9) AS i;
INSERT INTO groups VALUES (30, 1, 'Same');
INSERT INTO sizes VALUES ('V-601', 'A-1', 'S601');
INSERT INTO articles (sku, title, price, weight) VALUES ('a-1', 'Article seven', 7, 1), ('A-9', 'Article 9', -1, 1);
EOC
	my $facts = preflight();
	like($facts->{'field "name" of feed "makers"'}, qr/^problem: 1 row has a value that the store does not take, such as: .*255/, 'a name that is too long');
	like($shop->sql("SELECT string_agg(found, ' ') FROM bcdelta.preflight() WHERE fact = 'field \"name\" of feed \"makers\"'"), qr/1 row has no value, which a new record needs/, 'none');
	like($facts->{'natural key "name" of feed "makers"'}, qr/^problem: 1 value belongs to several rows, such as "Maker 2"/, 'the same name');
	like($shop->sql("SELECT string_agg(found, ' ') FROM bcdelta.preflight() WHERE fact = 'natural key \"name\" of feed \"makers\"'"), qr/1 value differs from others in case only, such as "MAKER 1"/, 'in case only');
	like($facts->{'natural key "sku" of feed "articles"'}, qr/^problem: 1 value differs from others in case only, such as "A-1"/, 'a SKU');
	like($facts->{'field "price" of feed "articles"'}, qr/^problem: 1 row has a value/, 'a price');
	like($facts->{'natural key "name" of feed "groups"'}, qr/^problem: 1 value belongs to several rows, such as "Same"/, 'the same name below one parent');
	like($facts->{'depth of feed "groups"'}, qr/^problem: 9 levels, but the store has at most 8/, 'levels');
	like($facts->{'rows below one parent of feed "sizes"'}, qr/^problem: 1 parent has more than 600 rows; the largest has 601/, 'variants');
	$shop->sql('UPDATE groups SET parent = 12 WHERE id = 11; UPDATE groups SET parent = 11 WHERE id = 12');
	like(preflight()->{'depth of feed "groups"'}, qr/^problem: some rows are below themselves/, 'a circle');
	$shop->sql("DELETE FROM groups WHERE id > 9; DELETE FROM makers WHERE code > 'M-3'; DELETE FROM sizes WHERE sku = 'V-601'; DELETE FROM articles WHERE sku IN ('a-1', 'A-9')");
	$shop->sql("INSERT INTO makers SELECT 'N-' || i, 'New maker ' || i FROM generate_series(1, 30000) AS i");
	like(preflight()->{'number of feed "makers"'}, qr/^problem: 30003 rows, but a store can have 30000/, 'too many');
	$shop->sql("DELETE FROM makers WHERE code LIKE 'N%'");
};

subtest 'triggers, mappings, owners, options' => sub {
	$shop->sql('ALTER TABLE makers DISABLE TRIGGER ALL; ALTER TABLE articles ADD made_of text');
	like(preflight()->{'feed "makers"'}, qr/^problem: trigger .* is disabled/, 'a trigger');
	$shop->sql("SELECT bcdelta.resume('makers')");
	$shop->sql("CREATE FUNCTION weigh(real) RETURNS real LANGUAGE sql STABLE AS 'SELECT 1 / \$1'; ALTER FUNCTION weigh(real) OWNER TO CURRENT_USER;
		SELECT bcdelta.alter_feed('articles', fields => fields || '{\"weight\": \"public.weigh(weight)\"}') FROM bcdelta.feed WHERE feed = 'articles'");
	$shop->sql("UPDATE articles SET weight = 0 WHERE sku = 'A-1'");
	like(preflight()->{'values of feed "articles"'}, qr/^unknown: the source could not be read: division by zero/, 'a row that cannot be evaluated');
	$shop->sql("UPDATE articles SET weight = 1");
	$shop->sql("SELECT bcdelta.alter_feed('groups', options => '{\"tree_id\": 77}')");
	like(preflight()->{'category trees for feed "groups"'}, qr/^problem: there is none with id 77/, 'a tree that does not exist');
	$shop->sql("SELECT bcdelta.alter_feed('groups', options => '{}')");
	$shop->sql("CREATE ROLE other LOGIN; GRANT USAGE ON FOREIGN SERVER shop TO other");
	my $facts = { map { split /\|/, $_, 2 } split /\n/, $node->safe_psql('shop', 'SELECT fact, verdict FROM bcdelta.preflight()', extra_params => [ '-d', $node->connstr('shop') . ' user=other' ]) };
	is($facts->{'source of feed "makers"'}, 'unknown', 'somebody else is told nothing of the source');
	is($facts->{'your rights'}, 'warning', 'nor may they set stages');
	$node->safe_psql('shop', 'CREATE ROLE stranger LOGIN');
	my ($rc, $out, $err) = $node->psql('shop', 'SELECT * FROM bcdelta.preflight()', extra_params => [ '-d', $node->connstr('shop') . ' user=stranger' ]);
	isnt($rc, 0, 'and a role that may not use the store gets an error');
};

subtest 'it runs as the owner, can be cancelled, and leaves nothing behind' => sub {
	$shop->sql("CREATE TABLE slow (id int PRIMARY KEY, name text); INSERT INTO slow VALUES (1, 'Slow')");
	$shop->sql("SELECT bcdelta.track('slow', 'shop', 'brand', '{\"name\": \"coalesce(name || pg_sleep(300), name)\"}')");
	my $session = psql_start($node, 'shop', 'SELECT count(*) FROM bcdelta.preflight()');
	$shop->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
	$shop->sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
	my ($rc, $out, $err) = $session->finish;
	like($err, qr/canceling statement due to user request/, 'cancelled');
	$shop->sql("SELECT bcdelta.untrack('slow')");
	is($shop->sql("SELECT bcdelta.ref('makers', 'M-1') IS NULL"), 't', 'references are what they were');
	$shop->sql("CREATE TABLE hostile (id int PRIMARY KEY, name text); INSERT INTO hostile VALUES (1, 'Hostile');
		CREATE FUNCTION evil(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN DELETE FROM public.makers; RETURN \$1; END'");
	$shop->sql("SELECT bcdelta.track('hostile', 'shop', 'brand', '{\"name\": \"public.evil(name)\"}')");
	like(preflight()->{'values of feed "hostile"'}, qr/^unknown: .*(read-only|non-volatile)/, 'nothing can be written from a mapping');
	$shop->sql("SELECT bcdelta.untrack('hostile')");
};

subtest 'a store that tells no quota is not said to have none' => sub {
	$store->fault({ name => 'silent', do => { rate_headers => JSON::PP::false } });
	kill_worker($node, 'shop');
	like(preflight()->{quota}, qr/^unknown: the replies of the store tell none, so it may have none, or refuse requests without warning -> /, 'the plan of the store has to be asked');
	$store->unfault;
};

subtest 'without a worker, the rest is told' => sub {
	my $databases = $shop->sql('SHOW bcdelta.databases');
	$node->append_conf('postgresql.conf', "bcdelta.databases = ''");
	$node->reload;
	poll_until(sub { !defined worker_pid($node, 'shop') }, 'the end of the worker');
	my $facts = preflight();
	like($facts->{worker}, qr/^problem: /, 'there is no worker');
	like($facts->{quota}, qr/^unknown/, 'the store was not asked');
	like($facts->{'values of feed "makers"'}, qr/^ok/, 'the source is told');
};

done_testing();
