# Thousands of changes go to a store that fails one request in five, in every
# way there is, while the worker and the whole server are killed at random
# instants.  When the store has recovered and retry() was called once, source
# and store are equal, and the store's journal shows that nothing was made
# twice, no older state was written after a newer one, and every request is in
# bcdelta.result.
#
# RANDOM_SEED=n repeats a run, as far as concurrent processes can be repeated.

use strict;
use warnings;

use JSON::PP ();

use BCDelta::Faults;
use BCDelta::Session;
use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my @seeds = defined $ENV{RANDOM_SEED} ? $ENV{RANDOM_SEED} : map { int(rand(1_000_000)) } 1 .. 3;
my ($rounds, $statements) = (8, 80);

# A kill loses what is in flight, and what was recorded but not flushed: this
# many requests, or those whose replies came in this many seconds before it.
my $concurrency = 8;
my $lost_by_kill = 100;
my $flushed_after = 5;

my $shop = BCDelta::Shop->open(
	'random',
	store => { args => [ '--quota', 100000, '--window-ms', 1000, '--latency-ms', 3 ] },
	server => { timeout => 1, max_attempts => 3, max_concurrency => $concurrency, error_limit => 100000 },
	node => { conf => "bcdelta.change_turn = 1\nwal_writer_delay = 5ms\nbcdelta.crash_limit = 0\n" });
my ($node, $store) = ($shop->node, $shop->store);
$shop->sql(<<'EOC');
CREATE SEQUENCE versions;
CREATE SEQUENCE names;
CREATE TABLE makers (code text PRIMARY KEY, name text NOT NULL UNIQUE, version bigint);
CREATE TABLE groups (id int PRIMARY KEY, parent int REFERENCES groups ON UPDATE CASCADE ON DELETE CASCADE,
	name text NOT NULL UNIQUE, version bigint);
CREATE TABLE articles (id int PRIMARY KEY, sku text NOT NULL UNIQUE, price numeric(10,2),
	maker text REFERENCES makers ON UPDATE CASCADE ON DELETE SET NULL,
	grp int REFERENCES groups ON UPDATE CASCADE ON DELETE SET NULL, version bigint, stock int NOT NULL DEFAULT nextval('versions'));

-- each state of a row has a higher number than the one before; that of stock is the level itself
CREATE FUNCTION next_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.version := nextval('versions');
	RETURN NEW;
END
$$;
CREATE TRIGGER version BEFORE INSERT OR UPDATE ON makers FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE INSERT OR UPDATE ON groups FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE INSERT OR UPDATE OF sku, price, maker, grp ON articles FOR EACH ROW EXECUTE FUNCTION next_version();

SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "name", "search_keywords": "''v'' || version"}', on_delete => 'delete');
SELECT bcdelta.track('groups', 'shop', 'category', '{"name": "name", "search_keywords": "''v'' || version",
	"parent_id": "coalesce(bcdelta.ref(''groups'', parent), 0)"}', on_delete => 'delete');
SELECT bcdelta.track('articles', 'shop', 'product', '{"sku": "sku", "name": "''Article '' || sku", "price": "price",
	"type": "''physical''", "weight": "1", "search_keywords": "''v'' || version",
	"inventory_tracking": "''product''", "inventory_level": "stock",
	"brand_id": "coalesce(bcdelta.ref(''makers'', maker), 0)",
	"categories": "CASE WHEN grp IS NULL THEN ARRAY[]::bigint[] ELSE ARRAY[bcdelta.ref(''groups'', grp)] END"}', on_delete => 'delete');

CREATE PROCEDURE statement() LANGUAGE plpgsql AS $$
DECLARE
	kind int := random() * 100;
	a int := random() * 150;
	b int := random() * 150;
