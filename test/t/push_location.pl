# Locations: found by their code, written in batches whose replies name none of
# them, and listed a little later.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('location', server => { timeout => 10 }, store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$store->settings({ locations => [ { id => 1, code => 'MAIN', label => 'Main' }, { id => 2, code => 'WEST', label => 'Old' } ], location_delay_ms => 100 });
$shop->sql(<<'EOC');
CREATE TABLE place (id int PRIMARY KEY, code text, label text, open boolean NOT NULL DEFAULT true);
SELECT bcdelta.track('place', 'shop', 'location', '{"code": "code", "label": "label", "type_id": "''VIRTUAL''", "time_zone": "''Etc/UTC''",
	"managed_by_external_source": "true", "enabled": "open"}', on_delete => 'delete');
CREATE TABLE item (id int PRIMARY KEY, qty int NOT NULL, place int NOT NULL);
EOC

sub agrees
{
	my ($what) = @_;
	is_deeply([ sort map { "$_->{code}|$_->{label}|" . ($_->{enabled} ? 't' : 'f') } grep { $_->{id} > 1 } @{ $store->state('locations') } ],
		[ sort @{ $shop->list(q(SELECT concat_ws('|', code, label, left(open::text, 1)) FROM place)) } ], "$what: the store has the rows");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

sub sizes { return [ map { "$_->{method} " . (ref $_->{body} ? scalar @{ $_->{body} } : $_->{query}) } $shop->writes ]; }

subtest 'locations are linked by code, created in one batch, and found when the store lists them' => sub {
	$shop->sql(q(INSERT INTO place SELECT g, 'P' || g, 'Place ' || g FROM generate_series(10, 49) AS g; INSERT INTO place VALUES (1, 'WEST', 'West')));
	is_deeply([ @{ $shop->link(q('place')) }{qw(linked conflicts)} ], [ 1, 40 ], 'the one that is there');
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(state created updated linked failed)} ], [ 'succeeded', 40, 1, 0, 0 ], 'the others are created') or diag(explain([ $run, $shop->errors ]));
	is_deeply([ sort @{ sizes() } ], [ 'POST 40', 'PUT 1' ], 'with one request');
	cmp_ok(scalar(@{ $shop->calls }), '<=', 6, 'and a few looks');
	is_deeply($shop->list(q(SELECT outcome || ' ' || coalesce(error, '') FROM bcdelta.result WHERE key = '10' ORDER BY attempted_at)),
		[ 'retry the store has accepted the record, but does not list it yet', 'created ' ], 'the row tells what happened');
	is($shop->id('place', 10), (grep { $_->{code} eq 'P10' } @{ $store->state('locations') })[0]{id}, 'its id is known');
	agrees('creates');
};

subtest 'only what changes is written, and codes may be exchanged' => sub {
	$shop->clear;
	$shop->sql(q(UPDATE place SET label = label || '!' WHERE id <= 12; UPDATE place SET code = CASE id WHEN 20 THEN 'P21' ELSE 'P20' END WHERE id IN (20, 21)));
	$shop->push;
	is_deeply([ grep { !/^PUT/ } @{ sizes() } ], [], 'by updates');
	agrees('changes');
	is_deeply([ @{ $shop->verify(q('place')) }{qw(state conflicts)} ], [ 'succeeded', 1 ], 'verify finds the default location, which has no row');
	$shop->sql(q(DELETE FROM place WHERE id > 30));
	$shop->clear;
	is($shop->push->{deleted}, 19, 'deletes');
	like(join(' ', @{ sizes() }), qr/^DELETE location_id:in=[\d,%C]+$/, 'with one request, by ids');
	agrees('deletes');
};

subtest 'lost replies, slow stores and a killed worker create no location twice' => sub {
	my $n = 100;
	foreach my $how (qw(before after))
	{
		$store->fault({ match => { method => 'POST' }, times => 1, do => { lose => $how } });
		$shop->sql("INSERT INTO place SELECT g, 'P' || g, 'Lost' FROM generate_series($n, $n + 2) AS g");
		$shop->push;
		agrees("a reply lost $how");
		$store->unfault;
		$n += 10;
	}
	$store->settings({ location_codes => 'free', location_delay_ms => 3_600_000 });
	$shop->sql(q(INSERT INTO place VALUES (200, 'SLOW', 'Slow')));
	my $push = $shop->start;
	$shop->wait_for(q(SELECT count(*) FROM bcdelta.result WHERE key = '200' AND outcome = 'retry'), 2);
	$store->settle;
	$push->finish;
	agrees('a store that takes its time');
	$store->settings({ location_codes => 'unique', location_delay_ms => 0 });
	$store->hold({ match => { method => 'POST' }, process => 'now' });
	$shop->sql(q(INSERT INTO place VALUES (210, 'KILL', 'Kill')));
	$push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->push;
	agrees('a kill');
};

subtest 'what the store refuses is told, and the other rows go on' => sub {
	$shop->sql(q(INSERT INTO place VALUES (300, NULL, 'No code'), (301, '', 'Empty'), (302, 'P302', ''), (303, 'MAIN', 'Default'), (304, 'P304', 'Good'), (305, 'P304', 'Twin')));
	$shop->push;
	my $errors = $shop->errors;
	like($errors->{'place 300'}, qr/^code: /, 'no code');
	like($errors->{'place 301'}, qr/^code: /, 'an empty one');
	like($errors->{'place 302'}, qr/^label: 0 characters/, 'no label');
	my ($twin) = grep { $errors->{"place $_"} } 304, 305;
	my $other = 609 - $twin;
	like($errors->{"place $twin"}, qr/\b$other\b/, 'a code of another row');
	is_deeply([ sort keys %$errors ], [ map { "place $_" } 300 .. 302, $twin ], 'no other row fails');
	$shop->sql(qq(DELETE FROM place WHERE id IN (300, 301, 302, $twin)));
	$shop->push;
	$shop->sql(qq(DELETE FROM place WHERE id IN (303, $other)));
	$shop->push;
	like($shop->errors->{'place 303'}, qr/shipping origin/, 'the default location is not deleted');
	$shop->sql(q(INSERT INTO place VALUES (303, 'MAIN', 'Default')));
	$shop->push;
	$store->settings({ max_locations => 3 });
	$shop->sql(q(INSERT INTO place VALUES (306, 'P306', 'One too many')));
	$shop->push;
	like($shop->errors->{'place 306'}, qr/most active locations/, 'the limit of the plan');
	$store->settings({ max_locations => 100 });
	$shop->sql(q(DELETE FROM place WHERE id IN (303, 306); SELECT bcdelta.unlink('place', '303'); SELECT bcdelta.retry('place')));
	$shop->push;
};

subtest 'stock waits for its location' => sub {
	$shop->sql(<<'EOC');
INSERT INTO place VALUES (400, 'NEW', 'New');
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "''Item '' || id", "price": "1", "type": "''physical''", "weight": "1", "inventory_tracking": "''product''"}');
SELECT bcdelta.track('item', 'shop', 'inventory', '{"product_id": "bcdelta.ref(''item'', id)", "location_id": "bcdelta.ref(''place'', place)", "quantity": "qty"}', feed => 'stock');
INSERT INTO item SELECT g, g, 400 FROM generate_series(1, 5) AS g;
EOC
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated failed deferred)} ], [ 6, 5, 0, 0 ], 'in one run') or diag(explain([ $run, $shop->errors ]));
	is($store->levels($shop->id('item', 3))->{ $shop->id('place', 400) }, 3, 'at the new location');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
