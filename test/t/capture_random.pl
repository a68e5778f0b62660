# Thousands of mixed statements in several sessions, with rollbacks, savepoints,
# changing keys, skus and child rows, while pushes run: in the end the store is as the source.
#
# RANDOM_SEED=n repeats a run, as far as concurrent sessions can be repeated;
# RANDOM_ROUNDS and RANDOM_CHANGES choose other numbers.

use strict;
use warnings;

use BCDelta::Session;
use BCDelta::Shop;
use Test::More;

my $seed = $ENV{RANDOM_SEED} // int(rand(1_000_000));
my $rounds = $ENV{RANDOM_ROUNDS} // 2;
my $statements = $ENV{RANDOM_CHANGES} // 500;
note("RANDOM_SEED=$seed RANDOM_ROUNDS=$rounds RANDOM_CHANGES=$statements");

my $shop = BCDelta::Shop->open('random', node => { conf => "bcdelta.change_turn = 1\n" });
$shop->sql(<<'EOC');
CREATE SEQUENCE skus;
CREATE TABLE maker (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE article (id int NOT NULL, half int NOT NULL, sku text NOT NULL, price numeric(10,2), maker text
	REFERENCES maker ON UPDATE CASCADE ON DELETE SET NULL, note text, PRIMARY KEY (id, half)) PARTITION BY LIST (half);
CREATE TABLE article_0 PARTITION OF article FOR VALUES IN (0);
CREATE TABLE article_1 PARTITION OF article FOR VALUES IN (1);
CREATE TABLE surcharge (id int, half int, amount int NOT NULL, note text);
INSERT INTO maker SELECT 'M' || g, 'Maker ' || g FROM generate_series(1, 8) AS g;
INSERT INTO article SELECT g, g % 2, 'S' || nextval('skus'), g, 'M' || (g % 8 + 1) FROM generate_series(1, 60) AS g;
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}', on_delete => 'delete');
SELECT bcdelta.track('article', 'shop', 'product', '{"sku": "sku", "name": "''Article '' || sku",
	"price": "price + (SELECT coalesce(sum(s.amount), 0) FROM public.surcharge AS s WHERE s.id = article.id AND s.half = article.half)",
	"type": "''physical''", "weight": "1", "brand_id": "coalesce(bcdelta.ref(''maker'', maker), 0)"}', on_delete => 'delete');
SELECT bcdelta.depends('article', 'surcharge', '{id,half}');
SELECT bcdelta.mark_all('maker'), bcdelta.mark_all('article');