BEGIN
	IF kind < 25 THEN
		INSERT INTO articles SELECT g, 'S' || nextval('names'), b, (SELECT code FROM makers OFFSET a % 7 LIMIT 1),
			(SELECT id FROM groups OFFSET b % 9 LIMIT 1) FROM generate_series(a, a + 2) AS g ON CONFLICT DO NOTHING;
	ELSIF kind < 35 THEN
		UPDATE articles SET price = b + random() WHERE id BETWEEN a AND a + 8;
	ELSIF kind < 41 THEN
		UPDATE articles SET stock = nextval('versions') WHERE id BETWEEN a AND a + 20;
	ELSIF kind < 45 THEN
		UPDATE articles SET stock = nextval('versions'), price = b WHERE id BETWEEN a AND a + 8;
	ELSIF kind < 52 THEN
		UPDATE articles SET maker = (SELECT code FROM makers OFFSET b % 7 LIMIT 1) WHERE id BETWEEN a AND a + 3;
	ELSIF kind < 58 THEN
		UPDATE articles SET grp = (SELECT id FROM groups OFFSET b % 9 LIMIT 1) WHERE id BETWEEN a AND a + 3;
	ELSIF kind < 66 THEN
		DELETE FROM articles WHERE id BETWEEN a AND a + b % 4;
	ELSIF kind < 71 THEN
		UPDATE articles SET id = b, stock = CASE WHEN b % 2 = 0 THEN stock ELSE nextval('versions') END WHERE id = a;
	ELSIF kind < 75 THEN
		UPDATE articles SET sku = 'S' || nextval('names') WHERE id = a;
	ELSIF kind < 79 THEN
		INSERT INTO makers VALUES ('M' || a % 20, 'Maker ' || nextval('names')) ON CONFLICT DO NOTHING;
	ELSIF kind < 82 THEN
		UPDATE makers SET name = 'Maker ' || nextval('names') WHERE code = 'M' || a % 20;
	ELSIF kind < 84 THEN
		UPDATE makers SET code = 'M' || b % 20 WHERE code = 'M' || a % 20;
	ELSIF kind < 86 THEN
		DELETE FROM makers WHERE code = 'M' || a % 20;
	ELSIF kind < 91 THEN
		INSERT INTO groups SELECT a % 30, (SELECT id FROM groups WHERE parent IS NULL AND id <> a % 30 OFFSET b % 4 LIMIT 1),
			'Group ' || nextval('names') ON CONFLICT DO NOTHING;
	ELSIF kind < 94 THEN
		UPDATE groups SET name = 'Group ' || nextval('names') WHERE id = a % 30;
	ELSIF kind < 96 THEN
		UPDATE groups SET parent = (SELECT id FROM groups WHERE parent IS NULL AND id <> a % 30 OFFSET b % 4 LIMIT 1)
		WHERE id = a % 30 AND NOT EXISTS (SELECT FROM groups WHERE parent = a % 30);
	ELSIF kind < 98 THEN
		UPDATE groups SET id = b % 30 WHERE id = a % 30;
	ELSE
		DELETE FROM groups WHERE id = a % 30;
	END IF;
END
$$;
EOC
$shop->random_statements;

# A kill, its time, and the last request before it
my @kills;

sub with_kill
{
	my ($kill) = @_;
	my $now = $store->counts->{now};
	$kill->();
	push @kills, { t => $now, n => $store->control('journal?limit=0')->{next} - 1 };
	return;
}

# May the reply to a request be missing from the results because of a kill?
sub is_forgiven
{
	my ($entry) = @_;
	return grep { $entry->{n} <= $_->{n} && ($entry->{n} > $_->{n} - $lost_by_kill || !defined $entry->{t_end} || $entry->{t_end} > $_->{t} - $flushed_after) } @kills;
}

