--
-- Capture: rows are compared by the values of the mapped columns
--
-- Tables of random columns, mapped and not, dropped and added, are updated at
-- random; what is captured must be what PostgreSQL takes for different rows.
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');

CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text VOLATILE LANGUAGE sql AS
	$$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;
CREATE FUNCTION chance(percent int) RETURNS boolean VOLATILE LANGUAGE sql AS $$ SELECT random() * 100 < percent $$;
-- short, long, compressible and not, equal and the same, equal but not the same
CREATE TABLE kind (type text, choices text[]);
INSERT INTO kind SELECT type, string_to_array(choices, '|') FROM (VALUES
	('boolean', 'true|false'), ('int2', '1|2'), ('int4', '1|2'), ('int8', '1|2'), ('"char"', '''x''|''y'''),
	('name', '''a''|''b'''), ('char(3)', '''a''|''b'''), ('numeric', '1|1.0|1.00|2'), ('float8', '1|2|''-0''|0'),
	('text', '''''|''a''|repeat(''a'', 126)|repeat(''a'', 127)|repeat(''b'', 127)|repeat(''a'', 9000)|repeat(''b'', 9000)'),
	('bytea', '''''|''\x00''|decode(repeat(''00'', 200), ''hex'')'), ('int4[]', '''{1,2}''|''{1,NULL}''|''[0:1]={1,2}'''),
	('jsonb', '''{}''|''{"a": 1}''|''{"a": 1.0}'''), ('timestamptz', '''2026-01-01''|''2026-01-02'''),
	('interval', '''1 day''|''24 hours'''), ('uuid', '''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''|''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'''),
	('circle', '''<(1,1),2>''|''<(1,1),3>''')) AS v (type, choices);
CREATE FUNCTION value(of text) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT CASE WHEN chance(25) THEN 'NULL' ELSE pick(VARIADIC choices) || '::' || type END FROM kind WHERE type = of
$$;

-- a table, and what may have become of it
CREATE FUNCTION make(OUT names text[], OUT types text[]) VOLATILE LANGUAGE plpgsql AS $$
DECLARE
	n int := 2 + floor(random() * 8);
	place int := floor(random() * (n + 1));
	list text := '';
BEGIN
	FOR i IN 0 .. n LOOP
		names[i + 1] := CASE WHEN i = place THEN 'id' ELSE 'c' || i END;
		types[i + 1] := (SELECT type FROM kind ORDER BY random() LIMIT 1);
		list := concat_ws(', ', nullif(list, ''), CASE WHEN i = place THEN 'id int PRIMARY KEY' ELSE names[i + 1] || ' ' || types[i + 1] END);
	END LOOP;
	EXECUTE format('CREATE TABLE item (%s)', list);
	FOR i IN 1 .. n + 1 LOOP
		IF types[i] IN ('text', 'bytea') AND names[i] <> 'id' AND chance(50) THEN
			EXECUTE format('ALTER TABLE item ALTER %s SET STORAGE EXTERNAL', names[i]);
		END IF;
	END LOOP;
	types := types[:place] || types[place + 2:];
	names := array_remove(names, 'id');
	FOR i IN 1 .. 8 LOOP
		EXECUTE format('INSERT INTO item (id, %s) VALUES (%s, %s)', array_to_string(names, ', '), i,
			(SELECT string_agg(value(t), ', ' ORDER BY o) FROM unnest(types) WITH ORDINALITY AS u (t, o)));
	END LOOP;
	IF chance(40) THEN
		EXECUTE format('ALTER TABLE item DROP COLUMN %s', names[1]);
		names := names[2:];
		types := types[2:];
	END IF;
	IF chance(40) THEN
		names := names || 'late'::text;
		types := types || pick('int4', 'text', 'numeric', 'float8');
		EXECUTE format('ALTER TABLE item ADD late %s DEFAULT %s', types[cardinality(types)], value(types[cardinality(types)]));
	END IF;
END
$$;

-- updates some rows and columns at random; what was captured wrongly?
CREATE FUNCTION change(names text[], types text[], mapped text) RETURNS text VOLATILE LANGUAGE plpgsql AS $$
DECLARE
	assignments text;
	statement text;
	wrong text;
BEGIN
	CREATE TEMP TABLE before AS SELECT * FROM item;
	SELECT string_agg(format('%s = %s', name, CASE WHEN chance(30) THEN name WHEN chance(60) THEN value(type)
		ELSE format('CASE WHEN id %% 2 = 0 THEN %s ELSE %s END', value(type), name) END), ', ') INTO assignments
	FROM unnest(names, types) AS u (name, type) WHERE chance(60);
	statement := format('UPDATE item SET %s WHERE %s', coalesce(assignments, 'id = id'), pick('true', 'id % 3 = 1', 'id = 5', 'false'));
	EXECUTE statement;
	EXECUTE format('SELECT string_agg(coalesce(key, id), '' '') FROM (SELECT id::text FROM item JOIN before AS b USING (id)
		WHERE record_image_ne(ROW(%s), ROW(%s))) AS e (id) FULL JOIN bcdelta.change ON key = id WHERE key IS NULL OR id IS NULL',
		'item.' || replace(mapped, ',', ',item.'), 'b.' || replace(mapped, ',', ',b.')) INTO wrong;
	DELETE FROM bcdelta.change;
	DROP TABLE before;
	RETURN 'captured wrongly: ' || wrong || ' ' || statement;
END
$$;

SELECT setseed(0.3);
DO $$
DECLARE
	item record;
	mapped text;
	capture text;
	wrong text;
BEGIN
	FOR i IN 1 .. 30 LOOP
		SELECT * INTO item FROM make();
		SELECT coalesce(string_agg(name, ','), item.names[1]) INTO mapped FROM unnest(item.names) AS name WHERE chance(50);
		capture := pick('statement', 'row');
		PERFORM bcdelta.track('item', 'shop', 'brand', jsonb_build_object('name', format('concat(%s)', mapped)), capture => capture);
		FOR j IN 1 .. 8 LOOP
			wrong := change(item.names, item.types, mapped);
			IF wrong IS NOT NULL THEN RAISE WARNING 'mapped %, by %: %', mapped, capture, wrong; END IF;
		END LOOP;
		PERFORM bcdelta.untrack('item');
		DROP TABLE item;
	END LOOP;
END
$$;

DROP EXTENSION bcdelta CASCADE;
DROP FUNCTION make, change, value, chance, pick;
DROP TABLE kind;
