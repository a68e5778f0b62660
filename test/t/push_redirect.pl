# Redirects: written by site and path whether they exist or not, removed by id alone,
# and another one when the path changes.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('redirect', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$store->settings({ sites => [ 1000, 1001 ] });
$shop->sql(<<'EOC');
CREATE TABLE moved (id int PRIMARY KEY, site int DEFAULT 1000, path text, target text);
SELECT bcdelta.track('moved', 'shop', 'redirect', '{"site_id": "site", "from_path": "path",
	"to": "jsonb_build_object(''type'', ''url'', ''url'', target)"}', on_delete => 'delete');
EOC

sub in_store { return [ sort map { "$_->{site_id} $_->{from_path} $_->{to}{url}" } @{ $store->state('redirects') } ]; }
sub sizes { return [ sort map { $_->{method} eq 'PUT' ? 'PUT ' . scalar @{ $_->{body} } : $_->{method} } $shop->writes ]; }

sub agrees
{
	my ($what) = @_;
	is_deeply(in_store(), [ sort @{ $shop->list("SELECT concat_ws(' ', site, path, target) FROM moved") } ], "$what: the store has the rows");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($shop->list(q(SELECT format('%s %s', l.payload ->> 'from_path', l.store_id) FROM bcdelta.link AS l ORDER BY l.store_id)),
		[ map { "$_->{from_path} $_->{id}" } sort { $a->{id} <=> $b->{id} } @{ $store->state('redirects') } ], "$what: the links lead to them");
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

subtest 'redirects are written fifty at a time, and never looked up before' => sub {
	$store->seed('redirects', [ { site_id => 1000, from_path => '/p7', to => { type => 'url', url => '/before' } } ]);
	$shop->sql(q(INSERT INTO moved (id, path, target) SELECT g, '/p' || g, '/new/' || g FROM generate_series(1, 120) AS g));
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 120, 0 ], 'every row once') or diag(explain($shop->errors));
	is_deeply(sizes(), [ 'PUT 20', 'PUT 50', 'PUT 50' ], 'in three requests');
	is($run->{api_calls}, 3, 'and no other');
	$shop->sql(q(UPDATE moved SET target = '/newer' WHERE id <= 60; DELETE FROM moved WHERE id > 100));
	$shop->clear;
	is_deeply([ @{ $shop->push }{qw(updated deleted)} ], [ 60, 20 ], 'changes and deletes');
	is_deeply(sizes(), [ 'DELETE', 'PUT 10', 'PUT 50' ], 'with three requests');
	is_deeply([ grep { $_->{method} eq 'DELETE' && $_->{query} !~ /^id:in=[0-9,]+$/ } $shop->writes ], [], 'deletes name ids and nothing else');
	agrees('changes');
	$shop->clear;
	is($shop->push->{api_calls}, 0, 'and nothing is left to send');
};

subtest 'link finds redirects by site and path, as they are written' => sub {
	$shop->sql(q(CREATE TABLE old AS SELECT * FROM moved; ALTER TABLE old ADD PRIMARY KEY (id)));
	$shop->sql(q(SELECT bcdelta.track('old', 'shop', 'redirect', '{"site_id": "site", "from_path": "path", "to": "jsonb_build_object(''type'', ''url'', ''url'', target)"}')));
	$shop->sql(q(INSERT INTO old VALUES (201, 1001, '/p1', '/x'), (202, 1000, '/P2', '/x'), (203, 1000, '/p', '/x')));
	$shop->clear;
	is_deeply([ @{ $shop->link(q('old')) }{qw(linked conflicts)} ], [ 100, 3 ], 'all that are there');
	is_deeply($shop->calls, [ ('GET /storefront/redirects') x 2 ], 'with one page of the list, and one of what was found');
	$shop->sql(q(SELECT bcdelta.unlink('old'); DELETE FROM old WHERE id NOT IN (1, 203)));
	$shop->clear;
	is_deeply([ @{ $shop->link(q('old')) }{qw(linked conflicts)} ], [ 1, 1 ], 'or by how they begin');
	is(scalar @{ $shop->calls }, 2, 'one by one');
	$shop->sql(q(SELECT bcdelta.untrack('old'); DROP TABLE old));
};