sub run
{
	my ($seed) = @_;
	my %done;

	srand($seed);
	random_faults($store, $seed);
	foreach my $round (1 .. $rounds)
	{
		my @writers = map { BCDelta::Session->open($node, 'shop') } 1 .. 2;
		$_->send("CALL statements($statements, " . rand() . ')') foreach @writers;
		$shop->hurry;
		my $run = $shop->push('wait => false');
		my $until = $store->control('journal?limit=0')->{next} + 5 + int(rand(80));
		my $looks = 5 + int(rand(20));
		poll_until(
			sub {
				$store->control('journal?limit=0')->{next} >= $until
				  || $looks-- <= 0
				  || $shop->sql("SELECT finished_at IS NOT NULL FROM bcdelta.run WHERE run_id = $run->{run_id}") eq 't'
			}, 'some requests');
		my $what = (qw(worker worker worker server terminate cancel cancel nothing))[ rand 8 ];
		$done{$what}++;
		if ($what eq 'worker') { with_kill(sub { kill_worker($node, 'shop', 'KILL') }) }
		elsif ($what eq 'server') { with_kill(sub { crash_server($node, 'shop') }) }
		elsif ($what eq 'terminate') { with_kill(sub { kill_worker($node, 'shop', 'TERM') }) }
		elsif ($what eq 'cancel') { $shop->sql("SELECT bcdelta.cancel($run->{run_id})") }
		foreach my $writer (@writers)
		{
			$writer->try_wait if $what =~ /terminate|cancel|nothing/;
			eval { $writer->close };
		}
	}
	note("seed $seed: " . join(', ', map { "$_ $done{$_}" } sort keys %done));
	return;
}

# The store has recovered: push waiting rows, then failed ones.
sub settle
{
	$store->unfault;
	$shop->hurry;
	foreach (1 .. 5)
	{
		$shop->push;
		last if $shop->sql("SELECT count(*) FROM bcdelta.pending WHERE state <> 'failed'") == 0;
		$shop->hurry;
	}
	my $failed = $shop->sql('SELECT bcdelta.retry()');
	$shop->push;
	return $failed;
}

