# Changes in child tables reach the store through the parent's row.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('depends', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE article (id int PRIMARY KEY, sku text, name text);
CREATE TABLE price (article bigint REFERENCES article ON UPDATE CASCADE ON DELETE CASCADE, kind text, net numeric, seen int);
CREATE TABLE text_of (article int, language text, body text);
INSERT INTO article VALUES (9, 'A-9', 'Article 9');
SELECT bcdelta.track('article', 'shop', 'product', $${"sku": "sku", "name": "name", "type": "'physical'", "weight": "1",
	"price": "coalesce((SELECT p.net FROM public.price AS p WHERE p.article = article.id AND p.kind = 'list'), 0)",
	"search_keywords": "(SELECT string_agg(t.body, ' ' ORDER BY t.language) FROM public.text_of AS t WHERE t.article = article.id)"}$$);
SELECT bcdelta.depends('article', 'price', '{article}');
SELECT bcdelta.depends('article', 'text_of', '{article}');
CREATE TABLE label (id int PRIMARY KEY, name text);
CREATE TABLE label_note (label int, note text);
SELECT bcdelta.track('label', 'shop', 'brand', capture => 'row',
	fields => '{"name": "name", "page_title": "coalesce((SELECT string_agg(n.note, '' '' ORDER BY note) FROM public.label_note AS n WHERE n.label = id), ''none'')"}');
SELECT bcdelta.depends('label', 'label_note', '{label}');
INSERT INTO article SELECT i, 'A-' || i, 'Article ' || i FROM generate_series(1, 8) AS i;
INSERT INTO price SELECT i, 'list', i FROM generate_series(1, 8) AS i;
INSERT INTO label SELECT i, 'Label ' || i FROM generate_series(1, 4) AS i;
INSERT INTO label_note SELECT i, 'Note ' || i FROM generate_series(1, 3) AS i;
EOC
is($shop->push->{created}, 12, 'a shop');
my %id = map { $_ => $shop->id('article', $_) } 1 .. 8;