subtest 'a path that changes is another redirect, and the old one goes' => sub {
	my %ids = map { $_->{from_path} => $_->{id} } @{ $store->state('redirects') };
	$shop->sql(q(UPDATE moved SET path = '/q1' WHERE id = 1; UPDATE moved SET site = 1001 WHERE id = 2;
		UPDATE moved SET path = CASE id WHEN 3 THEN '/p4' ELSE '/p3' END WHERE id IN (3, 4); UPDATE moved SET path = '/p' || id + 1 WHERE id BETWEEN 95 AND 100));
	is_deeply($shop->list(q(SELECT action || ' ' || method FROM bcdelta.preview('moved') WHERE key = '1')), [ 'update DELETE', 'update PUT' ], 'preview shows both requests');
	my $run = $shop->push;
	is_deeply([ @$run{qw(created deleted failed)} ], [ 10, 10, 0 ], 'removed and made') or diag(explain($shop->errors));
	agrees('paths that move');
	is_deeply($shop->list(qq(SELECT outcome || ' ' || coalesce(error, '') FROM bcdelta.result WHERE key = '1' AND run_id = $run->{run_id} ORDER BY attempted_at, outcome DESC)),
		[ "deleted record $ids{'/p1'} was removed: the row needs another one", 'created ' ], 'the result tells both');
	# what is known of a link is forgotten: its record is read before it is replaced
	$shop->sql(q(UPDATE bcdelta.link SET payload = NULL WHERE key IN ('10', '11'); UPDATE moved SET path = '/q10' WHERE id = 10; UPDATE moved SET target = '/q11' WHERE id = 11));
	$run = $shop->push;
	is_deeply([ @$run{qw(created updated deleted)} ], [ 1, 1, 1 ], 'the path is told by the record');
	agrees('forgotten paths');
};

subtest 'what cannot be a redirect is refused by name, and the other rows go on' => sub {
	$shop->sql(q(INSERT INTO moved (id, site, path, target) VALUES (301, 1000, '/self', '/self'), (302, 1000, NULL, '/x'), (303, NULL, '/y', '/x'),
		(304, 1000, '', '/x'), (305, 1000, '/' || repeat('x', 2048), '/x'), (306, 1000, '/fine', '/x'), (307, 1000, '/Self', '/self/')));
	is($shop->push->{created}, 2, 'the good rows are there');
	my $errors = $shop->errors;
	my %says = (301 => qr{^to.url: "/self" is the from_path of the row itself}, 302 => qr/^from_path: /, 303 => qr/^site_id: /, 304 => qr/^from_path: 0 characters/, 305 => qr/^from_path: 2049 characters, at most 2048/);
	like($errors->{"moved $_"}, $says{$_}, "row $_") foreach sort keys %says;
	is(scalar keys %$errors, 5, 'and no other');
	$shop->sql('DELETE FROM moved WHERE id BETWEEN 301 AND 305');
	$shop->push;
	agrees('refused rows');
};

