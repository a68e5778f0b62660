# Replies are never trusted: tokens that come back, invalid ids, endless lists,
# replies about another record, windows of an hour.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $token = 'tok+en/very=secret';
my $shop = BCDelta::Shop->open(
	'replies',
	store => { token => $token, args => [ '--quota', 100000 ] },
	server => { max_attempts => 2, timeout => 20 });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;

# A push, a verify or a link under faults, each of which must occur.
sub under
{
	my ($function, $arguments, @faults) = @_;
	$store->fault($_) foreach @faults;
	my $run = $function eq 'push' ? $shop->push($arguments) : $function eq 'link' ? $shop->link($arguments) : $shop->verify($arguments);
	is_deeply([ map { $_->{applied} ? () : $_->{name} } @{ $store->control('faults') } ], [], "$function: all faults were met");
	$store->unfault;
	return $run;
}

# Everything that users can read
sub all_text
{
	return $shop->sql(join(' UNION ALL ', map { "SELECT r::text FROM bcdelta.$_ AS r" }
		qw(feed pending link run result discrepancy status schedule)));
}

subtest 'a token in a reply is masked, whatever the status and the spelling' => sub {
	my %spellings = (
		plain => $token,
		url => 'tok%2Ben%2fvery%3Dsecret',
		base64 => encode_base64("user:$token", ''),
		base64_2 => encode_base64("x$token;", ''),
		base64_3 => encode_base64("$token", ''));
	$shop->sql("INSERT INTO makers VALUES ('T', 'Token')");
	is($shop->push->{created}, 1, 'a brand');
	my $id = $shop->id('makers', 'T');

	# in a 200: records that verify compares and lists
	foreach my $name (sort keys %spellings)
	{
		under('verify', "'makers'", { do => { status => 200, body => {
			data => [ { id => 0 + $id, name => "echo $spellings{$name} end" }, { id => 999, name => "more $spellings{$name} end" } ],
			meta => { pagination => { total => 2, total_pages => 1 } } } }, match => { method => 'GET' } });
		like(join("\n", @{ $shop->discrepancies }), qr/name\|Token\|echo \S+ end/, "$name: compared");
		like(join("\n", @{ $shop->discrepancies }), qr/more \S+ end/, 'and listed');
	}
	# with a JSON escape that our serializers do not produce
	under('verify', "'makers'", { do => { status => 200, body =>
		qq({"data":[{"id":$id,"name":"echo tok\\u002ben\\/v\\u0065ry=secret end"}],"meta":{"pagination":{"total":1,"total_pages":1}}}),
		headers => { 'X-Request-Id' => "id $token" } }, match => { method => 'GET' } });
	# in a 207, in errors, in plain text, in headers
	foreach my $do (
		{ status => 207, body => { data => [], errors => { name => "207 $token" }, meta => { total => 1, success => 0, failed => 1 } } },
		{ status => 422, body => { status => 422, title => "422 $token", errors => { $token => $spellings{base64} } } },
		{ status => 500, body => "words $token $spellings{url}" },
		{ status => 200, body => "no JSON $token" })
	{
		$shop->sql("UPDATE makers SET name = name || '!'; SELECT bcdelta.retry()");
		under('push', '', { do => { %$do, headers => { 'X-Request-Id' => $token, 'Content-Type' => "text/$token" } }, match => { method => 'PUT' } });
		isnt($shop->errors->{'makers T'} // '', '', "status $do->{status}: the row says why") or diag(all_text());
		$shop->sql("UPDATE bcdelta.pending SET state = 'ready'");
	}
	my $text = all_text() . slurp_file($node->logfile);
	$text =~ s/^.*(?:USER MAPPING|STATEMENT).*$//mg;
	like($text, qr/\*{10}/, 'masked');
	unlike($text, qr/\Q$_\E/, 'and nowhere else') foreach $token, 'very=secret', map { substr($_, 6, 12) } grep { !/very/ } values %spellings;
	$shop->push;
};

subtest 'an invalid id leaves out that record, and no other' => sub {
	my @ids = ('-1', '0', '1.5', '1e300', '"seven"', 'null', '{}', '9223372036854775808');
	my $n = @ids;

	# listed by a verify
	under('verify', "'makers'", { do => { status => 200, body => '{"data":['
			. join(',', map { qq({"id":$ids[$_],"name":"Brand $_"}) } 0 .. $#ids) . qq(],"meta":{"pagination":{"total":$n,"total_pages":1}}}) },
		match => { method => 'GET', query => 'page=' } },
		{ do => { status => 200, body => { data => [], meta => { pagination => { total => $n + 1, total_pages => 1 } } } }, match => { method => 'GET', query => 'limit=1\b' } });
	is($shop->last_run->{state}, 'succeeded', 'verify continues');
	is(scalar(grep { /a record without a usable id: .*, Brand / } @{ $shop->discrepancies }), $n, 'and says in words which ones are left out');

	# found by a link: one by one, and in the whole list
	$shop->sql("INSERT INTO makers SELECT 'I' || i, 'Ident ' || i FROM generate_series(1, 3) AS i");
	$store->seed('brands', [ map { { name => "Ident $_" } } 2, 3 ]);
	under('link', "'makers'", { do => { set => { id => -1 } }, match => { method => 'GET', query => 'Ident%202' } });
	is($shop->last_run->{state}, 'succeeded', 'link continues');
	like($shop->sql("SELECT error FROM bcdelta.result WHERE run_id = (SELECT max(run_id) FROM bcdelta.run) AND outcome = 'failed'"),
		qr/without a usable id: -1/, 'the row says why');
	is($shop->id('makers', 'I2'), '', 'and is not linked');
	isnt($shop->id('makers', 'I3'), '', 'others are');
	is($shop->push->{state}, 'succeeded', 'a push finds it');
	isnt($shop->id('makers', 'I2'), '', 'by a good reply');
	$shop->sql("INSERT INTO makers SELECT 'J' || i, 'Jdent ' || i FROM generate_series(1, 8) AS i");
	$store->seed('brands', [ map { { name => "Jdent $_" } } 1 .. 8 ]);
	under('link', "'makers'", { do => { set => { id => -1 } }, match => { method => 'GET', query => 'page=' } });
	is($shop->last_run->{failed}, 8, 'a list of such records');
	is($shop->push->{linked}, 8, 'is no harm');

	# the reply to a create
	$shop->sql("INSERT INTO makers VALUES ('K', 'Kdent')");
	under('push', '', { times => 1, do => { set => { id => -1 } }, match => { method => 'POST' } });
	is(scalar(grep { $_->{name} eq 'Kdent' } @{ $store->state('brands') }), 1, 'made once');
	is($shop->outcomes->{'makers K'}, 'linked', 'and found');
	# a read that does not show a record is no proof that it is gone
	under('verify', "'makers'", { do => { set => { id => 'seven' } }, match => { method => 'GET', query => 'id:in' } });
	unlike(join("\n", @{ $shop->discrepancies }), qr/missing_in_store/, 'what is not to be seen is not said to be missing');
};

subtest 'a reply about another record is ignored' => sub {
	$shop->sql("INSERT INTO makers VALUES ('E1', 'Echo 1'); INSERT INTO articles (sku, title, price) VALUES ('E-1', 'Echo A', 1), ('E-2', 'Echo B', 2)");
	$shop->push;
	my ($brand, $product) = ($shop->id('makers', 'E1'), $shop->id('articles', 'E-1'));

	$shop->sql("INSERT INTO makers VALUES ('E2', 'Echo 2'), ('E4', 'Echo 4'), ('E5', 'Echo 5'); INSERT INTO articles (sku, title, price) VALUES ('E-3', 'Echo C', 3)");
	my $run = under('push', '', map { { name => $_->[0], times => 1, match => { method => 'POST', body => $_->[0] },
			do => { status => 200, process => $_->[1], body => { data => $_->[2], meta => {} } } } }
		[ 'Echo 2', $true, { id => 0 + $brand, name => 'Echo 1' } ],
		[ 'Echo 4', $false, { id => 4242, name => 'Somebody' } ],
		[ 'Echo 5', $true, { id => 0 + $brand, name => 'Echo 5' } ],
		[ 'Echo C', $true, { id => 0 + $product, name => 'Echo A', sku => 'E-1' } ]);
	is($run->{state}, 'succeeded', 'creates whose replies are echoes');
	is($shop->record('brands', $shop->id('makers', 'E2'))->{name}, 'Echo 2', 'the brand is looked up');
	is($shop->record('products', $shop->id('articles', 'E-3'))->{sku}, 'E-3', 'the product too');
	is($shop->id('makers', 'E1'), $brand, 'and the other one is still its row\'s');
	is($shop->record('brands', $shop->id('makers', 'E4'))->{name}, 'Echo 4', 'what was not done is made after all');
	is($shop->record('brands', $shop->id('makers', 'E5'))->{name}, 'Echo 5', 'the id of another row is not taken for one of the right name');
	# a record with other white space or case is not another record
	$shop->sql("INSERT INTO makers VALUES ('E6', 'Echo  6  x & y')");
	$run = under('push', '', { times => 1, do => { set => { name => 'ECHO 6 X &amp; Y' } }, match => { method => 'POST' } });
	is($shop->outcomes->{'makers E6'}, 'created', 'a name put in order is believed');

	# updates, alone and in a batch
	$shop->sql("UPDATE makers SET name = 'Echo 1 new' WHERE code = 'E1'; UPDATE articles SET price = price + 10");
	$run = under('push', '',
		{ times => 1, do => { status => 200, body => { data => { id => 4242, name => 'Somebody' }, meta => {} } }, match => { method => 'PUT', path => 'brands' } },
		{ times => 1, do => { status => 200, body => { data => [ { id => 4242, name => 'Somebody' }, { id => 0 + $product, name => 'Echo A' } ], meta => {} } }, match => { method => 'PUT', path => 'products' } });
	is($shop->record('brands', $brand)->{name}, 'Echo 1 new', 'an update answered with another record is done');
	is($shop->record('products', $shop->id('articles', 'E-2'))->{price}, 12, 'and one of a batch');

	# a proxy that gives an update and the read after it the replies to others
	my %other = (id => 4242, name => 'Somebody', sku => 'S', price => 1, weight => 1, type => 'physical');
	my $list = { data => [ \%other ], meta => { pagination => { total => 1, count => 1, per_page => 250, current_page => 1, total_pages => 1 } } };
	$shop->sql("UPDATE makers SET name = 'Echo 1 anew' WHERE code = 'E1'; UPDATE articles SET title = 'Echo A anew' WHERE sku = 'E-1'");
	$run = under('push', '',
		(map { { times => 1, do => { status => 200, body => { data => { id => 4242, name => 'Somebody' }, meta => {} } }, match => { method => 'PUT', path => $_ } } } 'brands', 'products'),
		(map { { times => 1, do => { status => 200, body => $list }, match => { method => 'GET', path => $_, query => '^id:in' } } } 'brands', 'products'));
	is($run->{created}, 0, 'a list of other records than were asked for does not mean that a record is gone') or diag(explain($run));
	like($shop->errors->{'makers E1'}, qr/the store lists a record that was not asked for/, 'each row says why it was given up');
	$shop->sql("SELECT bcdelta.retry('makers'), bcdelta.retry('articles')");
	$shop->push;
	is($shop->id('makers', 'E1') . ' ' . $shop->id('articles', 'E-1'), "$brand $product", 'the rows keep their records');
	is($shop->record('brands', $brand)->{name} . ', ' . $shop->record('products', $product)->{name}, 'Echo 1 anew, Echo A anew', 'which are updated');
	is_deeply($shop->pending, {}, 'nothing is pending');

	# two rows of a batch, one id
	$shop->sql("INSERT INTO groups VALUES (1, NULL, 'Twin 1'), (2, NULL, 'Twin 2')");
	$run = under('push', '', { times => 1, do => { set => { category_id => 77, id => 77 } }, match => { method => 'POST', path => 'categories' } });
	is($run->{state}, 'succeeded', 'two rows with one id in a reply');
	$run = $shop->push while keys %{ $shop->pending };
	is(scalar(grep { /^Twin/ } map { $_->{name} } @{ $store->state('categories') }), 2, 'are two records');
};

subtest 'a list without an end is abandoned' => sub {
	my ($page, $many) = ({ status => 200, body => { data => [ map { { id => $_, name => "Again $_" } } 501 .. 503 ],
		meta => { pagination => { total => 1_000_000, total_pages => 300_000 } } } }, { method => 'GET', query => '(page|greater)=' });
	$store->seed('brands', [ { name => 'Nobody' } ]);
	$store->seed('products', [ { name => 'Nobody', type => 'physical', price => 1, weight => 1 } ]);
	foreach my $feed (qw(makers articles))
	{
		my $run = under('verify', "'$feed'", { do => $page, match => $many });
		like("$run->{state}: $run->{error}", qr/^failed: .*does not advance/, "$feed: the same page again and again");
		$shop->clear;
		$run = under('verify', "'$feed'", { do => { endless => 250 }, match => $many });
		like("$run->{state}: $run->{error}", qr/^failed: .*does not end: it announced \d+ records/, 'ids and totals that grow');
		cmp_ok(scalar $store->journal, '<', 40, 'after a few pages');
	}
	$shop->sql("INSERT INTO makers SELECT 'N' || i, 'Ndent ' || i FROM generate_series(1, 8) AS i");
	my $run = under('link', "'makers'", { do => { endless => 250 }, match => $many });
	like("$run->{state}: $run->{error}", qr/^failed: .*does not end/, 'link');
	$run = under('push', '', { do => $page, match => $many });
	like("$run->{state}: $run->{error}", qr/^failed: .*does not advance/, 'push');
	is($shop->push->{created}, 8, 'nothing is lost');
	$run = under('verify', "'makers', mode => 'count'", { do => { status => 200, body => { data => [], meta => {} } }, match => { method => 'GET' } });
	like("$run->{state}: $run->{error}", qr/^failed: .*does not report how many records/, 'a list without a total');
};

subtest 'millions of tiny values are not read' => sub {
	my $pid = worker_pid($node, 'shop');
	$shop->sql("UPDATE makers SET name = name || '?' WHERE code = 'E1'");
	my $run = under('push', '', { times => 1, do => { status => 200, body => '{"data":[' . join(',', (0) x 2_000_000) . ']}' }, match => { method => 'PUT' } });
	is($run->{state}, 'succeeded', 'the push continues');
	like($shop->sql("SELECT error FROM bcdelta.result WHERE run_id = $run->{run_id} AND outcome = 'retry'"), qr/too many values/, 'and says why');
	if (open(my $status, '<', "/proc/$pid/status"))
	{
		my ($peak) = join('', <$status>) =~ /VmHWM:\s+(\d+)/;
		cmp_ok($peak, '<', 300_000, 'in little memory');
	}
};

subtest 'a refusal as long as a book delays nothing' => sub {
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'BOOK-' || i, 'Book ' || i, i FROM generate_series(1, 10) AS i");
	$shop->push;
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'BOOK-%'");
	my $run = under('push', '', { times => 1, do => { status => 422, body => { title => 'BOOK' x 750_000, errors => { 'BOOK-3' => 'is too dear' } } }, match => { method => 'PUT' } });
	is_deeply([ @$run{qw(state updated failed)} ], [ 'succeeded', 10, 0 ], 'it is read, and the batch sent again');
	is_deeply([ map { scalar @{ $_->{body} } } $store->journal(method => 'PUT', status => 200, path => '/catalog/products') ], [ 9, 1 ], 'without the one that it names');
};

subtest 'senseless replies do no harm' => sub {
	my $row = { id => 4242, name => 'Sense', sku => 'Sense' };
	my @data = (undef, [], {}, [undef], [ [] ], 'x', 7, $true, [ 'x', 7 ], { id => undef }, { id => -1, name => 'Sense' }, { id => [] },
		[ $row, $row ], [ map { { id => $_, name => "Sense $_" } } 1 .. 1200 ], { data => $row }, { name => 'Sense' });
	my @replies = map { my $status = $_; map { { status => $status, body => { data => $_, meta => {} } } } @data } 200, 207;
	push @replies, map { { status => $_, body => '' } } 200, 202, 204, 207, 299;
	push @replies, map { { status => 200, body => $_ } } '[]', 'null', '7', '"x"', '{"meta":[]}', '{"data":{"id":1,"id":2}}', '{"errors":[]}',
	  '{"data":[],"meta":{"pagination":{"total":-1,"total_pages":"many"}}}', '{"data":[],"meta":{"pagination":{"total":1e300,"total_pages":1e300}}}';
	my $n = @replies;

	# each create, each update and each look-up has one of them; done or not
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'S-' || i || '-', 'Sense ' || i || '.', i FROM generate_series(1, $n) AS i");
	foreach my $i (1 .. $n)
	{
		$store->fault({ times => 1, do => { %{ $replies[ $i - 1 ] }, process => $i % 3 ? $true : $false }, match => { method => 'POST', body => "S-$i-" } });
	}
	$store->fault({ times => 1, skip => 1, do => $replies[ int rand @replies ], match => { method => 'GET', path => 'products' } }) foreach 1 .. 3;
	$shop->push;
	$store->unfault;
	$shop->sql('SELECT bcdelta.retry()');
	$shop->push;
	is_deeply($shop->pending, {}, 'creates: nothing is pending') or diag(explain($shop->errors));
	is_deeply([ sort grep { /^S-/ } map { $_->{sku} } @{ $store->state('products') } ], [ sort map { "S-$_-" } 1 .. $n ], 'each record is there once');
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = 'articles' AND key LIKE 'S-%' AND key <> payload ->> 'sku'"), 0, 'linked to its row');

	$shop->sql("INSERT INTO makers SELECT 'S-' || i, 'Sense ' || i FROM generate_series(1, $n) AS i");
	$shop->push;
	$shop->sql("UPDATE makers SET name = name || ' new' WHERE code LIKE 'S-%'");
	$store->fault({ times => 1, do => { %{ $replies[ $_ - 1 ] }, process => $_ % 3 ? $true : $false }, match => { method => 'PUT', body => "Sense $_ new" } }) foreach 1 .. $n;
	$shop->push;
	$store->unfault;
	$shop->sql('SELECT bcdelta.retry()');
	$shop->push;
	is_deeply($shop->pending, {}, 'updates: nothing is pending') or diag(explain($shop->errors));
	# only 202 and 204 may be empty
	my %names = map { $_->{name} => 1 } @{ $store->state('brands') };
	is_deeply([ grep { !$names{"Sense $_ new"} && $replies[ $_ - 1 ]{status} !~ /^20[24]$/ } 1 .. $n ], [], 'each is done');
};

subtest 'a rate window of an hour is reported, and not waited for' => sub {
	my %rate = ('X-Rate-Limit-Time-Window-Ms' => 3_600_000, 'X-Rate-Limit-Requests-Quota' => 150, 'X-Rate-Limit-Requests-Left' => 0);
	foreach my $case (
		[ 'nothing left for an hour', qr/asked for a pause of (60|59) minutes/, { status => 200, process => $true, headers => { %rate, 'X-Rate-Limit-Time-Reset-Ms' => 3_600_000 } } ],
		[ 'come back in three days', qr/asked for a pause of 3 days/, { status => 429, headers => { 'X-Retry-After' => 259_200 } } ])
	{
		my ($what, $words, $do) = @$case;
		my $id = $shop->sql("SELECT max(run_id) FROM bcdelta.run");
		$store->fault({ times => 1, do => { %$do, rate_headers => $false }, match => { method => 'PUT' } });
		$shop->sql("UPDATE makers SET name = name || '-'");
		my $pushing = $shop->start;
		$shop->wait_for("SELECT trouble IS NOT NULL FROM bcdelta.status WHERE feed = 'makers'");
		my ($trouble, $soon) = split /\|/, $shop->sql("SELECT trouble, store_blocked_until < now() + interval '125 s' FROM bcdelta.status WHERE feed = 'makers'");
		like($trouble, $words, "$what: is told");
		is($soon, 't', 'with the time of the next request, which is near');
		$shop->sql("SELECT bcdelta.cancel(max(run_id)) FROM bcdelta.run");
		$pushing->finish;
		$store->unfault;
		# a new worker does not know about it
		kill_worker($node, 'shop', 'TERM');
		$shop->push;
		is_deeply($shop->pending, {}, 'nothing is lost');
	}
};

my @log = grep { /very=secret/ && !/USER MAPPING/ } split /\n/, slurp_file($node->logfile);
is_deeply(\@log, [], 'no secret in the log');
done_testing();
