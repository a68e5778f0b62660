-- A shop of any size, and what happens in one while it trades, for
-- test/t/shop_random.pl; the tables are those of test/examples/shop.sql, and
-- some that the example has no feed for.

CREATE TABLE price_list (id integer PRIMARY KEY, name text NOT NULL UNIQUE, currency char(3) NOT NULL);
CREATE TABLE old_url (
	path text PRIMARY KEY,
	product_id integer REFERENCES product ON DELETE CASCADE,
	category_id integer REFERENCES category ON DELETE CASCADE
);
CREATE INDEX ON old_url (product_id);
CREATE SEQUENCE names;

SELECT bcdelta.alter_feed('customers', on_delete => 'delete');

-- A price list for each currency instead of one for all
SELECT bcdelta.untrack('prices');
SELECT bcdelta.track('public.price_list', 'shop', 'price_list', '{"name": "name", "active": "true"}', feed => 'lists', on_delete => 'delete');

-- The prices of variants in other currencies
SELECT bcdelta.track('public.price', 'shop', 'price_record', $$ {
	"price_list_id": "(SELECT bcdelta.ref('lists', l.id) FROM public.price_list AS l WHERE l.currency = price.currency)",
	"variant_id": "bcdelta.ref('variants', variant_id)",
	"currency": "lower(currency)",
	"price": "amount"
} $$, feed => 'foreign_prices', on_delete => 'delete', filter => $$ currency IN (SELECT l.currency FROM public.price_list AS l)
	AND (SELECT (v.size_id IS NOT NULL OR v.colour_id IS NOT NULL) AND p.deleted_at IS NULL FROM public.variant AS v JOIN public.product AS p ON p.id = v.product_id WHERE v.id = variant_id) $$);
SELECT bcdelta.depends('foreign_prices', 'public.variant', '{id}', lookup => 'SELECT c.variant_id, c.currency FROM public.price AS c WHERE c.variant_id = $1');
SELECT bcdelta.depends('foreign_prices', 'public.product', '{id}',
	lookup => 'SELECT c.variant_id, c.currency FROM public.price AS c JOIN public.variant AS v ON v.id = c.variant_id WHERE v.product_id = $1');

SELECT bcdelta.track('public.old_url', 'shop', 'redirect', $$ {
	"from_path": "path",
	"site_id": "1000",
	"to": "CASE WHEN product_id IS NOT NULL THEN jsonb_build_object('type', 'product', 'entity_id', bcdelta.ref('products', product_id)) ELSE jsonb_build_object('type', 'category', 'entity_id', bcdelta.ref('categories', category_id)) END"
} $$, feed => 'redirects', on_delete => 'delete', filter => $$ product_id IS NULL OR (SELECT p.deleted_at IS NULL FROM public.product AS p WHERE p.id = product_id) $$);
SELECT bcdelta.depends('redirects', 'public.product', '{id}', lookup => 'SELECT o.path FROM public.old_url AS o WHERE o.product_id = $1');

-- A number below n
CREATE FUNCTION dice(n integer) RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT floor(random() * n)::integer';

-- The id of any row, found by the index
CREATE FUNCTION any_id(rows regclass, condition text DEFAULT 'true') RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	last integer;
	id integer;
BEGIN
	EXECUTE format('SELECT max(id) FROM %s', rows) INTO last;
	EXECUTE format('SELECT id FROM %s WHERE id >= $1 AND %s ORDER BY id LIMIT 1', rows, condition) USING dice(last + 1) INTO id;
	RETURN id;
END
$$;