subtest 'members of to are checked one by one' => sub {
	my @bad = (
		[ q({"type": "Product", "entity_id": 1}), qr/^to: type: "Product" is not one of the values that the API accepts/ ],
		[ q({"entity_id": 1}), qr/^to: type: there is no value, and the API requires one/ ],
		[ q({"type": "product"}), qr/^to: entity_id: there is no value, and the API requires one if type is "product"/ ],
		[ q({"type": "product", "entity_id": 0}), qr/^to: entity_id: "0" is less than 1/ ],
		[ q({"type": "product", "entity_id": 1.5}), qr/^to: entity_id: "1.5" is not an integer/ ],
		[ q({"type": "product", "entity_id": "1"}), qr/^to: entity_id: "1" is not an integer/ ],
		[ q({"type": "product", "entity_id": 1, "url": "/x"}), qr/^to: url: no value is allowed if type is "product"/ ],
		[ q({"type": "url"}), qr/^to: url: there is no value, and the API requires one if type is "url"/ ],
		[ q({"type": "url", "url": null}), qr/^to: url: there is no value/ ],
		[ q({"type": "url", "url": ""}), qr/^to: url: 0 characters, at least 1 are needed/ ],
		[ '{"type": "url", "url": "/' . 'x' x 2048 . '"}', qr/^to: url: 2049 characters, at most 2048 are allowed/ ],
		[ q({"type": "url", "url": "/x", "entity_id": 3}), qr/^to: entity_id: no value is allowed if type is "url"/ ],
		[ q({"type": "url", "url": "/x", "status": 302}), qr/^to: there is no field "status"/ ],
		[ q(["url", "/x"]), qr/^to: .* is not an object/ ],
		[ q("/x"), qr/^to: "\/x" is not an object/ ]);
	$shop->sql(q(CREATE TABLE led (id int PRIMARY KEY, leads jsonb);
SELECT bcdelta.track('led', 'shop', 'redirect', '{"site_id": "1000", "from_path": "''/old'' || id", "to": "leads"}', on_delete => 'delete')));
	$shop->sql("INSERT INTO led VALUES ($_, \$\$$bad[$_][0]\$\$)") foreach 0 .. $#bad;
	$shop->sql(q(INSERT INTO led VALUES (99, '{"type": "url", "url": "/fine", "entity_id": null}')));
	$shop->clear;
	is($shop->push->{created}, 1, 'the good row is written');
	is_deeply([ map { $_->{body}[0]{to} } $shop->writes ], [ { type => 'url', url => '/fine' } ], 'without members that have no value');
	my $errors = $shop->errors;
	like($errors->{"led $_"}, $bad[$_][1], $bad[$_][0] =~ s/x{9,}/x.../r) foreach 0 .. $#bad;
	$shop->sql('DELETE FROM led');
	$shop->push;
	agrees('members');
};

subtest 'a redirect that leads to a row of another feed comes after it, and follows its record' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE maker (code text PRIMARY KEY, name text);
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}', on_delete => 'delete');
SELECT bcdelta.alter_feed('led', fields => '{"site_id": "1000", "from_path": "''/old'' || id", "to": "jsonb_build_object(''type'', ''brand'', ''entity_id'', bcdelta.ref(''maker'', leads #>> ''{}''))"}');
INSERT INTO led VALUES (1, '"A"'), (2, '"B"'), (3, '"C"');
INSERT INTO maker VALUES ('A', 'Maker A'), ('C', 'Maker C');
EOC
	# ids have 64 bits
	$store->seed('brands', [ { id => 3_000_000_001, name => 'Maker C' } ]);
	$shop->link("'maker'");
	$shop->push;
	is($shop->pending->{'led 2'}, 'deferred', 'one waits for its target');
	is((map { $_->{to}{entity_id} } grep { $_->{from_path} eq '/old3' } @{ $store->state('redirects') })[0], 3_000_000_001, 'one has a large id');
	my $target = sub { return (map { $_->{to}{entity_id} } grep { $_->{from_path} eq '/old1' } @{ $store->state('redirects') })[0]; };
	is($target->(), $shop->id('maker', 'A'), 'the other one leads to it');
	my $was = $shop->id('maker', 'A');
	$store->remove('brand', $was);
	$shop->sql(q(UPDATE maker SET name = 'Maker A2' WHERE code = 'A'; INSERT INTO maker VALUES ('B', 'Maker B')));
	$shop->push;
	isnt($shop->id('maker', 'A'), $was, 'a record that was made again');
	is($target->(), $shop->id('maker', 'A'), 'is where the redirect leads to');
	is_deeply($shop->pending, {}, 'nothing is left pending') or diag(explain($shop->errors));
	$shop->sql('DELETE FROM led; DELETE FROM maker');
	$shop->push;
	agrees('references');
	$shop->sql(q(SELECT bcdelta.untrack('led')));
};

subtest 'two rows with one path: one is the redirect, the other fails by name' => sub {
	$shop->sql(q(INSERT INTO moved (id, path, target) VALUES (310, '/twin', '/one'), (311, '/twin', '/other')));
	$shop->push;
	is(join(' ', values %{ $shop->pending }), 'failed', 'one row fails') or diag(explain($shop->errors));
	like((values %{ $shop->errors })[0], qr/\b31[01]\b/, 'and names the other');
	$shop->sql(q(UPDATE moved SET path = '/single' WHERE id = 311; SELECT bcdelta.retry('moved')));
	$shop->push;
	agrees('twins');
};

