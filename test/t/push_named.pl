# bcdelta.named(): ids of what the store knows by name, and no feed makes.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Store;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open(
	'named',
	store => { args => [ '--quota', 100000 ] },
	server => { max_attempts => 2, error_limit => 1000 });
my $store = $shop->store;
$store->settings({ locations => [ { id => 1, code => 'MAIN' }, { id => 2, code => 'WEST' }, { id => 3, code => 'EAST' } ] });
$store->seed('products', [ map { { id => $_, sku => "S$_", name => "Item $_", type => 'physical', weight => 1, price => 1, inventory_tracking => 'product' } } 1 .. 300 ]);
$shop->sql(<<'EOC');
CREATE TABLE stock (item int, place text, qty int, PRIMARY KEY (item, place));
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "item", "location_id": "CASE WHEN place = ''none'' THEN 1 ELSE bcdelta.named(''location'', nullif(replace(place, ''long'', repeat(''x'', 3000)), ''null'')) END", "quantity": "qty"}');
CREATE TABLE maker (id int PRIMARY KEY, name text);
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}');
EOC

sub lists { return scalar grep { $_->{method} eq 'GET' && $_->{path} eq '/inventory/locations' } $store->journal; }

subtest 'preview tells that a list is needed; a push reads it once, and only if a row asks for it' => sub {
	$shop->sql(q(INSERT INTO stock VALUES (1, 'none', 7), (2, 'null', 7)));
	is_deeply([ @{ $shop->push }{qw(updated failed)} ], [ 1, 1 ], 'rows that do not ask are pushed');
	like($shop->errors->{'stock ["2", "null"]'}, qr/^location_id/, 'a null name is no name') or diag(explain($shop->errors));
	is(lists(), 0, 'no list is read for them');
	$shop->sql(q(DELETE FROM stock; INSERT INTO stock SELECT i, p, i FROM generate_series(1, 300) AS i, unnest(ARRAY['WEST', 'EAST']) AS p));
	is($shop->sql(q(SELECT string_agg(DISTINCT action || ': ' || error, '; ') FROM bcdelta.preview('stock') WHERE key LIKE '%T"%')),
		q(deferred: the store's list of locations has not been read yet; the next push reads it), 'nothing is known yet');
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(state updated failed)} ], [ 'succeeded', 600, 0 ], 'all rows are pushed') or diag(explain([ $run, $shop->errors ]));
	is(lists(), 1, 'with one list');
	is($run->{api_calls}, scalar(@{ $shop->calls }), 'which is counted');
	is_deeply([ @{ $store->levels(7) }{ 2, 3 } ], [ 7, 7 ], 'to the locations with these codes');
	is_deeply($shop->list(q(SELECT resource || ' ' || name || ' ' || store_id FROM bcdelta.directory ORDER BY store_id)), [ 'location MAIN 1', 'location WEST 2', 'location EAST 3' ], 'the list is on record');
	$shop->sql(q(UPDATE stock SET qty = qty + 1 WHERE item = 7));
	is($shop->sql(q(SELECT string_agg(body ->> 'location_id', ' ' ORDER BY key) FROM bcdelta.preview('stock'))), '3 2', 'a preview uses what the last run has read');
	$shop->clear;
	is($shop->push->{updated}, 2, 'the next run');
	is(lists(), 1, 'reads it again, once');
	$shop->clear;
	$shop->push;
	is_deeply($shop->calls, [], 'a run without rows asks for nothing');
};

