# A row that does not satisfy the filter of its feed counts as gone.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('filter', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE article (id int PRIMARY KEY, name text, net numeric, active boolean, deleted_at date, ratio int DEFAULT 1, note text);
SELECT bcdelta.track('article', 'shop', 'product', '{"sku": "''A-'' || id", "name": "name", "type": "''physical''", "weight": "1", "price": "net"}',
	on_delete => 'delete', filter => 'active AND deleted_at IS NULL AND 1 / ratio = 1');
EOC

# Pushes, and returns the outcomes of the rows.
sub outcomes
{
	my ($sql, $feed) = @_;
	$feed //= 'article';
	$shop->sql($sql);
	$shop->push;
	my $outcomes = $shop->outcomes;
	return join ', ', map { /^\Q$feed\E (.*)/ ? "$1 $outcomes->{$_}" : () } sort keys %$outcomes;
}

sub skus { return join ' ', sort map { $_->{sku} } @{ $store->state('products') } }

subtest 'a row that does not satisfy the filter is not created, and is deleted when it no longer does' => sub {
	$shop->clear;
	is(outcomes("INSERT INTO article VALUES (1, 'One', 1, true, NULL), (2, 'Two', 2, false, NULL), (3, 'Three', 3, true, now()), (4, 'Four', 4, NULL, NULL)"),
		'1 created, 2 unchanged, 3 unchanged, 4 unchanged', 'only what satisfies it is created; null does not');
	is(skus(), 'A-1', 'in the store too');
	is(outcomes("UPDATE article SET note = 'not mapped'"), '', 'a column that nobody reads');
	is(outcomes("UPDATE article SET active = true WHERE id IN (2, 4)"), '2 created, 4 created', 'a column that only the filter reads');
	is(outcomes("UPDATE article SET deleted_at = now() WHERE id = 1; UPDATE article SET active = NULL WHERE id = 2"), '1 deleted, 2 deleted', 'rows that leave it are deleted');
	is(skus(), 'A-4', 'from the store');
	is(outcomes("UPDATE article SET deleted_at = NULL WHERE id = 1"), '1 created', 'and come back');
};

subtest 'an error in the filter fails the row, and its record stays' => sub {
	is(outcomes("UPDATE article SET ratio = 0, net = 40 WHERE id = 4"), '4 invalid', 'an error of the filter is an error of its row');
	like($shop->sql("SELECT last_error FROM bcdelta.pending WHERE key = '4'"), qr/division by zero/, 'which says what it is');
	is(skus(), 'A-1 A-4', 'and the record stays');
	is(outcomes("UPDATE article SET ratio = 1 WHERE id = 4"), '4 updated', 'until it is put right');
};

subtest 'a row that gets another key and no longer satisfies the filter loses its record' => sub {
	is(outcomes("UPDATE article SET id = id + 10 WHERE id IN (1, 4); UPDATE article SET active = false WHERE id = 11"), '1 unchanged, 11 deleted, 14 updated, 4 unchanged',
		'a row that gets another key and leaves');
	is(skus(), 'A-14', 'one record is left');
};

subtest 'preview shows what the filter will delete' => sub {
	$shop->sql("BEGIN; SELECT bcdelta.pause('article'); UPDATE article SET active = false WHERE id = 14; UPDATE article SET note = 'x', net = 7 WHERE id = 2; COMMIT");
	is($shop->sql("SELECT bcdelta.mark('article', '77'); SELECT key, action, error FROM bcdelta.preview('article')"),
		"1\n14|delete|\n2|unchanged|no such row, or it does not satisfy the filter\n77|unchanged|no such row, or it does not satisfy the filter", 'preview');
	$shop->sql("SELECT bcdelta.resume('article')");
};

