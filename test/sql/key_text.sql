--
-- Keys as text: one row has one key, however it is spelled
--
-- What is captured is looked at in the transaction that changed the rows.
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE FUNCTION captured() RETURNS TABLE (feed text, op "char", key text, moved_from text) LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM bcdelta.change AS c RETURNING c.ctid AS at, c.*)
	SELECT f.feed, g.op, g.key, g.moved_from
	FROM gone AS g JOIN bcdelta.feed AS f USING (feed_id) ORDER BY g.changed_at, g.at
$$;
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'yes';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' / ', sqlerrm, nullif(detail, ''));
END
$$;

--
-- Which types can be keys, and what are their keys?
--
CREATE TYPE colour AS ENUM ('red', 'blue');
CREATE DOMAIN code AS numeric(10,2) CHECK (value > 0);
CREATE DOMAIN codes AS int[];
CREATE TYPE pair AS (a int, b text);
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FUNCTION keys_of(type text, VARIADIC literals text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	literal text;
	keys text[];
	result text;
BEGIN
	EXECUTE format('CREATE TABLE item (id %s PRIMARY KEY, name text)', type);
	result := public.attempt($s$SELECT bcdelta.track('public.item', 'shop', 'brand')$s$);
	IF result = 'yes' THEN
		FOREACH literal IN ARRAY literals LOOP
			EXECUTE format('INSERT INTO public.item VALUES (%L)', literal);
			DELETE FROM public.item;
		END LOOP;
		SELECT string_agg(DISTINCT format('"%s"', key), ' ' ORDER BY format('"%s"', key)) INTO result FROM public.captured();
		PERFORM bcdelta.untrack('item');
	END IF;
	DROP TABLE public.item;
	RETURN result;
END
$$;
BEGIN;
SELECT type, keys_of(type, VARIADIC regexp_split_to_array(literals, '\|')) FROM (VALUES
	('smallint', '007|7'), ('bigint', ' 7 |+7'), ('numeric', '1|1.0|1.000'), ('numeric', '100|1e2|100.00'), ('numeric', '0|-0|0.00'),
	('numeric(10,2)', '1.5|1.50'), ('numeric', 'NaN'), ('numeric', '0.0001000'), ('numeric', '-12345678901234567890.10'),
	('code', '1|1.00'), ('float8', '0|-0'), ('float4', '-0|0'), ('float8', '1|1.0|1e0'), ('float8', '1e20'), ('float8', 'NaN|-NaN'),
	('text', 'a|a |A'), ('text', ''), ('varchar(3)', 'a|a '), ('char(5)', 'a|a '), ('bpchar', 'a|a '), ('name', 'a'), ('"char"', 'a'),
	('boolean', 'true|t|yes'), ('uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11|{a0eebc999c0b4ef8bb6d6bb9bd380a11}'),
	('bytea', '\x41|A'), ('bit(3)', '101'), ('inet', '10.0.0.1|10.0.0.1/32'), ('cidr', '10.0.0.0/8|10/8'), ('macaddr', '08:00:2b:01:02:03|08002b010203'),
	('date', '2026-11-02|2 Nov 2026'), ('timestamptz', '2026-11-02 00:00+00|2026-11-02 01:00+01'), ('timestamp(0)', '2026-11-02 00:00:00.1|2026-11-02'),
	('time', '24:00|24:00:00'), ('timetz', '12:00+00'), ('colour', 'red'), ('pg_lsn', '0/1|0/00000001'), ('oid', '7'),
	('text COLLATE any_case', 'a|A'), ('char(3) COLLATE any_case', 'a|A'), ('text COLLATE "C"', 'a|A'),
	('interval', ''), ('jsonb', ''), ('int[]', ''), ('codes', ''), ('int4range', ''), ('pair', ''), ('money', ''), ('regclass', ''), ('tsvector', '')
) AS v (type, literals);
ROLLBACK;
-- whatever the settings are
BEGIN;
SET LOCAL datestyle = 'German';
SET LOCAL timezone = 'Asia/Kolkata';
SELECT keys_of('timestamptz', '2.11.2026 05:30', '2026-11-02 00:00+00');
ROLLBACK;
-- one part of a key that will not do is enough
CREATE TABLE part (list text, of interval, name text, PRIMARY KEY (list, of));
SELECT bcdelta.track('part', 'shop', 'brand');
SELECT count(*) FROM bcdelta.feed;

--
-- Given by hand
--
CREATE TABLE num (no numeric PRIMARY KEY, name text);
CREATE TABLE price (no numeric(10,2), at timestamp(0), name text, PRIMARY KEY (no, at));
CREATE TABLE word (word varchar(5) PRIMARY KEY, name text);
CREATE TABLE bare (bare char(5) PRIMARY KEY, name text);
CREATE TABLE id (id uuid PRIMARY KEY, name text);
CREATE TABLE short (short name PRIMARY KEY, name text);
CREATE TABLE one (one "char" PRIMARY KEY, name text);
CREATE TABLE seen (at timestamptz PRIMARY KEY, name text);
SELECT bcdelta.track(t::regclass, 'shop', 'brand') FROM unnest('{num,price,word,bare,id,seen,short,one}'::text[]) AS t;
INSERT INTO num VALUES (1.50);
DELETE FROM bcdelta.change;
BEGIN;
SELECT bcdelta.mark('num', '1.5', '01.500', '2.0', ' 3 ', '1e2');
SELECT bcdelta.mark_all('num');
SELECT bcdelta.mark('price', '["01.50", "2 Nov 2026 12:00"]', '["2", "2026-11-02"]');
SELECT bcdelta.mark('word', 'a ', ' a', ''), bcdelta.mark('bare', 'a', 'a    ', ' a');
SELECT bcdelta.mark('id', '{A0EEBC999C0B4EF8BB6D6BB9BD380A11}');
SET LOCAL timezone = 'Europe/Berlin';
SELECT bcdelta.mark('seen', '2026-11-02 01:00', '2026-11-02 00:00Z');
SELECT feed, format('"%s"', key) FROM captured();
ROLLBACK;
-- rounded or cut, it would be that of another row
SELECT attempt(format('SELECT bcdelta.mark(%L, %L)', feed, key)) FROM (VALUES ('num', 'x'), ('num', ''), ('price', '["1.005", "2026-11-02"]'),
	('price', '["1", "2026-11-02 00:00:00.5"]'), ('price', '["1"]'), ('word', 'abcdef'), ('word', 'abcde '), ('bare', 'abcdef'), ('id', '7'),
	('short', repeat('x', 64)), ('one', 'ab')) AS v (feed, key);
INSERT INTO price VALUES (1, '2026-11-02');
INSERT INTO word VALUES ('a'), ('7');
INSERT INTO bare VALUES ('a'), ('7');
INSERT INTO id VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
INSERT INTO seen VALUES ('2026-11-02 00:00Z');
DELETE FROM bcdelta.change;
SELECT bcdelta.link('price', '["1.005", "2026-11-02"]', 1);
SELECT bcdelta.link('num', '01.50', 11), bcdelta.link('bare', 'a', 12), bcdelta.link('word', 'a', 13), bcdelta.link('price', '["1.00", "2026-11-02"]', 14),
	bcdelta.link('id', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 15), bcdelta.link('seen', '2026-11-02 01:00+01', 16);
SELECT bcdelta.link('num', '1.5', 11), bcdelta.link('bare', 'a ', 12);
SELECT feed, format('"%s"', key), store_id FROM bcdelta.link ORDER BY store_id;
-- a key that changes its spelling alone stays where it is
BEGIN;
UPDATE num SET no = 1.5;
UPDATE num SET no = 1.6;
SELECT * FROM captured();
ROLLBACK;

--
-- References: whatever is equal to the key
--
CREATE TABLE whole (id bigint PRIMARY KEY, name text);
SELECT bcdelta.track('whole', 'shop', 'brand');
INSERT INTO whole VALUES (7);
INSERT INTO num VALUES (7);
SELECT bcdelta.link('whole', '7', 17);
SELECT bcdelta.link('word', '7', 18), bcdelta.link('num', '7', 19), bcdelta.link('bare', '7', 20);
SELECT feed, id FROM (VALUES
	('whole int', bcdelta.ref('whole', 7)), ('whole smallint', bcdelta.ref('whole', 7::int2)), ('whole numeric', bcdelta.ref('whole', 7.00)),
	('whole float', bcdelta.ref('whole', 7.0::float8)), ('whole literal', bcdelta.ref('whole', '007')), ('whole text', bcdelta.ref('whole', ' 7'::text)),
	('whole char', bcdelta.ref('whole', '7'::char(5))), ('whole other', bcdelta.ref('whole', 8)), ('whole null', bcdelta.ref('whole', NULL::int)),
	('num numeric', bcdelta.ref('num', 1.5)), ('num numeric(9,3)', bcdelta.ref('num', 1.5::numeric(9,3))), ('num float', bcdelta.ref('num', 1.5::float8)),
	('num text', bcdelta.ref('num', '1.500')), ('num bigint', bcdelta.ref('num', 7::bigint)),
	('word varchar', bcdelta.ref('word', 'a'::varchar)), ('word char', bcdelta.ref('word', 'a'::char(5))), ('word name', bcdelta.ref('word', 'a'::name)),
	('word literal', bcdelta.ref('word', 'a')), ('word blank', bcdelta.ref('word', 'a '::text)), ('word int', bcdelta.ref('word', 7)),
	('bare char', bcdelta.ref('bare', 'a'::char(5))), ('bare char(3)', bcdelta.ref('bare', 'a'::char(3))), ('bare varchar', bcdelta.ref('bare', 'a'::varchar(5))),
	('bare text', bcdelta.ref('bare', 'a '::text)), ('bare int', bcdelta.ref('bare', 7)),
	('id uuid', bcdelta.ref('id', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid)), ('id text', bcdelta.ref('id', 'A0EEBC999C0B4EF8BB6D6BB9BD380A11')),
	('price', bcdelta.ref('price', 1, '2026-11-02'::text)), ('price', bcdelta.ref('price', '1.0', '2026-11-02'::timestamp)),
	('seen', bcdelta.ref('seen', '2026-11-02 00:00:00+00'::timestamptz)), ('none', bcdelta.ref('none', 1))
) AS v (feed, id);
SELECT attempt('SELECT bcdelta.ref(' || arguments || ')') FROM (VALUES ($$'whole', 'x'$$), ($$'whole', 1.5$$), ($$'whole', true$$), ($$'whole', '{}'::jsonb$$),
	($$'whole', 1, 2$$), ($$'price', 1$$), ($$'price', '["1", "2026-11-02"]'$$), ($$'price', 1.005, '2026-11-02'$$), ($$'word', 'abcdef'$$), ($$'word', 1.0$$), ($$'word', '1'::jsonb$$),
	($$'word', '1 day'::interval$$), ($$'seen', '2026-11-02'::date$$), ($$'id', 7$$)) AS v (arguments);
-- after an error, what was known of the feed is not kept
BEGIN;
SELECT attempt($$SELECT bcdelta.ref('whole', 'x')$$);
SELECT bcdelta.untrack('whole');
SELECT bcdelta.track('price', 'shop', 'brand', '{"name": "''A price''"}', feed => 'whole');
SELECT attempt($$SELECT bcdelta.ref('whole', 1, '2026-11-02'::text)$$);
ROLLBACK;
-- said when the feed is tracked
CREATE TABLE item (sku text PRIMARY KEY, no int, amount numeric, doc jsonb, day date, name text);
SELECT attempt(format('SELECT bcdelta.track(''item'', ''shop'', ''product'', %L); SELECT bcdelta.untrack(''item'')',
	jsonb_build_object('sku', 'sku', 'brand_id', expression))) FROM (VALUES
	('bcdelta.ref(''whole'', no)'), ('bcdelta.ref(''whole'', doc)'), ('bcdelta.ref(''word'', amount)'), ('bcdelta.ref(''seen'', day)'), ('bcdelta.ref(''price'', amount)'),
	('bcdelta.ref(''whole'', doc ->> ''maker'')')) AS v (expression);

--
-- The empty string is no name, and not taken for a missing one
--
SELECT call, attempt('SELECT bcdelta.' || call) FROM unnest(ARRAY[$$push('')$$, $$verify('')$$, $$link('')$$, $$retry('')$$, $$preview('')$$, $$mark('', 'a')$$, $$mark_all('')$$, $$untrack('')$$,
	$$pause('')$$, $$resume('')$$, $$unlink('')$$, $$link('', 'a', 1)$$, $$ref('', 'a')$$, $$depends('', 'item', '{no}')$$,
	$$schedule('', every => '1 day')$$, $$schedule('s', feed => '', every => '1 day')$$, $$schedule('s', every => '1 day', hours => '')$$, $$unschedule('')$$, $$push(server => '')$$, $$track('item', 'shop', 'brand', feed => '')$$]) AS call;
-- but it is a key, of a text
SELECT call, attempt('SELECT bcdelta.' || call) FROM unnest(ARRAY[$$mark('word', '')$$, $$mark('num', '')$$, $$link('word', '', 99)$$, $$unlink('word', '')$$, $$ref('word', '')$$, $$ref('num', '')$$]) AS call;

DROP EXTENSION bcdelta CASCADE;
DROP TABLE part, num, price, word, bare, id, seen, short, one, whole, item;
DROP FUNCTION captured, attempt, keys_of;
DROP DOMAIN code, codes;
DROP TYPE colour, pair;
DROP COLLATION any_case;