subtest 'a name that the store does not have makes the row invalid; after it appears, a retry pushes the row' => sub {
	$shop->sql(q(INSERT INTO stock VALUES (1, 'North', 5), (1, 'west', 5), (2, 'WEST ', 5), (3, E'''; DROP TABLE stock; --', 5); UPDATE stock SET qty = 50 WHERE item = 9));
	is_deeply([ @{ $shop->push }{qw(updated failed)} ], [ 2, 4 ], 'the other rows go on');
	my $errors = $shop->errors;
	is($errors->{'stock ["1", "North"]'}, 'the store has no location with the code "North"', 'it is named') or diag(explain($errors));
	is($errors->{'stock ["1", "west"]'}, 'the store has no location with the code "west", but one with "WEST"', 'another spelling is another name');
	is($errors->{'stock ["2", "WEST "]'}, 'the store has no location with the code "WEST ", but one with "WEST"', 'and so is white space');
	is($shop->sql(q(SELECT DISTINCT outcome FROM bcdelta.result WHERE key LIKE '%North%')), 'invalid', 'the row is invalid');
	$store->settings({ locations => [ map { { id => $_->[0], code => $_->[1] } } [ 1, 'MAIN' ], [ 2, 'WEST' ], [ 3, 'EAST' ], [ 4, 'North' ] ] });
	$shop->clear;
	is($shop->push->{updated}, 0, 'a failed row stays as it is, as long as no row needs the list');
	is(lists(), 0, 'which is not read for its sake');
	$shop->sql(q(UPDATE stock SET qty = 51 WHERE item = 9));
	is_deeply([ @{ $shop->push }{qw(updated failed)} ], [ 3, 0 ], 'when the list is read, the row is pushed');
	is(scalar(keys %{ $shop->errors }), 3, 'and those whose names are still missing are left alone') or diag(explain($shop->errors));
	$shop->sql(q(INSERT INTO stock VALUES (4, 'South', 5), (5, 'long', 5)));
	$shop->push;
	$store->settings({ locations => [ map { { id => $_->[0], code => $_->[1] } } [ 1, 'MAIN' ], [ 2, 'WEST' ], [ 3, 'EAST' ], [ 4, 'North' ], [ 5, 'South' ], [ 6, 'x' x 3000 ] ] });
	$shop->sql(q(SELECT bcdelta.retry('stock')));
	is($shop->push->{updated}, 2, 'a retry pushes rows, too');
	is($store->levels(1)->{4}, 5, 'to the new location');
	$shop->sql(q(DELETE FROM stock WHERE place NOT IN ('WEST', 'EAST')));
	$shop->push;
};

subtest 'a name that the store has twice is refused; long lists and those of V2 are read page by page' => sub {
	$store->seed('customer_groups', [ map { { id => $_, name => $_ <= 2 ? 'Twin' : "Group $_" } } 1 .. 290 ]);
	$shop->sql(<<'EOC');
CREATE TABLE person (id int PRIMARY KEY, grp text);
SELECT bcdelta.track('person', 'shop', 'customer', '{"email": "id || ''@example.org''", "first_name": "''A''", "last_name": "''B''", "customer_group_id": "bcdelta.named(''customer_group'', grp)"}');
INSERT INTO person VALUES (1, 'Group 3'), (2, 'Group 290'), (3, 'Twin'), (4, NULL);
EOC
	foreach my $most (250, 50)
	{
		$store->settings({ max_limit => $most });
		$shop->clear;
		my $run = $shop->push(q('person'));
		is_deeply([ @$run{qw(created updated failed)} ], $most == 250 ? [ 3, 0, 1 ] : [ 0, 1, 1 ], "pages of $most") or diag(explain([ $run, $shop->errors ]));
		is(scalar(grep { $_ eq 'GET /v2/customer_groups' } @{ $shop->calls }), $most == 250 ? 2 : 6, "pages of $most: as few as possible");
		is($shop->errors->{'person 3'}, 'the store has several customer groups with the name "Twin" (ids 1, 2); give them different ones, or map the id itself', "pages of $most: the twins are named");
		$shop->sql(q(UPDATE person SET grp = 'Group 289' WHERE id = 2; SELECT bcdelta.retry('person')));
	}
	is_deeply([ map { $_->{customer_group_id} } sort { $a->{email} cmp $b->{email} } @{ $store->state('customers') } ], [ 3, 289, 0 ], 'each has its group');
	$store->settings({ max_limit => 250 });
	$store->remove('customer_group', $_) foreach 1 .. 290;
	$shop->sql(q(UPDATE person SET grp = 'Group 4' WHERE id = 1));
	$shop->push;
	is($shop->errors->{'person 1'}, 'the store has no customer_group with the name "Group 4"', 'an empty list has no names');
	$shop->sql(q(SELECT bcdelta.untrack('person')));
};

subtest 'all lists can be asked for, and an unknown one is refused when the feed is made' => sub {
	$store->settings({ channels => [ 1, 5 ] });
	$store->seed('brands', [ { id => 71, name => 'Nordic' } ]);
	$store->seed('categories', [ { id => 72, name => 'Stools' } ]);
	$store->seed('price_lists', [ { id => 73, name => 'Retail' } ]);
	$store->seed('customer_groups', [ { id => 74, name => 'VIP' } ]);
	my %ids = (brand => [ 'Nordic', 71 ], category => [ 'Stools', 72 ], category_tree => [ 'Default catalog tree', 1 ], channel => [ 'Channel 5', 5 ],
		customer_group => [ 'VIP', 74 ], location => [ 'WEST', 2 ], price_list => [ 'Retail', 73 ], tax_class => [ 'Default Tax Class', 0 ]);
	my $all = join(', ', map { "bcdelta.named(''$_'', ''$ids{$_}[0]'')" } sort keys %ids);
	$shop->sql(qq(CREATE TABLE note (id int PRIMARY KEY);
		SELECT bcdelta.track('note', 'shop', 'brand', '{"name": "''Note''", "page_title": "concat_ws('' '', $all)"}'); INSERT INTO note VALUES (1)));
	$shop->clear;
	my $run = $shop->push(q('note'));
	is($run->{created}, 1, 'a row may need all of them') or diag(explain([ $run, $shop->errors ]));
	is($shop->records('brands', 'name')->{Note}{page_title}, join(' ', map { $ids{$_}[1] } sort keys %ids), 'and gets their ids');
	is(scalar(@{ $shop->calls }), 8 + 2, 'each list is one call');
	is($shop->sql("SELECT bcdelta.named('$_', '$ids{$_}[0]')"), $ids{$_}[1], "a session finds the $_") foreach sort keys %ids;
	my %fails = (
		q(SELECT bcdelta.named('location', 'Nowhere')) => qr/ERROR:  the store has no location with the code "Nowhere"/,
		q(SELECT bcdelta.named('warehouse', 'West')) => qr/ERROR:  bcdelta.named\(\) knows no list "warehouse"\nHINT:  The lists are: brand, category, category_tree, channel, customer_group, location, price_list, tax_class/,
		q(SELECT bcdelta.named(NULL, 'West')) => qr/ERROR:  bcdelta.named\(\) needs the name of a list/,
		q(SELECT bcdelta.alter_feed('note', fields => '{"name": "bcdelta.named(''house'', ''x'')::text"}')) => qr/ERROR:  feed "note", field "name": bcdelta.named\(\) knows no list "house"/,
		q(SELECT bcdelta.alter_feed('note', filter => 'id = bcdelta.named(''brand'', ''x'')')) => qr/are not allowed in a filter/);
	like(($shop->try($_))[2], $fails{$_}, $_) foreach sort keys %fails;
	is($shop->sql(q(SELECT bcdelta.named('location', NULL) IS NULL)), 't', 'null is no name');
	$shop->sql(q(CREATE ROLE nobody; SET ROLE nobody; SELECT 1));
	like(($shop->try(q(SET ROLE nobody; SELECT bcdelta.named('location', 'WEST'))))[2], qr/ERROR:  there is no store that role "nobody" may use/, 'only for those who may use the store');
	$shop->sql(q(SELECT bcdelta.untrack('note')));
};

subtest 'feeds of a run share a list, but one that the run has changed is read again' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE place (code text PRIMARY KEY);
SELECT bcdelta.track('place', 'shop', 'location', '{"code": "code", "label": "''Label'' || bcdelta.named(''location'', ''MAIN'')", "type_id": "''VIRTUAL''", "time_zone": "''Etc/UTC''", "managed_by_external_source": "true"}', on_delete => 'delete');
SELECT bcdelta.alter_feed('maker', fields => '{"name": "name", "page_title": "''At '' || bcdelta.named(''location'', ''MAIN'')"}');
INSERT INTO maker VALUES (1, 'Maker 1');
UPDATE stock SET qty = qty + 1 WHERE item = 5;
EOC
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(state created updated)} ], [ 'succeeded', 1, 2 ], 'two feeds') or diag(explain([ $run, $shop->errors ]));
	is(lists(), 1, 'one list');
	$shop->sql(q(INSERT INTO place VALUES ('NEW'); INSERT INTO maker VALUES (2, 'Maker 2'); INSERT INTO stock VALUES (6, 'NEW', 66)));
	$run = $shop->push;
	is_deeply([ @$run{qw(state created updated failed)} ], [ 'succeeded', 2, 1, 0 ], 'a location and its stock in one run') or diag(explain([ $run, $shop->errors ]));
	is((sort { $b <=> $a } values %{ $store->levels(6) })[0], 66, 'at the new location');
	$shop->sql(q(DELETE FROM stock WHERE place = 'NEW'; DELETE FROM place));
	is($shop->push->{deleted}, 1, 'which goes');
	$shop->sql(q(SELECT bcdelta.untrack('place')));
	$shop->sql(q(SELECT bcdelta.alter_feed('maker', fields => '{"name": "name"}')));
	$shop->push;
};

subtest 'a feed that is altered or paused, and a run that is cancelled, while the list is read' => sub {
	foreach my $what (q(SELECT bcdelta.alter_feed('stock', options => '{"batch_size": 100}')), q(SELECT bcdelta.pause('stock')), q(SELECT bcdelta.cancel(max(run_id)) FROM bcdelta.run))
	{
		$store->hold({ match => { path => '^/inventory/locations$' }, process => 'now' });
		$shop->sql(q(UPDATE stock SET qty = qty + 1 WHERE item = 8));
		my $push = $shop->start;
		$shop->wait_held(1);
		my $doing = $shop->start($what);
		$doing->finish unless $what =~ /cancel/;
		$store->release;
		$doing->finish if $what =~ /cancel/;
		$push->finish;
		$shop->sql(q(SELECT bcdelta.resume('stock')));
		$shop->push;
		is_deeply($shop->pending, {}, $what) or diag(explain($shop->errors));
		is((sort { $a <=> $b } values %{ $store->levels(8) })[-1], $shop->sql(q(SELECT max(qty) FROM stock WHERE item = 8)), "$what: the stock is right");
	}
};

subtest 'expressions may catch, hide or provoke errors: the row is read again when the list is there' => sub {
	$shop->sql(<<'EOC');
CREATE FUNCTION public.place_of(text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN 10 / (bcdelta.named('location', $1) - 1);
EXCEPTION WHEN division_by_zero THEN
	RETURN 0;
END $$;
CREATE FUNCTION public.strict_place(text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE id bigint := bcdelta.named('location', $1);
BEGIN
	IF id IS NULL THEN
		RAISE EXCEPTION 'no place';
	END IF;
	RETURN id;
END $$;
CREATE TABLE odd (id int PRIMARY KEY, place text);
SELECT bcdelta.track('odd', 'shop', 'brand', '{"name": "''Odd '' || id",
	"page_title": "coalesce(public.strict_place(place), 99) || '' '' || public.place_of(place) || '' '' || (SELECT count(*) FROM public.odd AS o WHERE o.id = bcdelta.named(''location'', ''WEST''))"}');
INSERT INTO odd VALUES (1, 'WEST'), (2, 'MAIN'), (3, 'Gone');
EOC
	my $run = $shop->push(q('odd'));
	is_deeply([ @$run{qw(created failed)} ], [ 2, 1 ], 'rows whose names are there') or diag(explain([ $run, $shop->errors ]));
	is_deeply([ map { $shop->records('brands', 'name')->{"Odd $_"}{page_title} } 1, 2 ], [ '2 10 1', '1 0 1' ], 'with the ids');
	is($shop->errors->{'odd 3'}, 'the store has no location with the code "Gone"', 'and the name that is missing, whatever the code makes of it');
	$shop->sql(q(SELECT bcdelta.untrack('odd')));
};

subtest 'link and verify read the lists that rows need' => sub {
	$shop->clear;
	$shop->verify(q('stock'));
	is_deeply([ grep { !/missing_in_source/ } @{ $shop->discrepancies } ], [], 'verify finds no difference');
	is(lists(), 1, 'with one list');
	$shop->sql(q(SELECT bcdelta.unlink('stock')));
	$shop->clear;
	is($shop->link(q('stock'))->{linked}, 600, 'link finds all items');
	is(lists(), 1, 'with one list');
	$store->settings({ locations => [ map { { id => $_->[0], code => $_->[1] } } [ 1, 'MAIN' ], [ 3, 'WEST' ], [ 2, 'EAST' ] ] });
	cmp_ok($shop->verify(q('stock'))->{conflicts}, '>', 0, 'a location with another id is a difference');
	$store->settings({ locations => [ map { { id => $_->[0], code => $_->[1] } } [ 1, 'MAIN' ], [ 2, 'WEST' ], [ 3, 'EAST' ] ] });
	$shop->sql(q(SELECT bcdelta.mark_all('stock')));
	$shop->push;
};

subtest 'a list that cannot be read stops its feed and no other, and costs its rows nothing' => sub {
	my $other = 0;
	foreach my $status (503, 200, 404, 403)
	{
		$store->fault({ match => { path => '^/inventory/locations$' }, do => $status == 200 ? { malformed => JSON::PP::true() } : { status => $status, body => { status => $status, title => "Sorry $status" } } });
		$shop->sql(q(UPDATE stock SET qty = qty + 1 WHERE item = 3; INSERT INTO maker VALUES (101 + (SELECT count(*) FROM maker), 'Maker A' || (SELECT count(*) FROM maker))));
		my $run = $shop->push;
		is_deeply([ @$run{qw(state created updated)} ], [ 'failed', 1, 0 ], "$status: the other feed is pushed") or diag(explain($run));
		like($run->{error}, qr/feed "stock" was (stopped|paused): .*the list of locations cannot be read: /, "$status: the run says which list");
		is_deeply([ sort values %{ $shop->pending } ], [ 'ready', 'ready' ], "$status: the rows stay ready");
		is($shop->sql(q(SELECT state FROM bcdelta.status WHERE feed = 'stock')), $status == 403 ? 'paused' : 'active', "$status: the feed");
		$store->unfault;
		$shop->sql(q(SELECT bcdelta.resume('stock'))) if $status == 403;
		is($shop->push->{updated}, 2, "$status: the next run continues");
	}
};

subtest 'what is read during trouble is complete: lost replies, lists that do not end, a killed worker' => sub {
	$store->fault({ match => { path => '^/inventory/locations$' }, times => 1, do => { lose => 'after' } });
	$shop->sql(q(UPDATE stock SET qty = qty + 1 WHERE item = 4));
	is($shop->push->{updated}, 2, 'a lost reply is asked for again');
	$store->unfault;
	$store->fault({ match => { path => '^/inventory/locations$' }, do => { endless => 250 } });
	$shop->sql(q(UPDATE stock SET qty = qty + 1 WHERE item = 4));
	like($shop->push->{error}, qr/the list of locations cannot be read: the store's list does not/, 'an endless list is given up');
	$store->unfault;
	is($shop->sql(q(SELECT count(*) FROM bcdelta.directory WHERE resource = 'location')), 3, 'and the one on record stays');
	$store->hold({ match => { path => '^/inventory/locations$' }, process => 'now' });
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	is($shop->push->{updated}, 2, 'after a kill, the next run reads it');
	is_deeply($shop->pending, {}, 'nothing is left');
};

subtest 'a list belongs to its store' => sub {
	my $live = BCDelta::Store->start(hash => 'live', token => $store->token, args => [ '--quota', 50000 ]);
	$live->settings({ locations => [ { id => 1, code => 'MAIN' }, { id => 9, code => 'WEST' }, { id => 8, code => 'EAST' } ] });
	$live->seed('products', [ map { { id => $_, sku => "S$_", name => "Item $_", type => 'physical', weight => 1, price => 1, inventory_tracking => 'product' } } 1 .. 300 ]);
	$shop->sql(sprintf q(ALTER SERVER shop OPTIONS (SET store_hash 'live', SET api_url '%s')), $live->url);
	like(($shop->try(q(SELECT bcdelta.named('location', 'WEST'))))[2], qr/ERROR:  the store's list of locations has not been read yet/, 'another store has other ids');
	$shop->sql(q(SELECT bcdelta.unlink('stock'); SELECT bcdelta.resume('stock'); SELECT bcdelta.mark_all('stock')));
	is($shop->push(q('stock'))->{updated}, 600, 'its own list is read');
	is($live->levels(7)->{9}, $store->levels(7)->{2}, 'and used');
	is($shop->sql(q(SELECT string_agg(DISTINCT store_id::text, ' ' ORDER BY store_id::text) FROM bcdelta.directory)), '1 8 9', 'the lists of the former store are gone');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