subtest 'marks, link, verify and count respect the filter' => sub {
	is(outcomes("SELECT bcdelta.mark_all('article')"), '11 unchanged, 14 deleted, 2 unchanged, 3 unchanged, 77 unchanged', 'mark_all marks what left it too');
	$shop->sql(<<'EOC');
CREATE TABLE maker (id int PRIMARY KEY, name text, shop int);
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}', capture => 'none', filter => 'shop = 1');
INSERT INTO maker SELECT i, 'Maker ' || i, 1 + i % 2 FROM generate_series(1, 6) AS i;
EOC
	$store->seed('brands', [ { name => 'Maker 1' }, { name => 'Maker 2' } ]);
	my $run = $shop->link("'maker'");
	is("$run->{linked} $run->{conflicts}", '1 2', 'link looks at rows that satisfy it') or diag(explain($run));
	is_deeply($shop->discrepancies, [ map { "maker|$_|missing_in_store|name|Maker $_" } 4, 6 ], 'and at no others');
	is(outcomes("SELECT bcdelta.mark_all('maker')", 'maker'), '1 unchanged, 2 unchanged, 3 unchanged, 4 created, 5 unchanged, 6 created', 'a feed that is marked by hand');
	$shop->sql("DELETE FROM article; SELECT bcdelta.push()");
	$run = $shop->verify("mode => 'count'");
	is_deeply($shop->discrepancies, ['maker|different|count|3|4'], 'a count counts those that satisfy it');
	$run = $shop->verify;
	like(join(' ', @{ $shop->discrepancies }), qr/^maker\|#\d+\|missing_in_source\|name\|Maker 1$/, 'verify finds records of other rows');
	$shop->sql("UPDATE maker SET shop = 2 WHERE id = 4");
	$run = $shop->verify("feed => 'maker'");
	is_deeply([ grep { /^maker\|4/ } @{ $shop->discrepancies } ], ['maker|4|missing_in_source'], 'and what has left the filter unnoticed');
	is(outcomes("SELECT bcdelta.mark_where('maker', 'shop = 2')", 'maker'), '1 unchanged, 3 unchanged, 4 unchanged, 5 unchanged', 'which is marked like any other');
	like($shop->sql("SELECT error FROM bcdelta.result WHERE feed = 'maker' AND key = '4' ORDER BY run_id DESC LIMIT 1"),
		qr/^the source row is gone, or does not satisfy the filter; on_delete is ignore$/, 'and left alone where on_delete says so');
};

subtest 'a verify evaluates the mapping of each row once, and that of rows outside the filter never' => sub {
	$shop->sql(<<'EOC');
CREATE FUNCTION told(m int) RETURNS int STABLE LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'mapping of row %', m; RETURN m; END$$;
CREATE TABLE label (id int PRIMARY KEY, shown boolean);
INSERT INTO label SELECT i, i < 4 FROM generate_series(1, 5) AS i;
SELECT bcdelta.track('label', 'shop', 'brand', '{"name": "''Label '' || public.told(id)"}', filter => 'shown');
SELECT bcdelta.mark_all('label');
EOC
	$shop->push;
	my $offset = -s $shop->node->logfile;
	is_deeply([ @{ $shop->verify("feed => 'label'") }{qw(state mode)} ], [qw(succeeded full)], 'a verify');
	my @told = sort { $a <=> $b } (slurp_file($shop->node->logfile, $offset) =~ /mapping of row (\d+)/g);
	is("@told", '1 2 3', 'evaluates it for each row that satisfies the filter');
};

subtest 'a filter that meets a reference without a link makes the row wait' => sub {
	$shop->sql(<<'EOC');
CREATE FUNCTION refers(m int) RETURNS boolean STABLE LANGUAGE plpgsql AS $$BEGIN RETURN bcdelta.ref('maker', m) IS NOT NULL; END$$;
SELECT bcdelta.alter_feed('article', filter => 'public.refers(ratio)');
INSERT INTO article VALUES (50, 'Fifty', 5, true, NULL, 2);
EOC
	is(outcomes('SELECT 1'), '50 created', 'is satisfied as long as the row is there');
	$shop->sql("SELECT bcdelta.unlink('maker', '2')");
	is(outcomes('UPDATE article SET net = 6'), '50 deferred', 'and else the row waits, and is not taken for gone');
};

done_testing();
