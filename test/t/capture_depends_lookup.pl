# Changes in tables two steps away: a lookup finds the rows of the feed.

use strict;
use warnings;

use BCDelta::Session;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('steps', store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.naptime = 1\nbcdelta.mapping_timeout = 500ms\nbcdelta.debug_points = on" });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE product (id int PRIMARY KEY, name text);
CREATE TABLE variant (id bigint PRIMARY KEY, product int REFERENCES product, size text);
CREATE TABLE price (variant bigint REFERENCES variant ON DELETE CASCADE, zone text, net numeric, seen int);
CREATE FUNCTION lowest(p int) RETURNS numeric STABLE LANGUAGE sql AS
	'SELECT min(r.net) FROM public.price AS r JOIN public.variant AS v ON v.id = r.variant WHERE v.product = p';
SELECT bcdelta.track('product', 'shop', 'product', $${"sku": "'P-' || id", "name": "name", "type": "'physical'", "weight": "1",
	"price": "coalesce((SELECT min(r.net) FROM public.price AS r JOIN public.variant AS v ON v.id = r.variant WHERE v.product = product.id), 0)"}$$);
SELECT bcdelta.depends('product', 'variant', '{product}');
SELECT bcdelta.depends('product', 'price', '{variant,zone}', lookup => 'SELECT product FROM public.variant WHERE id = $1 AND ($2 IS NULL OR $2 <> ''none'')');
INSERT INTO product SELECT i, 'Product ' || i FROM generate_series(1, 6) AS i;
INSERT INTO variant SELECT i * 10 + j, i, j FROM generate_series(1, 6) AS i, generate_series(1, 2) AS j;
INSERT INTO price SELECT id, 'eu', id FROM variant;
EOC
is($shop->push->{created}, 6, 'a shop');

# Pushes, and returns the products that were examined.
sub marked
{
	my ($sql) = @_;
	$shop->sql($sql);
	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'a push') or diag(explain($run));
	return join ' ', map { s/^product //r } sort keys %{ $shop->outcomes };
}

subtest 'what a lookup finds for the old and the new values is marked, and nothing else' => sub {
	is(marked('UPDATE price SET net = 5 WHERE variant = 11'), '1', 'a price marks the product of its variant');
	is($shop->record('products', $shop->id('product', 1))->{price} + 0, 5, 'which is pushed');
	is(marked('UPDATE price SET seen = 1'), '', 'a column that does not matter');
	is(marked('UPDATE price SET variant = 31 WHERE variant = 21'), '2 3', 'old and new values are looked up');
	is(marked("UPDATE price SET zone = 'none' WHERE variant = 41"), '4', 'all captured values are given to it, before the change');
	is(marked("UPDATE price SET net = 1 WHERE variant = 41"), '', 'and after it');
	is(marked("UPDATE price SET zone = NULL WHERE variant = 41"), '4', 'a null is a value');
	is(marked("DELETE FROM price WHERE variant IN (51, 52)"), '5', 'one product of many rows');
	is(marked("BEGIN; INSERT INTO product VALUES (7, 'Product 7'); INSERT INTO variant VALUES (71, 7); INSERT INTO price VALUES (71, 'eu', 71); COMMIT"), '7', 'of rows that come together');
	is(marked("DELETE FROM variant WHERE id = 61"), '6', 'when what is between goes away, the product is marked by that');
	is(marked("INSERT INTO price VALUES (NULL, 'eu', 1)"), '', 'a lookup that finds nothing');
	is(marked("TRUNCATE price"), '1 2 3 4 5 6 7', 'TRUNCATE marks all');
	is_deeply($shop->discrepancies($shop->verify->{run_id}), [], 'store and source agree');
	$shop->sql('INSERT INTO price SELECT id, $$eu$$, id FROM variant');
	$shop->push;
};

subtest 'a lookup that fails pauses its feed, loses nothing, and leaves others alone' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE label (id int PRIMARY KEY, name text);
CREATE TABLE label_note (label int, note text);
SELECT bcdelta.track('label', 'shop', 'brand', '{"name": "name", "page_title": "coalesce((SELECT max(note) FROM public.label_note AS n WHERE n.label = label.id), ''none'')"}');
SELECT bcdelta.depends('label', 'label_note', '{label}', lookup => 'SELECT id FROM public.label WHERE id = $1');
INSERT INTO label VALUES (1, 'One'), (2, 'Two');
SELECT bcdelta.push();
BEGIN;
ALTER TABLE variant RENAME COLUMN product TO of_product;
UPDATE price SET net = 999 WHERE variant = 12;
UPDATE price SET net = 999 WHERE variant = 22;
INSERT INTO label_note VALUES (2, 'note');
COMMIT;
EOC
	my $run = $shop->push("feed => 'label'");
	is($run->{updated}, 1, 'another feed whose lookup works');
	$shop->wait_for("SELECT state = 'paused' FROM bcdelta.feed WHERE feed = 'product'");
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'product'"),
		qr/^the lookup of table "price" failed for the values \["12", "eu"\]: column "product" does not exist; fix the cause/, 'a lookup that fails pauses its feed and says why');
	is($shop->sql('SELECT count(*) FROM bcdelta.lookup'), 2, 'what was captured waits');
	crash_server($shop->node, 'shop');
	like($shop->sql("SELECT state FROM bcdelta.status WHERE feed = 'product'"), qr/paused/, 'also after a crash');
	my (undef, undef, $err) = $shop->try("SELECT bcdelta.resume('product')");
	like($err, qr/column "product" of table "variant" does not exist/, 'it cannot be resumed');
	$shop->sql("ALTER TABLE variant RENAME COLUMN of_product TO product; SELECT bcdelta.resume('product')");
	is(marked('SELECT 1'), '1 2', 'until it is put right: nothing was lost');
};