-- rows pass their sku on to the next one; the first one may be deleted
CREATE TABLE exchanged (sku text);
CREATE FUNCTION exchange(skus text[], first_goes boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	skus := ARRAY(SELECT sku FROM article WHERE sku = ANY (skus) ORDER BY id, half FOR UPDATE);
	INSERT INTO exchanged SELECT unnest(skus);
	IF first_goes THEN
		DELETE FROM article WHERE sku = skus[1];
	END IF;
	UPDATE article SET sku = coalesce(skus[array_position(skus, sku) - 1], skus[cardinality(skus)])
	WHERE sku = ANY (skus);
END
$$;

-- one statement at random; what cannot be done is not
CREATE PROCEDURE statement() LANGUAGE plpgsql AS $$
DECLARE
	kind int := random() * 100;
	a int := random() * 120;
	b int := random() * 120;
	h int := random();
BEGIN
	IF kind < 20 THEN
		INSERT INTO article SELECT a, h, 'S' || nextval('skus'), b, 'M' || (a % 8 + 1) ON CONFLICT DO NOTHING;
	ELSIF kind < 33 THEN
		UPDATE article SET price = b + random() WHERE id = a;
	ELSIF kind < 35 THEN
		INSERT INTO surcharge SELECT nullif(a, 0) + g, h, b FROM generate_series(0, 1) AS g;
	ELSIF kind < 37 THEN
		UPDATE surcharge SET id = b, half = h WHERE id = a;
	ELSIF kind < 38 THEN
		UPDATE surcharge SET amount = amount + 1 WHERE id < a / 8;
	ELSIF kind < 39 THEN
		UPDATE surcharge SET note = 'seen' WHERE id < a;
	ELSIF kind < 40 THEN
		DELETE FROM surcharge WHERE id IN (a, b, h);
	ELSIF kind < 42 THEN
		UPDATE article SET price = price + 1 WHERE id BETWEEN a AND a + 10;
	ELSIF kind < 45 THEN
		UPDATE article SET note = 'seen' WHERE id < a;
	ELSIF kind < 48 THEN
		PERFORM exchange(ARRAY(SELECT sku FROM article WHERE id IN (a, b, a + 1)), false);
	ELSIF kind < 50 THEN
		PERFORM exchange(ARRAY(SELECT sku FROM article WHERE id IN (a, b)), true);
	ELSIF kind < 60 THEN
		DELETE FROM article WHERE id = a AND half = h;
	ELSIF kind < 72 THEN
		UPDATE article SET id = b WHERE id = a AND half = h;
	ELSIF kind < 78 THEN
		UPDATE article SET half = 1 - half WHERE id = a;
	ELSIF kind < 81 THEN
		UPDATE article SET id = CASE id WHEN a THEN 1000 + a ELSE id - 1000 END WHERE id = a OR id > 1000;
	ELSIF kind < 84 THEN
		UPDATE article_0 SET price = b, id = id + 200 WHERE id BETWEEN a AND a + 2;
	ELSIF kind < 87 THEN
		INSERT INTO article SELECT g, h, 'S' || nextval('skus'), b FROM generate_series(a, a + 4) AS g
		ON CONFLICT (id, half) DO UPDATE SET price = excluded.price;
	ELSIF kind < 91 THEN
		UPDATE maker SET code = 'M' || b % 12 WHERE code = 'M' || a % 12;
	ELSIF kind < 94 THEN
		UPDATE maker SET name = name || '.' WHERE code = 'M' || a % 12 AND length(name) < 40;
	ELSIF kind < 96 THEN
		INSERT INTO maker VALUES ('M' || a % 12, 'Maker new ' || nextval('skus')) ON CONFLICT DO NOTHING;
	ELSIF kind < 98 THEN
		DELETE FROM maker WHERE code = 'M' || a % 12;
	ELSIF kind < 99 THEN
		WITH gone AS (DELETE FROM article WHERE id > 200 RETURNING *)
		INSERT INTO article SELECT id - 200, half, 'S' || nextval('skus'), price, maker FROM gone;
	ELSIF a < 6 THEN
		TRUNCATE article_1;
	ELSIF a < 9 THEN
		TRUNCATE surcharge;
	END IF;
END
$$;
EOC
$shop->random_statements;

subtest 'pushes run while many sessions write' => sub {
	my @writers = map { BCDelta::Session->open($shop->node, 'shop') } 1 .. 3;
	my $fraction = $seed / 1_000_000;
	my $pushes = 0;
	foreach my $round (1 .. $rounds)
	{
		$writers[$_]->sql(q(SET deadlock_timeout = '50ms'; SET lock_timeout = '5s')) foreach 0 .. 2;
		$writers[$_]->send("CALL statements($statements, " . (($fraction + $round / 7 + $_ / 3) / 3) . ')') foreach 0 .. 2;
		for my $n (1 .. 4)
		{
			$pushes++ if ($shop->try('SELECT bcdelta.push()'))[0] == 0;
		}
		$_->wait foreach @writers;
	}
	$_->close foreach @writers;
	cmp_ok($pushes, '>', 3, 'pushes ran in the meantime');
};

my $want;

# The history of rows that are not as they should be
sub history
{
	return join("\n", @{ $shop->list(<<'EOC') }), "\n";
WITH bad AS (SELECT DISTINCT feed, key FROM bcdelta.discrepancy),
	record AS (SELECT DISTINCT r.feed, r.key, r.store_id FROM bcdelta.result AS r JOIN bad USING (feed, key))
SELECT format('%s %s %s: %s record %s, status %s %s', to_char(r.attempted_at, 'HH24:MI:SS.MS'), r.feed, r.key, r.outcome,
	r.store_id, r.http_status, r.error)
FROM bcdelta.result AS r WHERE EXISTS (SELECT FROM record AS b WHERE b.feed = r.feed AND (b.key = r.key OR b.store_id = r.store_id))
ORDER BY r.attempted_at
EOC
}

subtest 'in the end, the store agrees with the source, and each row is linked' => sub {
	for my $n (1 .. 10)
	{
		$shop->push;
		last if $shop->sql(<<'EOC') == 0;
SELECT (SELECT count(*) FROM bcdelta.change) + (SELECT count(*) FROM bcdelta.move)
	+ (SELECT count(*) FROM bcdelta.pending WHERE state IN ('ready', 'in_flight', 'deferred', 'waiting'))
EOC
	}
	is_deeply($shop->pending, {}, 'nothing is left to be pushed') or diag(explain($shop->errors));

	my $brands = { map { $_->{id} => $_->{name} } @{ $shop->store->state('brands') } };
	$want = $shop->value(<<'EOC')->{o};
SELECT coalesce(jsonb_object_agg(sku, concat_ws(' ', 'Article ' || sku, trim_scale(price + (
	SELECT coalesce(sum(s.amount), 0) FROM surcharge AS s WHERE s.id = article.id AND s.half = article.half)),
	coalesce(m.name, '-'))), '{}') AS o
FROM article LEFT JOIN maker AS m ON m.code = maker
EOC
	my $have = { map { $_->{sku} => join(' ', $_->{name}, $_->{price} + 0, $brands->{ $_->{brand_id} || 0 } // '-') }
		  @{ $shop->store->state('products') } };
	is_deeply($have, $want, 'the products of the store are the articles of the source');
	is_deeply([ sort values %$brands ], [ sort @{ $shop->list('SELECT name FROM maker') } ], 'and the brands its makers');
	is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE feed = $$article$$'), scalar keys %$have, 'each is linked, and nothing else');
	my $run = $shop->verify;
	is($run->{conflicts}, 0, 'verify finds no difference') or diag(explain($shop->discrepancies), history());
};

subtest 'a row that kept its SKU kept its record: nothing was created twice' => sub {
	my %creates;
	foreach my $request ($shop->store->journal(method => 'POST'))
	{
		$creates{ $_->{sku} }++
		  foreach grep { ref $_ eq 'HASH' && defined $_->{sku} } ref $request->{body} eq 'ARRAY' ? @{ $request->{body} } : $request->{body};
	}
	delete @creates{ @{ $shop->list('SELECT sku FROM exchanged') } };
	is_deeply([ grep { $creates{$_} > 1 } sort keys %creates ], [], 'no product was created twice');
	note(scalar(keys %creates) . ' products were created, ' . scalar(keys %$want) . ' are left');
};

done_testing();