CREATE FUNCTION add_product(new integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	sizes integer := CASE WHEN dice(5) = 0 THEN 0 ELSE 1 + dice(4) END;
	colours integer := CASE WHEN sizes > 0 THEN 1 + dice(5) ELSE 0 END;
BEGIN
	INSERT INTO product (id, number, brand_id, grams)
	VALUES (new, 'P' || nextval('names'), any_id('brand'), dice(5000));
	INSERT INTO product_text VALUES (new, 'de', 'Artikel ' || nextval('names'), repeat('Text ', dice(40)));
	INSERT INTO product_category SELECT DISTINCT new, coalesce(any_id('category'), (SELECT min(id) FROM category)) FROM generate_series(0, dice(3));
	INSERT INTO product_image SELECT new, n, 'https://cdn.example.org/' || new || '-' || n || '.jpg' FROM generate_series(1, dice(4)) AS n;
	INSERT INTO product_attribute SELECT new, 'A' || n, 'v' || dice(9) FROM generate_series(1, dice(5)) AS n;
	INSERT INTO variant (id, product_id, sku, size_id, colour_id, ean)
	SELECT nextval('names'), new, 'V' || nextval('names'), s, c, CASE WHEN dice(2) = 0 THEN lpad(currval('names')::text, 13, '4') END
	FROM generate_series(1, sizes) AS s, generate_series(1, colours) AS c;
	IF sizes = 0 THEN
		INSERT INTO variant (id, product_id, sku) VALUES (nextval('names'), new, 'V' || nextval('names'));
	END IF;
	INSERT INTO price SELECT v.id, c, 1 + dice(9999) / 100.0
	FROM variant AS v, unnest('{EUR,CHF,GBP}'::char(3)[]) AS c WHERE v.product_id = new;
	INSERT INTO stock (variant_id, warehouse_id, quantity)
	SELECT v.id, w.id, dice(100) FROM variant AS v, warehouse AS w WHERE v.product_id = new;
END
$$;

CREATE FUNCTION add_category(new integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	parent integer := any_id('category', 'position < 4');
BEGIN
	-- position is the depth, so that none is deeper than four levels
	INSERT INTO category VALUES (new, parent, coalesce((SELECT c.position FROM category AS c WHERE c.id = parent), 0) + 1);
	INSERT INTO category_text VALUES (new, 'de', 'Gruppe ' || nextval('names'), NULL);
END
$$;

CREATE FUNCTION add_customer(new integer) RETURNS void LANGUAGE sql AS $$
	INSERT INTO customer (id, email, first_name, last_name, company, phone)
	VALUES (new, 'c' || nextval('names') || '@example.org', 'F' || dice(99), 'L' || dice(99), CASE dice(3) WHEN 0 THEN 'Co' END, dice(9999)::text)
$$;

CREATE FUNCTION add_old_url() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	product integer := CASE WHEN dice(4) > 0 THEN any_id('product', 'deleted_at IS NULL') END;
	category integer := CASE WHEN product IS NULL THEN any_id('category') END;
BEGIN
	IF product IS NOT NULL OR category IS NOT NULL THEN
		INSERT INTO old_url VALUES ('/old/' || nextval('names') || '.html', product, category);
	END IF;
END
$$;

CREATE PROCEDURE fill(products integer) LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE category, brand, product, size, colour, warehouse, customer, price_list CASCADE;
	INSERT INTO price_list VALUES (1, 'Schweiz', 'CHF'), (2, 'Britain', 'GBP');
	INSERT INTO warehouse VALUES (1, 'Lager', 1), (2, 'Laden', 2), (3, 'Filiale', 3);
	INSERT INTO size SELECT n, 'S' || n FROM generate_series(1, 9) AS n;
	INSERT INTO colour SELECT n, 'C' || n FROM generate_series(1, 9) AS n;
	INSERT INTO brand SELECT n, 'Marke ' || n FROM generate_series(1, 3 + products * 6 / 100) AS n;
	PERFORM add_category(n) FROM generate_series(1, 5 + products * 4 / 100) AS n;
	PERFORM add_product(n) FROM generate_series(1, products) AS n;
	PERFORM add_customer(n) FROM generate_series(1, products) AS n;
	PERFORM add_old_url() FROM generate_series(1, products * 4 / 10) AS n;
END
$$;

-- Two rows exchange a value that has to be unique
CREATE PROCEDURE swap(rows regclass, field name, one integer, other integer) LANGUAGE plpgsql AS $$
DECLARE
	mine text;
	others text;
BEGIN
	EXECUTE format('SELECT %I FROM %s WHERE id = $1', field, rows) INTO mine USING one;
	EXECUTE format('SELECT %I FROM %s WHERE id = $1', field, rows) INTO others USING other;
	IF one <> other AND mine IS NOT NULL AND others IS NOT NULL THEN
		EXECUTE format('UPDATE %s SET %I = $2 WHERE id = $1', rows, field) USING one, 'aside ' || one;
		EXECUTE format('UPDATE %s SET %I = $2 WHERE id = $1', rows, field) USING other, mine;
		EXECUTE format('UPDATE %s SET %I = $2 WHERE id = $1', rows, field) USING one, others;
	END IF;
END
$$;

-- One random change.  An id may have no row: then nothing changes.
CREATE PROCEDURE statement() LANGUAGE plpgsql AS $$
DECLARE
	kind integer := dice(118);
	p integer := any_id('product');
	v integer := any_id('variant');
	c integer := any_id('category');
	u integer := any_id('customer');
	b integer := any_id('brand');
BEGIN
	IF kind < 10 THEN
		UPDATE price SET amount = 1 + dice(9999) / 100.0 WHERE variant_id = v;
	ELSIF kind < 13 THEN
		DELETE FROM price WHERE variant_id = v AND currency <> 'EUR';
	ELSIF kind < 16 THEN
		INSERT INTO price VALUES (v, 'CHF', 5) ON CONFLICT DO NOTHING;
	ELSIF kind < 26 THEN
		UPDATE stock SET quantity = dice(100), reserved = dice(5) WHERE variant_id = v;
	ELSIF kind < 28 THEN
		DELETE FROM stock WHERE variant_id = v AND warehouse_id = 1 + dice(3);
	ELSIF kind < 31 THEN
		INSERT INTO stock (variant_id, warehouse_id, quantity) VALUES (v, 1 + dice(3), 7) ON CONFLICT DO NOTHING;
	ELSIF kind < 35 THEN
		UPDATE product_text SET name = 'Artikel ' || nextval('names'), description = repeat('x', dice(90)) WHERE product_id = p;
	ELSIF kind < 38 THEN
		UPDATE product SET brand_id = b, grams = dice(5000) WHERE id = p;
	ELSIF kind < 41 THEN
		INSERT INTO product_category VALUES (p, c) ON CONFLICT DO NOTHING;
	ELSIF kind < 43 THEN
		DELETE FROM product_category WHERE product_id = p AND category_id = c;
	ELSIF kind < 46 THEN
		INSERT INTO product_attribute VALUES (p, 'A' || dice(6), 'v' || dice(9)) ON CONFLICT (product_id, name) DO UPDATE SET value = EXCLUDED.value;
	ELSIF kind < 48 THEN
		DELETE FROM product_attribute WHERE product_id = p AND name = 'A' || dice(6);
	ELSIF kind < 51 THEN
		INSERT INTO product_image VALUES (p, dice(6), 'https://cdn.example.org/' || nextval('names') || '.jpg') ON CONFLICT (product_id, position) DO UPDATE SET url = EXCLUDED.url;
	ELSIF kind < 53 THEN
		DELETE FROM product_image WHERE product_id = p AND position = dice(6);
	ELSIF kind < 57 THEN
		PERFORM add_product(nextval('names')::integer);
	ELSIF kind < 59 THEN
		DELETE FROM product WHERE id = p;
	ELSIF kind < 61 THEN
		UPDATE product SET deleted_at = CASE WHEN deleted_at IS NULL THEN now() END WHERE id = p;
	ELSIF kind < 65 THEN
		-- another size of a product that has sizes
		INSERT INTO variant (id, product_id, sku, size_id, colour_id)
		SELECT nextval('names'), o.product_id, 'V' || nextval('names'), 5 + dice(5), o.colour_id FROM variant AS o WHERE o.id = v AND o.size_id IS NOT NULL
		AND NOT EXISTS (SELECT FROM variant AS s WHERE s.product_id = o.product_id AND s.size_id > 4);
		INSERT INTO price SELECT n.id, 'EUR', 9.5 FROM variant AS n WHERE NOT EXISTS (SELECT FROM price AS c WHERE c.variant_id = n.id AND c.currency = 'EUR');
	ELSIF kind < 68 THEN
		-- not the last one
		DELETE FROM variant AS d WHERE d.id = v AND d.size_id IS NOT NULL AND (SELECT count(*) FROM variant AS s WHERE s.product_id = d.product_id) > 1;
	ELSIF kind < 72 THEN
		UPDATE variant SET sku = 'V' || nextval('names'), active = dice(3) > 0 WHERE id = v;
	ELSIF kind < 74 THEN
		UPDATE variant SET ean = lpad(nextval('names')::text, 13, '4') WHERE id = v;
	ELSIF kind < 77 THEN
		UPDATE category_text SET name = 'Gruppe ' || nextval('names') WHERE category_id = c;
	ELSIF kind < 79 THEN
		PERFORM add_category(nextval('names')::integer);
	ELSIF kind < 81 THEN
		UPDATE category SET parent_id = any_id('category', 'position = 1 AND id <> ' || c)
		WHERE id = c AND NOT EXISTS (SELECT FROM category WHERE parent_id = c) AND position > 1;
	ELSIF kind < 82 THEN
		DELETE FROM category WHERE id = c AND NOT EXISTS (SELECT FROM category WHERE parent_id = c);
	ELSIF kind < 84 THEN
		UPDATE brand SET name = 'Marke ' || nextval('names') WHERE id = b;
	ELSIF kind < 85 THEN
		INSERT INTO brand VALUES (nextval('names'), 'Marke ' || nextval('names'));
	ELSIF kind < 86 THEN
		DELETE FROM brand WHERE id = b AND id NOT IN (SELECT brand_id FROM product WHERE brand_id IS NOT NULL);
	ELSIF kind < 89 THEN
		PERFORM add_customer(nextval('names')::integer);
	ELSIF kind < 92 THEN
		UPDATE customer SET email = CASE dice(2) WHEN 0 THEN email ELSE 'c' || nextval('names') || '@example.org' END, phone = dice(9999)::text WHERE id = u;
	ELSIF kind < 93 THEN
		DELETE FROM customer WHERE id = u;
	ELSIF kind < 97 THEN
		PERFORM add_old_url();
	ELSIF kind < 98 THEN
		UPDATE old_url SET path = '/old/' || nextval('names') WHERE path = (SELECT path FROM old_url WHERE product_id >= p ORDER BY product_id LIMIT 1);
	ELSIF kind < 100 THEN
		DELETE FROM old_url WHERE path = (SELECT path FROM old_url WHERE product_id >= p ORDER BY product_id LIMIT 1);
	ELSIF kind < 104 THEN
		-- variants that choose, not products
		CALL swap('variant', 'sku', any_id('variant', 'size_id IS NOT NULL'), any_id('variant', 'size_id IS NOT NULL'));
	ELSIF kind < 108 THEN
		CALL swap('product', 'number', p, any_id('product'));
	ELSIF kind < 110 THEN
		CALL swap('customer', 'email', u, any_id('customer'));
	ELSIF kind < 112 THEN
		CALL swap('brand', 'name', b, any_id('brand'));
	ELSIF kind < 115 THEN
		-- a product without variants gets its first: number, stock and tracking change hands
		UPDATE variant SET size_id = 1, colour_id = 1 WHERE id = v AND size_id IS NULL;
	ELSE
		-- and the other way round
		UPDATE variant AS o SET size_id = NULL, colour_id = NULL WHERE id = v AND NOT EXISTS (SELECT FROM variant AS s WHERE s.product_id = o.product_id AND s.id <> v);
	END IF;
END
$$;

-- What the store should have, a line for each record
CREATE VIEW wanted AS
SELECT format('brand %s', name) AS line FROM brand
UNION ALL
SELECT format('category %s below %s', t.name, coalesce(o.name, '-')) FROM category AS c JOIN category_text AS t ON t.category_id = c.id
	LEFT JOIN category_text AS o ON o.category_id = c.parent_id
UNION ALL
SELECT format('product %s %s %s brand %s in %s fields %s images %s', v.sku, v.name, trim_scale(v.price), coalesce(b.name, '-'),
	(SELECT string_agg(t.name, ',' ORDER BY t.name COLLATE "C") FROM product_category AS c JOIN category_text AS t USING (category_id) WHERE c.product_id = p.id),
	(SELECT string_agg(a.name || '=' || a.value, ',' ORDER BY a.name || '=' || a.value COLLATE "C") FROM product_attribute AS a WHERE a.product_id = p.id),
	(SELECT count(*) FROM product_image AS i WHERE i.product_id = p.id))
FROM product AS p JOIN bc_product AS v USING (id) LEFT JOIN brand AS b ON b.id = p.brand_id WHERE p.deleted_at IS NULL
UNION ALL
SELECT format('variant %s of %s %s %s %s %s', v.sku, p.sku, trim_scale(v.price), v.size || '/' || v.colour, coalesce(v.ean, '-'), (SELECT active FROM variant WHERE id = v.id))
FROM bc_variant AS v JOIN bc_product AS p ON p.id = v.product_id JOIN product AS o ON o.id = p.id WHERE NOT v.is_plain AND o.deleted_at IS NULL
UNION ALL
SELECT format('stock %s at %s: %s', v.sku, s.warehouse_id, greatest(s.quantity - s.reserved, 0)) FROM stock AS s JOIN variant AS v ON v.id = s.variant_id
	JOIN product AS p ON p.id = v.product_id WHERE p.deleted_at IS NULL AND greatest(s.quantity - s.reserved, 0) > 0
UNION ALL
SELECT format('price %s %s %s', l.name, v.sku, trim_scale(c.amount)) FROM price AS c JOIN price_list AS l USING (currency) JOIN variant AS v ON v.id = c.variant_id
	JOIN product AS p ON p.id = v.product_id WHERE v.size_id IS NOT NULL AND p.deleted_at IS NULL
UNION ALL
SELECT format('customer %s %s %s %s', email, first_name, last_name, phone) FROM customer
UNION ALL
SELECT format('redirect %s to %s', o.path, coalesce(t.name, c.name)) FROM old_url AS o LEFT JOIN product AS p ON p.id = o.product_id
	LEFT JOIN product_text AS t ON t.product_id = o.product_id LEFT JOIN category_text AS c ON c.category_id = o.category_id WHERE p.deleted_at IS NULL;
