# Customers: found by their e-mail address, written ten at a time, and refused in
# words that name none of them.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('customer', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE person (id int PRIMARY KEY, mail text, first text, last text DEFAULT 'Bell', firm text, news boolean, greet boolean);
SELECT bcdelta.track('person', 'shop', 'customer', '{"email": "mail", "first_name": "first", "last_name": "last", "company": "firm",
	"accepts_product_review_abandoned_cart_emails": "news", "trigger_account_created_notification": "greet"}', on_delete => 'delete');
EOC

sub mails { return { map { $_->{id} => $_->{email} } @{ $store->state('customers') } }; }
sub sizes { return [ map { "$_->{method} " . scalar @{ $_->{body} // [] } } $shop->writes ]; }

# What is refused in a batch is told in no better words than these.
sub refuse
{
	my ($method, $body, $text) = @_;
	$store->fault({ match => { method => $method, path => '^/customers$', body => $body },
		do => { status => 422, body => { status => 422, title => 'Customers failed.', errors => { '.customer' => $text } } } });
	return;
}

sub agrees
{
	my ($what) = @_;
	my @columns = qw(email first_name last_name company);
	is_deeply([ sort map { lc join('|', @$_{@columns}) } @{ $store->state('customers') } ],
		[ sort @{ $shop->list("SELECT lower(concat_ws('|', mail, first, last, coalesce(firm, ''))) FROM person") } ], "$what: the store has the rows");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

subtest 'link finds customers by their address, ignoring case, many at a time' => sub {
	$store->seed('customers', [ map { { id => $_, email => "N$_\@Example.org", first_name => "N$_", last_name => 'Bell' } } 1 .. 30 ]);
	$store->seed('customers', [ { id => 31, email => q(o'n31+tag&x=1@example.org), first_name => 'N31', last_name => 'Bell' } ]);
	$shop->sql(q(INSERT INTO person (id, mail, first) SELECT g, format('n%s@example.org', g), 'N' || g FROM generate_series(1, 32) AS g));
	$shop->sql(q(UPDATE person SET mail = 'o''n31+tag&x=1@example.org' WHERE id = 31));
	$shop->clear;
	my $run = $shop->link(q('person'));
	is_deeply([ @$run{qw(linked conflicts)} ], [ 31, 1 ], 'all that are there');
	is_deeply($shop->calls, ['GET /customers'], 'with one request');
	is($shop->id('person', 7), 7, 'each its own');
};

subtest 'customers are created, changed and deleted in batches, with what the rows say and nothing else' => sub {
	$shop->sql(q(INSERT INTO person (id, mail, first, firm) SELECT g, format('n%s@example.org', g), 'N' || g, 'Ltd' FROM generate_series(33, 55) AS g));
	$shop->sql(q(UPDATE person SET mail = lower(mail), first = first || 'a' WHERE id <= 12));
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated failed)} ], [ 24, 12, 0 ], 'every row once') or diag(explain($shop->errors));
	is_deeply([ sort @{ sizes() } ], [ 'POST 10', 'POST 10', 'POST 4', 'PUT 10', 'PUT 2' ], 'ten at a time');
	is_deeply([ grep { /accepts|trigger|channel/ } map { map { keys %$_ } @{ $_->{body} } } $shop->writes ], [], 'no consent is invented, and no mail asked for');
	is_deeply([ sort keys %{ ($shop->records('customers', 'email')->{'n33@example.org'}) } ],
		[ sort keys %{ $store->state('customers')->[0] } ], 'the store fills in the rest');
	$shop->sql('DELETE FROM person WHERE id > 40; UPDATE person SET news = id % 2 = 0 WHERE id < 3');
	$shop->clear;
	$run = $shop->push;
	is_deeply([ @$run{qw(updated deleted)} ], [ 2, 15 ], 'consent is sent where the row tells it');
	is(scalar(grep { $_->{method} eq 'DELETE' } $shop->writes), 1, 'deletes go together');
	$shop->clear;
	is_deeply([ @{ $shop->push }{qw(updated unchanged)} ], [ 0, 0 ], 'and nothing is left to send');
	is_deeply($shop->calls, [], 'nor to ask');
};

subtest 'a welcome mail goes to new customers whose row asks for it, and only once' => sub {
	$shop->sql(q(INSERT INTO person (id, mail, first, greet) VALUES (60, 'yes@example.org', 'Yes', true), (61, 'no@example.org', 'No', false), (62, 'null@example.org', 'Null', NULL)));
	$shop->push;
	is_deeply($store->state('welcomed'), ['yes@example.org'], 'by the create');
	$shop->sql('UPDATE person SET greet = NOT coalesce(greet, false), firm = NULL WHERE id >= 60');
	$shop->clear;
	is($shop->push->{unchanged}, 3, 'no update asks for one');
	$shop->sql(q(UPDATE person SET firm = 'Ltd' WHERE id >= 60));
	is($shop->push->{updated}, 3, 'other changes are sent without it');
	is_deeply($store->state('welcomed'), ['yes@example.org'], 'nobody gets another one');
	$shop->sql('DELETE FROM person WHERE id >= 60');
	$shop->push;
	agrees('mails');
};

subtest 'values that no customer can have are refused by field and limit, and the other rows go on' => sub {
	my $long = 'x' x 101;
	$shop->sql(<<"EOC");
INSERT INTO person (id, mail, first, last, firm) VALUES (70, ' n70\@example.org', 'A', 'B', NULL), (71, 'n71.example.org', 'A', 'B', NULL), (72, 'n72\@example.org', '', 'B', NULL),
	(73, 'n73\@example.org', '$long', 'B', NULL), (74, NULL, 'A', 'B', NULL), (75, 'n75\@example.org', 'A', NULL, NULL), (76, repeat('x', 250) || '\@a.b', 'A', 'B', NULL),
	(77, 'n77\@example.org', 'A', 'B', repeat('x', 256)), (78, 'N78\@Example.ORG', 'A', 'B', ''), (79, 'ok\@example.org', 'A', 'B', '');
EOC
	is_deeply([ map { $_->{action} } @{ $shop->value(q(SELECT jsonb_agg(p ORDER BY key) AS o FROM bcdelta.preview('person') AS p WHERE key >= '70'))->{o} } ],
		[ ('invalid') x 8, 'create', 'create' ], 'preview says so');
	is($shop->push->{created}, 2, 'the good rows are created');
	my $errors = $shop->errors;
	my %says = (70 => qr/^email: " n70\@example.org" is not an e-mail address/, 71 => qr/^email: "n71.example.org" is not an e-mail/, 72 => qr/^first_name: 0 characters, at least 1/,
		73 => qr/^first_name: 101 characters, at most 100/, 74 => qr/^email: /, 75 => qr/^last_name: /, 76 => qr/^email: 254 characters, at most 250/, 77 => qr/^company: 256 characters, at most 255/);
	like($errors->{"person $_"}, $says{$_}, "row $_") foreach sort keys %says;
	is(scalar(keys %$errors), 8, 'and no other');
	$shop->sql('DELETE FROM person WHERE id BETWEEN 70 AND 77');
	$shop->push;
	agrees('refused rows');
};

subtest 'if two rows have one address, one gets the customer, and the other fails and names it' => sub {
	$shop->sql(q(INSERT INTO person (id, mail, first) VALUES (80, 'twin@example.org', 'One'), (81, 'TWIN@example.org', 'Other')));
	$shop->push;
	is(scalar(grep { /^twin/i } values %{ mails() }), 1, 'one customer');
	is(join(' ', values %{ $shop->pending }), 'failed', 'one row fails') or diag(explain($shop->errors));
	like((values %{ $shop->errors })[0], qr/\b8[01]\b/, 'and names the other');
	$shop->sql(q(UPDATE person SET mail = 'single@example.org' WHERE id = 81));
	$shop->sql(q(SELECT bcdelta.retry('person')));
	$shop->push;
	agrees('twins');
};

subtest 'a bad row in a batch of ten is found by halving, and the others are saved, whatever the store keeps of a refused batch' => sub {
	my $from = 100;
	foreach my $mode (qw(atomic prefix))
	{
		$store->settings({ customer_mode => $mode });
		refuse('POST', 'Bad', 'An error occurred') if $mode eq 'atomic';
		# values that the store refuses for reasons that only it knows
		$shop->sql(sprintf(q(INSERT INTO person (id, mail, first) SELECT g, format('%%sn%%s@example.org', CASE WHEN g %% 10 = 6 THEN 'a,b' END, g), CASE WHEN g %% 10 = 6 THEN 'Bad' ELSE 'Good' END FROM generate_series(%d, %d) AS g), $from, $from + 9));
		my $run = $shop->push;
		# records that a refused batch has created are found
		is_deeply([ $run->{created} + $run->{linked}, $run->{failed} ], [ 9, 1 ], "$mode: one fails") or diag(explain([ $run, $shop->errors ]));
		is($shop->pending->{ 'person ' . ($from + 6) }, 'failed', "$mode: the bad one");
		like($shop->errors->{ 'person ' . ($from + 6) }, qr/422 /, "$mode: in the store's words");
		$store->unfault;
		$shop->sql(sprintf(q(UPDATE person SET mail = 'g%d@example.org' WHERE id = %d), $from, $from + 6));
		$shop->push;
		agrees("a bad row, $mode");
		$from += 10;
	}
	$store->settings({ customer_mode => 'atomic' });
};

subtest 'a row is not linked by an address that several customers have' => sub {
	$store->settings({ email_unique => 'channel' });
	$store->seed('customers', [ map { { id => $_, email => 'Shared@example.org', first_name => 'S', last_name => 'S', origin_channel_id => $_ - 900 } } 901, 902 ]);
	$shop->sql(q(INSERT INTO person (id, mail, first) VALUES (200, 'shared@example.org', 'Ann')));
	$shop->clear;
	is($shop->push->{failed}, 1, 'the row fails');
	is($shop->errors->{'person 200'}, 'email: 2 records of the store have "shared@example.org" (id 901, 902); link the row to one of them', 'and names them');
	is_deeply([ $shop->writes ], [], 'nothing is written');
	is($shop->link(q('person'))->{linked}, 0, 'nor linked');
	$shop->sql(q(SELECT bcdelta.link('person', '200', 902); SELECT bcdelta.retry('person')));
	is($shop->push->{updated}, 1, 'linked by hand, it is pushed');
	is($shop->record('customers', 902)->{first_name}, 'Ann', 'to that one');
	$store->control('remove', { resource => 'customer', id => 901 });
	agrees('several customers');
	$store->settings({ email_unique => 'store' });
};

subtest 'customers whose addresses move keep their records' => sub {
	my $before = mails();
	$shop->sql(q(UPDATE person SET mail = format('n%s@example.org', id % 3 + 1) WHERE id <= 3));
	$shop->push;
	agrees('addresses in a circle');
	is_deeply([ map { mails()->{$_} } 1 .. 3 ], [ map { "n$_\@example.org" } 2, 3, 1 ], 'each record has its row\'s');
};

subtest 'lost replies and a killed worker create no customer twice' => sub {
	my $from = 300;
	foreach my $how (qw(before after))
	{
		$store->fault({ match => { method => 'POST' }, times => 2, do => { lose => $how } });
		$shop->sql(sprintf(q(INSERT INTO person (id, mail, first) SELECT g, format('n%%s@example.org', g), 'N' FROM generate_series(%d, %d) AS g), $from, $from + 14));
		$shop->push;
		agrees("replies lost $how");
		$store->unfault;
		$from += 20;
	}
	$store->hold({ match => { method => 'POST' }, process => 'now' });
	$shop->sql(sprintf(q(INSERT INTO person (id, mail, first) SELECT g, format('n%%s@example.org', g), 'N' FROM generate_series(%d, %d) AS g), $from, $from + 14));
	my $push = $shop->start;
	$shop->wait_held(2);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->push;
	agrees('a kill');
};

subtest 'verify reads customers page by page, and lists differences' => sub {
	$store->edit('customer', 5, { first_name => 'Other' });
	$store->control('remove', { resource => 'customer', id => 6 });
	$store->seed('customers', [ { id => 999, email => 'extra@example.org', first_name => 'E', last_name => 'X' } ]);
	$shop->clear;
	my $run = $shop->verify(q('person'));
	is_deeply($shop->discrepancies, [ 'person|#999|missing_in_source|email|extra@example.org', 'person|5|different|first_name|N5a|Other', 'person|6|missing_in_store' ], 'three differences')
	  or diag(explain([ $run, $shop->discrepancies ]));
	is_deeply([ grep { $_ ne 'GET /customers' } @{ $shop->calls } ], [], 'reads alone');
	cmp_ok(scalar @{ $shop->calls }, '<=', 4, 'few of them');
};

subtest 'a customer that is gone is created again, and cannot be hidden' => sub {
	$shop->sql(q(UPDATE person SET firm = 'New' WHERE id = 6));
	$shop->push;
	is_deeply($shop->pending, {}, 'created again') or diag(explain($shop->errors));
	is($shop->records('customers', 'email')->{'n6@example.org'}{company}, 'New', 'with what the row has');
	like(($shop->try(q(SELECT bcdelta.track('person', 'shop', 'customer', '{"email": "mail"}', feed => 'shy', on_delete => 'hide'))))[2],
		qr/ERROR:.*hid/, 'no customer can be hidden');
};

subtest 'a customer that a reply leaves out is looked up, and made once, whether the store has made it or not' => sub {
	my $from = 600;
	foreach my $do ({ drop_item => 3 }, { status => 200, body => { data => [], meta => {} } })
	{
		$store->fault({ match => { method => 'POST', path => '^/customers$' }, times => 1, do => $do });
		$shop->sql(sprintf(q(INSERT INTO person (id, mail, first) SELECT g, format('n%%s@example.org', g), 'N' FROM generate_series(%d, %d) AS g), $from, $from + 9));
		my $run = $shop->push;
		is($run->{created} + $run->{linked}, 10, 'each row is done');
		is($shop->sql("SELECT count(*), count(DISTINCT l.store_id) FROM bcdelta.link AS l WHERE key::int BETWEEN $from AND $from + 9 AND feed = 'person'"), '10|10', 'and has a customer of its own');
		$from += 10;
	}
	$shop->sql('DELETE FROM person WHERE id BETWEEN 600 AND 619');
	$shop->push;
	is_deeply($shop->pending, {}, 'nothing is left pending');
};

subtest 'deletes go a hundred at a time, and a verify reads as many pages as it needs' => sub {
	$shop->sql(q(INSERT INTO person (id, mail, first) SELECT g, format('m%s@example.org', g), 'M' FROM generate_series(1001, 1620) AS g));
	$shop->clear;
	is($shop->push->{created}, 620, 'created');
	is(scalar(grep { $_->{method} eq 'POST' } $shop->writes), 62, 'ten at a time');
	cmp_ok(scalar(grep { $_ eq 'GET /customers' } @{ $shop->calls }), '<=', 5, 'after looking up as many as fit into a URL');
	$store->seed('customers', [ map { { id => 20000 + $_, email => "extra$_\@example.org", first_name => 'E', last_name => 'X' } } 1 .. 2 ]);
	$shop->clear;
	$shop->verify(q('person'));
	is_deeply([ grep { /#2000/ } @{ $shop->discrepancies } ], [ map { "person|#2000$_|missing_in_source|email|extra$_\@example.org" } 1, 2 ], 'the last page tells what no row has');
	my $pages = scalar @{ $shop->calls };
	cmp_ok($pages, '<=', 8, "$pages requests: three pages of rows, the number of records, three pages of the list, a second look");
	$store->control('remove', { resource => 'customer', id => 20000 + $_ }) foreach 1, 2;
	$shop->sql('DELETE FROM person WHERE id BETWEEN 1001 AND 1230');
	$shop->clear;
	is($shop->push->{deleted}, 230, 'deleted');
	is_deeply([ sort { $a <=> $b } map { scalar split /,/, $_->{query} =~ s/.*id:in=//r } $shop->writes ], [ 30, 100, 100 ], 'by their ids, a hundred at a time');
	$shop->sql('DELETE FROM person WHERE id > 1230');
	$shop->push;
	is_deeply($store->violations, {}, 'no rule of the API was broken');
};

subtest 'a row whose address changes while it is looked up finds the right customer' => sub {
	$store->seed('customers', [ { id => 30001, email => 'before@example.org', first_name => 'B', last_name => 'Bell' }, { id => 30002, email => 'after@example.org', first_name => 'A', last_name => 'Bell' } ]);
	$store->hold({ match => { method => 'GET', path => '^/customers$' }, process => 'now' });
	$shop->sql(q(INSERT INTO person (id, mail, first) VALUES (400, 'before@example.org', 'Held'), (401, 'held@example.org', 'Held')));
	my $push = $shop->start;
	$shop->wait_held(1);
	$shop->sql(q(UPDATE person SET mail = 'after@example.org' WHERE id = 400; DELETE FROM person WHERE id = 401));
	$store->release;
	$push->finish;
	$shop->push;
	# it was linked before the change was known: its customer gets the other address, or fails to
	is($shop->id('person', 400), 30001, 'the row keeps the customer that it has found');
	is(scalar(grep { /^held/ } values %{ mails() }), 0, 'a row that is gone leaves nothing');
	like($shop->errors->{'person 400'}, qr/after\@example.org is in use/, 'an address that another customer has is refused, in words');
	$store->control('remove', { resource => 'customer', id => 30002 });
	$shop->sql(q(SELECT bcdelta.retry('person')));
	$shop->push;
	is(mails()->{30001}, 'after@example.org', 'until it is free');
	is_deeply($shop->pending, {}, 'nothing is left pending');
};

subtest 'a list that is cut short does not hide one of several customers with an address' => sub {
	$store->settings({ email_unique => 'channel', max_limit => 3 });
	$store->seed('customers', [ map { my $n = $_; map { { id => 40000 + 10 * $n + $_, email => "cut$n\@example.org", first_name => 'C', last_name => 'Bell', origin_channel_id => $_ } } $n == 2 ? (1, 2) : (1) } 1 .. 6 ]);
	$shop->sql(q(INSERT INTO person (id, mail, first) SELECT 500 + g, format('cut%s@example.org', g), 'C' FROM generate_series(1, 6) AS g));
	my $run = $shop->push;
	is_deeply([ @$run{qw(linked created failed)} ], [ 5, 0, 1 ], 'five have one') or diag(explain([ $run, $shop->errors ]));
	like($shop->errors->{'person 502'}, qr/2 records of the store have "cut2\@example.org"/, 'the other one has two');
	$store->settings({ email_unique => 'store', max_limit => 250 });
	$shop->sql('DELETE FROM person WHERE id BETWEEN 501 AND 506');
	$shop->push;
	$store->control('remove', { resource => 'customer', id => $_ }) foreach 40021, 40022;
	is_deeply($shop->pending, {}, 'nothing is left pending');
};

subtest 'rows of two feeds exchange their addresses, and keep their customers' => sub {
	$shop->sql(q(CREATE TABLE guest (id int PRIMARY KEY, mail text, first text)));
	$shop->sql(q(SELECT bcdelta.track('guest', 'shop', 'customer', '{"email": "mail", "first_name": "first", "last_name": "''Bell''"}', on_delete => 'delete')));
	$shop->sql(q(INSERT INTO guest SELECT g, format('g%s@example.org', g), 'G' FROM generate_series(1, 3) AS g));
	$shop->push;
	my %had = map { $_ => $shop->id('person', $_) } 1, 2;
	my %guest = map { $_ => $shop->id('guest', $_) } 1, 2;
	$shop->sql(q(UPDATE guest SET mail = (SELECT lower(mail) FROM person WHERE person.id = guest.id) WHERE id < 3; UPDATE person SET mail = format('g%s@example.org', id) WHERE id < 3));
	$shop->push;
	is_deeply($shop->pending, {}, 'one push does it') or diag(explain($shop->errors));
	is_deeply([ map { mails()->{ $had{$_} } } 1, 2 ], [ map { "g$_\@example.org" } 1, 2 ], 'customers of the one feed');
	is_deeply([ map { mails()->{ $guest{$_} } } 1, 2 ], $shop->list('SELECT mail FROM guest WHERE id < 3 ORDER BY id'), 'and of the other');
	is(scalar(grep { /\+\d/ } values %{ mails() }), 0, 'none keeps an interim address');
};

subtest 'rows exchange their addresses where the contents of some records are not known' => sub {
	my $exchange = q(WITH p AS (SELECT id, mail FROM person WHERE id IN (%1$s)), g AS (SELECT id, mail FROM guest WHERE id IN (%1$s)), one AS (UPDATE person SET mail = g.mail FROM g WHERE g.id = person.id)
		UPDATE guest SET mail = lower(p.mail) FROM p WHERE p.id = guest.id);
	my $rotate = q(UPDATE person SET mail = o.mail FROM (SELECT id, coalesce(lead(mail) OVER (ORDER BY id), first_value(mail) OVER (ORDER BY id)) AS mail FROM person WHERE id IN (%1$s)) AS o WHERE o.id = person.id);
	foreach (
		[ 'of the first feed', sprintf($exchange, '1, 2'), person => '1,2' ],
		[ 'of the other feed', sprintf($exchange, '2, 3'), guest => '2,3' ],
		[ 'of one row of each', sprintf($exchange, '1, 2, 3'), person => '1', guest => '2' ],
		[ 'in one feed, of one row', sprintf($rotate, '1, 2, 3'), person => '2' ],
		[ 'in one feed, of two rows', sprintf($rotate, '1, 2, 3'), person => '1,3' ])
	{
		my ($what, $change, %forgotten) = @$_;
		$shop->sql("UPDATE bcdelta.link SET payload = NULL WHERE feed = '$_' AND key = ANY ('{$forgotten{$_}}')") foreach keys %forgotten;
		$shop->sql($change);
		my %had = map { $_ => $shop->id('person', $_) } 1 .. 3;
		$shop->push;
		is_deeply($shop->pending, {}, "$what: one push does it") or diag(explain($shop->errors));
		is_deeply([ map { lc mails()->{ $had{$_} } } 1 .. 3 ], $shop->list('SELECT lower(mail) FROM person WHERE id <= 3 ORDER BY id'), "$what: each keeps its customer");
	}
	is(scalar(grep { /\+\d/ } values %{ mails() }), 0, 'none keeps an interim address');
};

subtest 'nothing that a feed can say makes a delete without ids' => sub {
	$shop->clear;
	foreach my $odd ('', ' ', '-1', '0', '1,2', 'id:in=', '%', "'; DROP TABLE person; --")
	{
		my $key = $shop->sql(sprintf(q(SELECT quote_literal(%s)), "\$q\$$odd\$q\$"));
		$shop->try("SELECT bcdelta.mark('person', $key)");
		$shop->try("SELECT bcdelta.link('person', $key, 0)");
		$shop->try("SELECT bcdelta.link('person', '7', $_)") foreach 0, -1;
	}
	$shop->sql(q(DELETE FROM person WHERE id = 7));
	$shop->sql(q(UPDATE bcdelta.link SET payload = NULL WHERE feed = 'person' AND key = '7'));
	$shop->push;
	my @deletes = grep { $_->{method} eq 'DELETE' } $shop->writes;
	is(scalar(grep { $_->{query} !~ /^id:in=\d+(,\d+)*$/ } @deletes), 0, 'every delete lists ids, and nothing else') or diag(explain(\@deletes));
	is_deeply($store->violations, {}, 'none was without');
};

cmp_ok($store->counts->{max_concurrency}{$_}, '<=', 3, "$_: three at a time, at most") foreach 'POST /customers', 'PUT /customers';
is($store->counts->{throttled}{concurrency} // 0, 0, 'the store had no reason to complain of too many');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
