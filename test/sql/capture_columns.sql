--
-- Capture: which columns a mapping depends on
--
-- The arguments of the triggers say it: no columns stands for all of them.
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');

CREATE TABLE item (id int PRIMARY KEY, title text, net numeric, tax numeric, tags text[], extra jsonb, "Odd ""Col""" text,
	parent int, seen_at timestamptz);
CREATE TABLE price (item int, kind text, net numeric);
CREATE TABLE child () INHERITS (item);
CREATE VIEW dear AS SELECT * FROM item WHERE net > 100;
CREATE FUNCTION plus(numeric) RETURNS numeric IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
CREATE FUNCTION looks(int) RETURNS text STABLE LANGUAGE sql AS 'SELECT title FROM public.item WHERE id = $1';
CREATE FUNCTION takes(item) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1.title';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, PROCEDURE = int4eq);
CREATE FUNCTION looks2(int, int) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM public.item WHERE id = $1)';
CREATE OPERATOR ==== (LEFTARG = int, RIGHTARG = int, PROCEDURE = looks2);

CREATE FUNCTION depends(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	columns text;
BEGIN
	PERFORM bcdelta.track('item', 'shop', 'brand', jsonb_build_object('name', expression), 'f');
	SELECT string_agg(argument, ' ' ORDER BY n) INTO columns
	FROM pg_trigger, bcdelta.feed,
		string_to_table(encode(tgargs, 'escape'), '\000') WITH ORDINALITY AS a(argument, n)
	WHERE tgrelid = 'item'::regclass AND tgname = format('bcdelta_%s_update', feed_id) AND n > 2 AND argument <> '';
	PERFORM bcdelta.untrack('f');
	RETURN coalesce(columns, '(all)');
END
$$;
-- string_to_table() came with 14
DO $$
BEGIN
	IF current_setting('server_version_num')::int < 140000 THEN
		CREATE FUNCTION string_to_table(text, text) RETURNS SETOF text LANGUAGE sql AS
			'SELECT unnest(string_to_array($1, $2))';
	END IF;
END
$$;

SELECT expression, depends(expression) FROM (VALUES
	('title'),
	('coalesce(title, ''x'') || net'),
	('item.title || "Odd ""Col"""'),
	('CASE WHEN net > tax THEN title ELSE (extra ->> ''name'') END'),
	('tags[1]'),
	('''always the same'''),
	('to_char(seen_at, ''YYYY'')'),
	('row_to_json(item) ->> ''title'''),
	('(item).title'),
	('item::text'),
	('ctid::text'),
	('tableoid::text'),
	-- sub-selects
	('(SELECT max(p.kind) FROM public.price AS p WHERE p.item = item.id AND p.net < item.net)'),
	('(SELECT max(kind) FROM public.price WHERE price.item = parent)'),
	('(SELECT i.title FROM public.item AS i WHERE i.id = item.parent)'),
	('(SELECT (SELECT i.title FROM public.price AS p WHERE p.net > item.tax LIMIT 1) FROM public.item AS i WHERE i.id = item.parent)'),
	('(SELECT string_agg(t, '','') FROM unnest(tags) AS t)'),
	('(WITH w AS (SELECT net AS n) SELECT n::text FROM w)'),
	('(SELECT x.v FROM public.price JOIN LATERAL (SELECT item.title || kind AS v) AS x ON true LIMIT 1)'),
	('(SELECT title FROM public.item AS i JOIN public.price AS p ON p.item = i.id WHERE i.id = item.id)'),
	('(SELECT title FROM public.item AS i JOIN public.price AS p USING (net) LIMIT 1)'),
	('(SELECT d.title FROM public.dear AS d LIMIT 1)'),
	('(SELECT c.title FROM public.child AS c LIMIT 1)'),
	('(SELECT count(*)::text FROM public.item AS i GROUP BY i.tax, i.net ORDER BY i.net LIMIT 1)'),
	('(SELECT first_value(title) OVER (ORDER BY tax) FROM public.item AS i LIMIT 1)'),
	('(VALUES (title))'),
	-- functions and operators
	('public.plus(net)::text'),
	('public.looks(id)'),
	('public.takes(item)'),
	('(parent OPERATOR(public.===) 1)::text'),
	('(parent OPERATOR(public.====) 1)::text'),
	('bcdelta.ref(''f'', parent)::text'),
	('query_to_xml(''SELECT 1'', true, true, '''')::text')
) AS v (expression);

DROP EXTENSION bcdelta CASCADE;
DROP FUNCTION depends, plus, looks, takes;
DROP OPERATOR === (int, int), ==== (int, int);
DROP FUNCTION looks2;
DROP TABLE item, price CASCADE;