# Pushes, and returns what was sent to products: {article => {field => value}}.
sub sent
{
	my ($sql) = @_;
	$shop->clear;
	$shop->sql($sql);
	my $run = $shop->push;
	is($run->{state}, 'succeeded', $sql =~ s/\s+/ /gr) or diag(explain([ $run, $shop->errors ]));
	my %sent;
	foreach my $request ($shop->writes)
	{
		foreach my $item (ref $request->{body} eq 'ARRAY' ? @{ $request->{body} } : $request->{body})
		{
			my ($article) = grep { $id{$_} == $item->{id} } keys %id;
			$sent{ $article // '?' } = { map { $_ => $item->{$_} } grep { $_ ne 'id' } keys %$item };
		}
	}
	return \%sent;
}

subtest 'a changed child row sends what changes in its parent, and nothing else' => sub {
	is_deeply(sent("UPDATE price SET net = 12.5 WHERE article = 1"), { 1 => { price => 12.5 } }, 'the new price of the parent, and nothing else');
	is_deeply(sent("UPDATE price SET seen = 1; INSERT INTO price VALUES (2, 'sale', 1), (NULL, 'list', 1)"), {}, 'nothing that matters');
	is_deeply(sent("UPDATE price SET article = 3 WHERE article = 2 AND kind = 'list'; DELETE FROM price WHERE article = 3 AND net = 3"),
		{ 2 => { price => 0 }, 3 => { price => 2 } }, 'both parents of a child that moved');
	is_deeply(sent("INSERT INTO text_of VALUES (4, 'de', 'rot'), (4, 'en', 'red'), (5, 'de', 'blau')"),
		{ 4 => { search_keywords => 'rot red' }, 5 => { search_keywords => 'blau' } }, 'another child table');
	is_deeply(sent("UPDATE article SET id = 60 WHERE id = 6; UPDATE price SET net = 66 WHERE article = 60"), { 6 => { price => 66 } },
		'a parent whose key changed, its children with it');
	is($shop->id('article', 60), $id{6}, 'it keeps its record');
	is_deeply(sent("BEGIN; UPDATE price SET net = 77 WHERE article = 7; ROLLBACK"), {}, 'nothing that was rolled back');

	$shop->sql("INSERT INTO price VALUES (9, 'list', 9)");
	is($shop->push->{created}, 1, 'a row that was there before the feed is created when it gets a child');
	is($shop->records('products', 'sku')->{'A-9'}{price} + 0, 9, 'with its price');
};

subtest 'a child row that changes while its parent is in flight is pushed afterwards' => sub {
	$store->hold({ match => { method => 'PUT' }, times => 1 });
	$shop->sql("UPDATE price SET net = 101 WHERE article = 1");
	my $push = $shop->start;
	$shop->wait_held(1);
	$shop->sql("UPDATE price SET net = 102 WHERE article = 1");
	$store->release;
	$push->finish;
	$shop->push;
	is($shop->record('products', $id{1})->{price} + 0, 102, 'the last state wins');
};

subtest 'TRUNCATE of a child table marks every row that had children' => sub {
	is_deeply(sent('TRUNCATE text_of'), {}, 'a field that became null is not sent');
	is_deeply([ sort keys %{ sent('TRUNCATE price') } ], [ 1, 3 .. 8, '?' ], 'every row whose children were truncated');
	is(scalar(grep { $_->{price} != 0 } @{ $store->state('products') }), 0, 'all have lost their prices');
	is_deeply([ grep { !/search_keywords/ } @{ $shop->discrepancies($shop->verify("feed => 'article'")->{run_id}) } ], [], 'store and source agree, but for what is not cleared');
};

subtest 'capture => \'row\' marks the parents of a child that changed or moved' => sub {
	$shop->sql("UPDATE label_note SET note = 'Changed' WHERE label = 1; UPDATE label_note SET label = 3 WHERE label = 2");
	is($shop->push("feed => 'label'")->{updated}, 3, "capture => 'row': a child that changed, one that moved");
	is_deeply([ map { $shop->record('brands', $shop->id('label', $_))->{page_title} } 1 .. 4 ], [ 'Changed', 'none', 'Note 2 Note 3', 'none' ], 'and their parents');
	is_deeply($shop->discrepancies($shop->verify("feed => 'label'")->{run_id}), [], 'store and source agree');
};

subtest 'a renamed parent key pauses the feed, says why, and loses nothing' => sub {
	$shop->sql("ALTER TABLE label_note RENAME label TO tag; UPDATE label_note SET note = 'Unknown' WHERE tag = 1");
	$shop->wait_for("SELECT state = 'paused' FROM bcdelta.feed WHERE feed = 'label'");
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'label'"),
		qr/^a parent key column of table public.label_note \(label\) was renamed or dropped.*mark_all$/, 'the feed is paused and says why');
	like($shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'label'"), qr/parent key column "label" of table "label_note" does not exist/, 'the status too');
	my (undef, undef, $err) = $shop->try("SELECT bcdelta.resume('label')");
	like($err, qr/parent key column "label" of table "label_note" does not exist/, 'it cannot be resumed');
	$shop->sql("ALTER TABLE label_note RENAME tag TO label; SELECT bcdelta.resume('label'); SELECT bcdelta.mark_all('label')");
	is($shop->push("feed => 'label'")->{updated}, 1, 'when the column has its name back, the change is pushed');
};

subtest 'depends tells if a large child table has no index by which rows of the parent find it' => sub {
	$shop->sql(q{CREATE TABLE "Part" ("of Article" int, kind int, note text);
		CREATE TABLE piece (article int) PARTITION BY LIST (article); CREATE TABLE piece_1 PARTITION OF piece FOR VALUES IN (1)});
	my $depends = sub { my (undef, undef, $told) = $shop->node->psql('shop', "BEGIN; SELECT bcdelta.depends('article', '$_[0]', '{$_[1]}'); ROLLBACK"); return $told; };
	unlike($depends->('"Part"', 'of Article'), qr/NOTICE/, 'not while it is small');
	$shop->sql(q{INSERT INTO "Part" SELECT 1, i, repeat('x', 100) FROM generate_series(1, 6000) AS i; INSERT INTO piece SELECT 1 FROM generate_series(1, 20000)});
	like($depends->('"Part"', 'of Article'), qr/NOTICE:  table "Part" has no index on \(of Article\).*reads the whole table.*CREATE INDEX ON public."Part" \("of Article"\)/s, 'what is missing');
	like($depends->('piece', 'article'), qr/NOTICE:  table "piece" has no index/, 'of a partitioned table');
	$shop->sql(q{CREATE INDEX ON "Part" (kind, "of Article"); CREATE INDEX ON "Part" ("of Article") WHERE kind = 1});
	like($depends->('"Part"', 'of Article'), qr/NOTICE/, 'not one that does not begin with the column, or has some rows only');
	$shop->sql(q{CREATE INDEX ON "Part" ("of Article", kind); CREATE INDEX ON piece (article)});
	unlike($depends->('"Part"', 'of Article') . $depends->('piece', 'article'), qr/NOTICE/, 'one that does');
};

subtest 'a dependency that has ended pauses nothing and marks nothing' => sub {
	$shop->sql("BEGIN; ALTER TABLE label_note RENAME label TO tag; INSERT INTO label_note VALUES (9, 'N'); SELECT bcdelta.depends('label', 'label_note', NULL);
		ALTER TABLE label_note RENAME tag TO label; COMMIT");
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
	is($shop->sql("SELECT state FROM bcdelta.feed WHERE feed = 'label'"), 'active', 'a dependency that has ended does not pause the feed');
	$shop->push("feed => 'label'");
	$shop->sql("UPDATE label_note SET note = 'Not noticed'");
	is($shop->push("feed => 'label'")->{updated}, 0, 'nor does its child mark anything');
};

subtest 'untrack waits for a session that adds a dependency, and drops its triggers' => sub {
	my $session = psql_open($shop->node, 'shop');
	$session->query("BEGIN; SELECT bcdelta.depends('label', 'label_note', '{label}')");
	my $untrack = $shop->start("SELECT bcdelta.untrack('label')");
	$shop->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'untrack'");
	$session->query('COMMIT');
	$session->finish;
	is(($untrack->finish)[0], 0, 'untrack waits for that');
	is($shop->sql("SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('label'::regclass, 'label_note'::regclass)"), 0, 'untrack drops the triggers of children');
	is($shop->sql("SELECT count(*) FROM bcdelta.dependency WHERE feed = 'label'"), 0, 'and the dependencies');
};

subtest 'a dropped child table breaks the mapping that reads it, and no other' => sub {
	$shop->sql("DROP TABLE text_of; UPDATE article SET name = name || '!' WHERE id = 1");
	my $run = $shop->push;
	like($run->{error}, qr/feed "article", field "search_keywords": relation "public.text_of" does not exist/, 'a child that the mapping reads is dropped');
	$shop->sql("CREATE TABLE text_of (article int, language text, body text); SELECT bcdelta.depends('article', 'text_of', '{article}'); SELECT bcdelta.resume('article');
		INSERT INTO text_of VALUES (5, 'de', 'neu')");
	is($shop->push->{updated}, 2, 'and made again');
	is($shop->sql("SELECT trouble IS NULL FROM bcdelta.status WHERE feed = 'article'"), 't', 'nothing is wrong');
};

done_testing();