sub pauses
{
	my ($lookup, $reason, $what) = @_;
	$shop->sql("SELECT bcdelta.depends('label', 'label_note', '{label}', lookup => \$q\$$lookup\$q\$); SELECT bcdelta.resume('label')");
	$shop->sql("INSERT INTO label_note VALUES (1, 'pauses')");
	$shop->wait_for("SELECT state = 'paused' FROM bcdelta.feed WHERE feed = 'label'");
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'label'"), $reason, $what);
}

subtest 'a lookup that is slow, writes, or raises an error pauses its feed and says why' => sub {
	pauses('SELECT 1 / ($1 - 1)', qr/division by zero/, 'an error');
	pauses('SELECT id FROM public.label, pg_sleep(10) WHERE id = $1', qr/longer than bcdelta.mapping_timeout, which is 500 ms/, 'too long');
	$shop->sql('CREATE FUNCTION writes(int) RETURNS int LANGUAGE sql AS $$INSERT INTO public.label VALUES ($1 + 100, $$n$$); SELECT 1$$' =~ s/\$\$n\$\$/'n'/r);
	pauses('SELECT public.writes($1)', qr/cannot execute INSERT in a read-only transaction/, 'a function that writes');
	pauses("SELECT length(pg_read_file('no such file'))", qr/could not open file "no such file"/, 'an error of the system');
	$shop->sql('CREATE FUNCTION stops(int) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE query_canceled; END$$');
	pauses('SELECT public.stops($1)', qr/query_canceled/, 'an error that looks like a wish to stop');
	pauses('SELECT $1 + 2147483647', qr/integer out of range/, 'a key that is none');
};