subtest 'a bad redirect in a batch is found by halves, whatever the store keeps of a refused batch' => sub {
	my $from = 400;
	foreach my $mode (qw(atomic prefix))
	{
		$store->settings({ redirect_mode => $mode });
		$shop->sql(sprintf(q(INSERT INTO moved (id, path, target) SELECT g, CASE WHEN g %% 20 = 6 THEN 'no' ELSE '/' END || 'slash' || g, '/x' FROM generate_series(%d, %d) AS g), $from, $from + 19));
		is_deeply([ @{ $shop->push }{qw(created failed)} ], [ 19, 1 ], "$mode: one fails") or diag(explain($shop->errors));
		is($shop->pending->{ 'moved ' . ($from + 6) }, 'failed', "$mode: the bad one");
		$shop->sql(sprintf(q(UPDATE moved SET path = '/good%d' WHERE id = %d), $from, $from + 6));
		$shop->push;
		agrees("a bad row, $mode");
		$from += 20;
	}
	$store->settings({ redirect_mode => 'atomic' });
};

subtest 'lost replies and a killed worker leave no redirect behind' => sub {
	my $from = 500;
	foreach my $how (qw(before after))
	{
		foreach my $method (qw(PUT DELETE))
		{
			$shop->sql(sprintf(q(INSERT INTO moved (id, path, target) SELECT g, '/lost' || g, '/x' FROM generate_series(%d, %d) AS g), $from, $from + 4));
			$shop->push if $method eq 'DELETE';
			$store->fault({ match => { method => $method }, times => 1, do => { lose => $how } });
			$shop->sql(sprintf(q(UPDATE moved SET path = '/found' || id WHERE id BETWEEN %d AND %d), $from, $from + 4));
			$shop->push;
			agrees("$method lost $how");
			$store->unfault;
			$from += 10;
		}
	}
	foreach my $method (qw(PUT DELETE))
	{
		$store->hold({ match => { method => $method }, process => 'now' });
		$shop->sql(sprintf(q(INSERT INTO moved (id, path, target) VALUES (%d, '/kill%s', '/x'); UPDATE moved SET path = '/killed%s' || id WHERE id BETWEEN 500 AND 504), $from, $method, $method));
		my $push = $shop->start;
		$shop->wait_held(1);
		kill_worker($shop->node, 'shop', 'KILL');
		$push->finish;
		$store->release;
		# the row of a create that is lost has another path by now
		$shop->sql(sprintf(q(UPDATE moved SET path = path || 'x' WHERE id = %d), $from++));
		$shop->push;
		agrees("a kill at $method");
	}
};

subtest 'verify sweeps redirects, and lists what differs; push mends what is gone or was changed' => sub {
	my %at = map { $_->{from_path} => $_->{id} } @{ $store->state('redirects') };
	$store->edit('redirect', $at{'/p20'}, { to => { type => 'url', url => '/other' } });
	$store->edit('redirect', $at{'/p21'}, { from_path => '/elsewhere' });
	$store->control('remove', { resource => 'redirect', id => $at{'/p22'} });
	$store->seed('redirects', [ { site_id => 1000, from_path => '/extra', to => { type => 'url', url => '/x' } } ]);
	$shop->clear;
	$shop->verify(q('moved'));
	is_deeply([ map { s/\|#\d+/|#/r } @{ $shop->discrepancies } ], [ 'moved|#|missing_in_source|from_path|/extra', 'moved|20|different|to|{"url": "/newer", "type": "url"}|{"type":"url","url":"/other"}',
		'moved|21|different|from_path|/p21|/elsewhere', 'moved|22|missing_in_store' ], 'four differences') or diag(explain($shop->discrepancies));
	is_deeply([ grep { $_ ne 'GET /storefront/redirects' } @{ $shop->calls } ], [], 'reads alone');
	cmp_ok(scalar @{ $shop->calls }, '<=', 4, 'few of them');
	$shop->sql(q(SELECT bcdelta.mark('moved', '20', '21', '22')));
	$shop->push;
	$store->control('remove', { resource => 'redirect', id => $_->{id} }) foreach grep { $_->{from_path} eq '/extra' } @{ $store->state('redirects') };
	agrees('mended');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