# The history of records that are not as they should be
sub show_history
{
	my (@discrepancies) = @_;
	diag('kills after requests ' . join(' ', map { $_->{n} } @kills));
	diag("$_: " . $shop->sql("SELECT count(*) FROM bcdelta.$_")) foreach qw(change change_1 change_2 move pending);
	foreach my $line (@discrepancies)
	{
		my ($feed, $key, undef, undef, $natural) = split /\|/, $line;
		$natural //= '';
		my $id = $key =~ /^#(\d+)/ ? $1 : $shop->id($feed, $key) || 0;
		diag("$line, record $id");
		my ($name) = $key =~ /^#/ ? $line =~ /\|([^|]+)$/ : undef;
		foreach my $entry (grep { defined $name && JSON::PP->new->encode([ $_->{query}, $_->{body} ]) =~ /\b\Q$name\E\b/ } $store->journal)
		{
			diag(sprintf '  %d %s %s?%s -> %s %s %s', @$entry{qw(n method path query)}, $entry->{status} // '-', $entry->{fault} // '',
				JSON::PP->new->canonical->encode($entry->{created} // []));
		}
		foreach my $entry (grep { $_->{method} ne 'GET' && (grep { $_->[1] && $_->[1] == $id } items($_)) } $store->journal)
		{
			my @bodies = grep { $_ } ref $entry->{body} eq 'ARRAY' ? @{ $entry->{body} } : $entry->{body};
			@bodies = grep { ($_->{id} // $id) == $id } @bodies if @bodies > 1;
			diag(sprintf '  %d %s %s?%s -> %s %s %s', @$entry{qw(n method path query)}, $entry->{status} // '-', $entry->{fault} // '',
				substr(JSON::PP->new->canonical->encode(\@bodies), 0, 600));
		}
		diag("  $_") foreach @{ $shop->list("SELECT concat_ws(' ', attempted_at, run_id, feed, key, store_id, outcome, http_status, error, request_id)
			FROM bcdelta.result WHERE store_id = $id OR key IN (SELECT key FROM bcdelta.result WHERE store_id = $id) ORDER BY attempted_at") };
	}
	return;
}

sub check_state
{
	my ($seed) = @_;
	my %brands = map { $_->{id} => $_ } @{ $store->state('brands') };
	my %groups = map { $_->{category_id} => $_ } @{ $store->state('categories') };
	my @products = @{ $store->state('products') };
	my %levels = map { $_->{product_id} => $_->{levels}{1} // 0 } @{ $store->state('stock') };
	my @have = (
		(map { "brand $_->{name} $_->{search_keywords}" } values %brands),
		(map { "group $_->{name} $_->{search_keywords} " . ($_->{parent_id} ? $groups{ $_->{parent_id} }{name} : '-') } values %groups),
		(map { sprintf 'product %s %s %.2f stock %d %s %s', $_->{sku}, $_->{search_keywords}, $_->{price}, $levels{ $_->{id} }, $_->{brand_id} ? $brands{ $_->{brand_id} }{name} : '-',
				join(' ', map { $groups{$_}{name} } @{ $_->{categories} }) || '-' } @products));
	my $want = $shop->list(<<'EOC');
SELECT format('brand %s v%s', name, version) FROM makers
UNION ALL
SELECT format('group %s v%s %s', g.name, g.version, coalesce(p.name, '-')) FROM groups AS g LEFT JOIN groups AS p ON p.id = g.parent
UNION ALL
SELECT format('product %s v%s %s stock %s %s %s', sku, a.version, price, stock, coalesce(m.name, '-'), coalesce(g.name, '-'))
	FROM articles AS a LEFT JOIN makers AS m ON m.code = maker LEFT JOIN groups AS g ON g.id = grp
EOC
	is_deeply([ sort @have ], [ sort @$want ], "seed $seed: source equals store, every record is there once")
	  or diag(explain($shop->errors));
	is_deeply($shop->pending, {}, 'nothing is pending') or diag(explain($shop->errors));
	is_deeply([ sort map { "$_->{id} $_->{sku}" } @products ],
		[ sort @{ $shop->list("SELECT store_id || ' ' || sku FROM bcdelta.link JOIN articles ON id::text = key WHERE feed = 'articles'") } ],
		'each row is linked to its record');
	my $run = $shop->verify;
	is_deeply([ @$run{qw(state conflicts deferred)} ], [ 'succeeded', 0, 0 ], 'verify finds no difference')
	  or show_history(@{ $shop->discrepancies });
	return;
}

# The items of a request: [kind, id or undef, version or undef] each.
sub items
{
	my ($entry) = @_;
	my $kind = (split /\//, $entry->{path})[2];
	if ($entry->{method} eq 'DELETE')
	{
		my ($ids) = "$entry->{path}?$entry->{query}" =~ /(?:\/|in=)([\d,]+)\??$/;
		return map { [ $kind, $_ ] } split /,/, $ids;
	}
	return map { [ 'stock', $_->{product_id}, $_->{quantity} ] } @{ $entry->{body}{items} } if $kind eq 'adjustments';
	my @bodies = ref $entry->{body} eq 'ARRAY' ? @{ $entry->{body} } : $entry->{body};
	my ($id) = $entry->{path} =~ /\/(\d+)$/;
	my @created = @{ $entry->{created} } == @bodies ? map { $_->[1] } @{ $entry->{created} } : ();
	return map { [ $kind, $_->{id} // $_->{category_id} // $id // shift @created, ($_->{search_keywords} // '') =~ /^v(\d+)/ ] } @bodies;
}

# Requests whose rows have no result that tells of the interruption
sub show_interrupted
{
	my ($interrupted) = @_;
	my %found = map { $_ => 1 } @{ $shop->list(<<'EOC') };
SELECT DISTINCT CASE resource WHEN 'brand' THEN 'brands' WHEN 'category' THEN 'trees' ELSE 'products' END || ' ' || store_id
FROM bcdelta.result JOIN bcdelta.feed USING (feed) WHERE outcome = 'retry' AND error LIKE 'interrupted: %' AND store_id IS NOT NULL
EOC
	diag('kills after requests ' . join(' ', map { "$_->{n}" } @kills));
	diag('without id: ' . $shop->sql(q{SELECT count(*) FROM bcdelta.result WHERE outcome = 'retry' AND error LIKE 'interrupted: %' AND store_id IS NULL}));
	foreach my $what (sort keys %$interrupted)
	{
		next if $found{$what};
		my ($kind, $id) = split / /, $what;
		diag("$what: $_ $interrupted->{$what}{$_}") foreach sort { $a <=> $b } keys %{ $interrupted->{$what} };
		next if $id !~ /^\d+$/;
		diag("  $_") foreach @{ $shop->list("SELECT concat_ws(' ', attempted_at, run_id, feed, key, store_id, outcome, http_status, error, request_id)
			FROM bcdelta.result WHERE store_id = $id ORDER BY attempted_at") };
	}
	return;
}

sub check_journal
{
	my @writes = grep { $_->{method} ne 'GET' } $store->journal;
	my (%newest, %interrupted, @older, @unrecorded);
	my %recorded = map { split /=/ } @{ $shop->list(<<'EOC') };
SELECT request_id || '=' || count(*) FROM (
	SELECT request_id FROM bcdelta.result WHERE parts IS NULL AND request_id IS NOT NULL
	UNION ALL
	SELECT request_id FROM (
		SELECT feed, key, p ->> 'request_id' FROM bcdelta.result, jsonb_array_elements(parts) AS p
		UNION SELECT feed, key, request_id FROM bcdelta.result WHERE parts IS NOT NULL) AS parts (feed, key, request_id)
	WHERE request_id IS NOT NULL) AS request
GROUP BY request_id
EOC

	my %written;
	$written{$_} = 1 foreach @{ $shop->list("SELECT request_id || ' ' || store_id FROM bcdelta.result WHERE request_id IS NOT NULL AND store_id IS NOT NULL") };

	# libcurl may send a request without a body again, over a new connection, with
	# the same correlation id: this is still one attempt.
	$recorded{ $_->{correlation_id} } += delete $recorded{"teststore-$_->{n}"} // 0 foreach @writes;
	foreach my $entry (@writes)
	{
		my @items = items($entry);
		my $results = $recorded{ $entry->{correlation_id} };
		foreach my $item (@{ $entry->{created} } || @{ $entry->{changed} } ? @items : ())
		{
			my ($kind, $id, $version) = @$item;
			next unless defined $id && defined $version;
			push @older, "$kind $id: $version after $newest{$kind}{$id} in request $entry->{n}" if ($newest{$kind}{$id} // 0) > $version;
			$newest{$kind}{$id} = $version;
		}
		# 429: the store has not processed it
		next if $results == @items || ($entry->{status} // 0) == 429;
		if (is_forgiven($entry))
		{
			# a row whose product and stock were under way has one result
			my $what = join ' ', @$entry{qw(method path)}, $entry->{status} // '-', $entry->{fault} // '', $results // 0, 'results';
			foreach my $item (@items)
			{
				my ($kind, $id) = @$item;
				# of rows in one request, some may have had another one under way
				next if $results && defined $id && ($written{"$entry->{correlation_id} $id"} || $written{"teststore-$entry->{n} $id"});
				$interrupted{ $kind =~ s/stock/products/r . ' ' . ($id // "of request $entry->{n}") }{ $entry->{n} } = $what;
			}
			next;
		}
		push @unrecorded, "request $entry->{n} $entry->{method} $entry->{path} ($entry->{status} @{[$entry->{fault} // '']}): $results results for " . @items . ' items';
	}
	is_deeply(\@older, [], 'no older state was written after a newer one');
	is_deeply(\@unrecorded, [], 'every request is in the results')
	  or diag('kills after requests ' . join(' ', map { $_->{n} } @kills), "; @unrecorded");
	cmp_ok(scalar keys %interrupted, '<=', $shop->sql("SELECT count(*) FROM bcdelta.result WHERE outcome = 'retry' AND error LIKE 'interrupted: %'"),
		'those of a kill as interrupted') or show_interrupted(\%interrupted);
	return scalar @writes;
}

foreach my $seed (@seeds)
{
	subtest 'after random crashes, faults and changes, source and store agree, and nothing was created twice' => sub {
		note("RANDOM_SEED=$seed");
		$store->clear;
		@kills = ();
		my $versions = $shop->sql('SELECT last_value FROM versions');
		run($seed);
		my %applied = map { $_->{name} => $_->{applied} } @{ $store->control('faults') };
		my $failed = settle();
		check_state($seed);
		my $writes = check_journal();
		note('faults: ' . join(', ', map { "$_ $applied{$_}" } sort keys %applied));
		note(sprintf '%d changes of rows, %d requests, %d of them writes, %d kills; %d rows had failed',
			$shop->sql('SELECT last_value FROM versions') - $versions, $store->counts->{total}, $writes, scalar @kills, $failed);
	};
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'no failed assertion');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