subtest 'when a lookup is replaced, values that waited for the old one mark every row' => sub {
	is($shop->sql("UPDATE label SET name = 'New' WHERE id = 2; SELECT bcdelta.depends('label', 'label_note', '{label}', lookup => 'SELECT id FROM public.label WHERE id = \$1');
		SELECT count(*) FROM pg_trigger WHERE tgrelid = 'label_note'::regclass; SELECT bcdelta.resume('label')"), "\n4\n", 'another query takes its place');
	my $run = $shop->push("feed => 'label'");
	is("$run->{updated} $run->{unchanged}", '2 0', 'what waited for the old one marks every row') or diag(explain($run));
	is($shop->sql('SELECT count(*) FROM bcdelta.lookup'), 0, 'nothing waits');
	is(marked("SELECT bcdelta.depends('label', 'label_note', '{label}'); INSERT INTO label_note VALUES (2, 'zzz')") =~ s/^label //r, '2', 'without a lookup');
};

subtest 'a lookup finds composite keys' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE pair (land text, no int, name text, PRIMARY KEY (land, no));
CREATE TABLE place (id int PRIMARY KEY, land text, no int);
CREATE TABLE opening (place int, day text);
INSERT INTO pair VALUES ('DE', 1, 'DE 1'), ('D "E"', 2, 'DE 2');
INSERT INTO place VALUES (1, 'DE', 1), (2, 'D "E"', 2), (3, 'D "E"', 2);
SELECT bcdelta.track('pair', 'shop', 'brand', '{"name": "name"}', capture => 'row');
SELECT bcdelta.depends('pair', 'opening', '{place}', lookup => 'SELECT land, no FROM public.place WHERE id = $1');
EOC
	$shop->sql("INSERT INTO opening VALUES (2, 'Mo'), (3, 'Tu'); SELECT bcdelta.push()");
	is($shop->sql("SELECT string_agg(key, ' ') FROM bcdelta.result WHERE feed = 'pair' AND outcome = 'created'"), '["D \\"E\\"", "2"]', 'a composite key');
};

subtest 'a lookup may return many keys, in small steps; a paused feed runs no lookup' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE setting (shop int, value int);
CREATE TABLE many (id int PRIMARY KEY, shop int, name text);
INSERT INTO many SELECT i, i % 2, 'Many ' || i FROM generate_series(1, 60000) AS i;
SELECT bcdelta.track('many', 'shop', 'brand', '{"name": "name"}', filter => 'id < 3');
SELECT bcdelta.depends('many', 'setting', '{shop}', lookup => 'SELECT id FROM public.many WHERE shop = $1');
SELECT bcdelta.pause('many');
EOC
	$shop->sql("INSERT INTO setting VALUES (0, 1), (1, 1)");
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE feed = 'many'"), 0, 'a paused feed looks nothing up');
	$shop->sql("SELECT bcdelta.resume('many')");
	$shop->wait_for("SELECT count(*) = 60000 FROM bcdelta.pending WHERE feed = 'many'");
	pass('a lookup may give many keys');
	$shop->sql("SELECT bcdelta.untrack('many')");
};

subtest 'a lookup that meets a lock is tried again, and other feeds go on' => sub {
	my $session = BCDelta::Session->open($shop->node, 'shop');
	$session->sql('BEGIN; LOCK TABLE variant');
	$shop->sql("UPDATE price SET net = 3 WHERE variant = 31; UPDATE label SET name = name || '?'");
	is($shop->push("feed => 'label'")->{updated}, 2, 'a lookup that meets a lock is tried again, and other feeds continue');
	is($shop->sql("SELECT state FROM bcdelta.feed WHERE feed = 'product'"), 'active', 'its feed is not paused');
	$session->sql('COMMIT');
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.lookup');
	$shop->push;
	is($shop->record('products', $shop->id('product', 3))->{price} + 0, 3, 'then it is pushed');
};

subtest 'untrack waits for changes that are being folded, and leaves nothing pending' => sub {
	plan skip_all => 'built without debug points' if !$shop->has_points;
	$shop->sql(q(CREATE TABLE gone (id int PRIMARY KEY); SELECT bcdelta.track('gone', 'shop', 'brand', '{"name": "''Gone '' || id"}')));
	my $stop = $shop->stop_at('folding');
	$shop->sql('INSERT INTO gone VALUES (1)');
	$shop->wait_stopped;
	my $untrack = $shop->start("SELECT bcdelta.untrack('gone')");
	$shop->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'SELECT bcdelta.untrack'");
	$stop->close;
	is(($untrack->finish)[0], 0, 'the feed is removed');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE feed = 'gone'"), 0, 'with its pending rows');
};

subtest 'values that wait for a lookup are dumped, and removed with their feed' => sub {
	$shop->sql("SELECT bcdelta.pause('product'); UPDATE price SET net = 4 WHERE variant = 42");
	$shop->wait_for('SELECT count(*) = 1 FROM bcdelta.lookup');
	like($shop->sql("SELECT string_agg(c::text, ' ') FROM (SELECT unnest(extconfig)::regclass FROM pg_extension WHERE extname = 'bcdelta') AS e(c)"), qr/bcdelta.lookup/, 'it is dumped');
	$shop->sql("SELECT bcdelta.untrack('product')");
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.lookup');
	pass('what waits goes with its feed');
};

done_testing();
