# A whole shop - categories, brands, products with pictures, variants, stock in
# three locations, prices in other currencies, customers, old URLs - changes at
# random, while the store fails in every way and the worker is killed at random
# instants.  After each round source and store are equal.
#
# The changes are the same each time, as far as concurrent processes can be
# repeated; RANDOM_SEED=n makes others.  RANDOM_PRODUCTS and RANDOM_ROUNDS make
# the shop larger; see test/soak.

use strict;
use warnings;

use BCDelta::Example;
use BCDelta::Faults;
use BCDelta::Shop;
use BCDelta::Test;
use List::Util qw(sum0);
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{RANDOM_SEED} // 1;
note("RANDOM_SEED=$seed");
srand($seed);
my $PRODUCTS = $ENV{RANDOM_PRODUCTS} // 25;
my $ROUNDS = $ENV{RANDOM_ROUNDS} // 3;
my $CHANGES = $ENV{RANDOM_CHANGES} // 60;
my $LARGE = defined $ENV{RANDOM_CHANGES};

my $shop = BCDelta::Shop->open(
	'shop_random',
	store => { args => [ '--quota', 1_000_000, '--window-ms', 1000 ] },
	server => { timeout => 2, max_attempts => 8, error_limit => 100_000, max_concurrency => 8 },
	node => { conf => "bcdelta.naptime = 1\nbcdelta.change_turn = 1\nwal_writer_delay = 5ms\nbcdelta.crash_limit = 0\n" });
my ($node, $store) = ($shop->node, $shop->store);
my $nested = (qw(keep replace renew))[ rand 3 ];
note("nested_put: $nested");
$store->settings({ nested_put => $nested, locations => [ map { { id => $_ } } 1 .. 3 ], currencies => [qw(usd chf gbp)] });
$shop->sql(example_tables('shop'));
$shop->sql(example_feeds('shop'));
$shop->sql(slurp_file('test/random/shop.sql'));
$shop->random_statements;
$shop->sql("SELECT setseed($seed / 1000000.0); CALL fill($PRODUCTS)");

my $killed = 0;
my $TICKS = POSIX::sysconf(POSIX::_SC_CLK_TCK());

# The store as lines like those of the view "wanted"
sub in_store
{
	my %kind = map { $_ => $store->state($_) } qw(brands categories products variants customers redirects price_lists elements stock);
	my %by_id = map { my $kind = $_; $kind => { map { ($_->{id} // $_->{category_id} // $_->{product_id}) => $_ } @{ $kind{$kind} } } } keys %kind;
	my @products = grep { $_->{is_visible} } @{ $kind{products} };
	my %shown = map { $_->{id} => 1 } @products;
	my @lines = map { "brand $_->{name}" } @{ $kind{brands} };
	push @lines, map { "category $_->{name} below " . ($_->{parent_id} ? $by_id{categories}{ $_->{parent_id} }{name} : '-') } @{ $kind{categories} };
	foreach my $p (@products)
	{
		my $below = $by_id{elements}{ $p->{id} };
		push @lines, sprintf('product %s %s %s brand %s in %s fields %s images %d', $p->{sku}, $p->{name}, 0 + $p->{price},
			$p->{brand_id} ? $by_id{brands}{ $p->{brand_id} }{name} : '-',
			join(',', sort map { $by_id{categories}{$_}{name} } @{ $p->{categories} }),
			join(',', sort map { "$_->{name}=$_->{value}" } @{ $below->{custom_fields} }), scalar @{ $below->{images} });
	}
	foreach my $v (grep { @{ $_->{option_values} } } @{ $kind{variants} })
	{
		my %option = map { $_->{option_display_name} => $_->{label} } @{ $v->{option_values} };
		push @lines, sprintf('variant %s of %s %s %s/%s %s %s', $v->{sku}, $by_id{products}{ $v->{product_id} }{sku}, 0 + $v->{price},
			$option{"Gr\x{f6}\x{df}e"}, $option{Farbe}, $v->{upc} || $v->{gtin} || '-', $v->{purchasing_disabled} ? 'f' : 't');
	}
	my $items = [];
	for (my $page = 1; ; $page++)
	{
		my $reply = $store->api('GET', "/inventory/items?limit=1000&page=$page");
		push @$items, @{ $reply->{data} };
		last if @{ $reply->{data} } < 1000;
	}
	foreach my $item (@$items)
	{
		next if !$shown{ $item->{identity}{product_id} };
		push @lines, map { "stock $item->{identity}{sku} at $_->{location_id}: $_->{total_inventory_onhand}" }
			grep { $_->{total_inventory_onhand} > 0 } @{ $item->{locations} };
	}
	push @lines, map { sprintf('price %s %s %s', $by_id{price_lists}{ $_->{price_list_id} }{name}, $by_id{variants}{ $_->{variant_id} }{sku}, 0 + $_->{price}) }
		@{ $store->state('price_records') };
	push @lines, map { "customer $_->{email} $_->{first_name} $_->{last_name} $_->{phone}" } @{ $kind{customers} };
	push @lines, map {
		my ($type, $id) = @{ $_->{to} }{qw(type entity_id)};
		"redirect $_->{from_path} to $by_id{$type eq 'product' ? 'products' : 'categories'}{$id}{name}"
	} @{ $kind{redirects} };
	utf8::encode($_) foreach @lines;
	return [ sort @lines ];
}

sub wanted { return [ sort @{ $shop->list('SELECT line FROM wanted') } ]; }

# What only one of two sorted lists has
sub difference
{
	my ($have, $want) = @_;
	my %n;
	$n{$_}++ foreach @$have;
	$n{$_}-- foreach @$want;
	my @lines = map { ($n{$_} > 0 ? 'store:  ' : 'source: ') . $_ } grep { $n{$_} } sort keys %n;
	return @lines > 40 ? (@lines[ 0 .. 39 ], '...') : @lines;
}

# What was sent and what came of it, for products that are wrong
sub show_history
{
	my ($sku) = map { /^\w+: +product (\S+)/ ? $1 : () } @_;
	my ($product) = grep { $_->{sku} eq ($sku // '') } @{ $store->state('products') } or return;
	foreach my $entry (grep { $_->{method} ne 'GET' } $store->journal)
	{
		next if ("$entry->{path}?$entry->{query} " . ($entry->{body_text} // '')) !~ /(\/|in=|"id": ?)$product->{id}\b/
		  && !grep { "@$_" eq "product $product->{id}" } @{ $entry->{created} };
		diag(sprintf '  %d %s %s?%s -> %s %s %s', @$entry{qw(n method path query)}, $entry->{status} // '-', $entry->{fault} // '', substr($entry->{body_text} // '', 0, 600));
	}
	diag('  ' . $_) foreach @{ $shop->list("SELECT concat_ws(' ', attempted_at, run_id, feed, key, outcome, http_status, error, parts) FROM bcdelta.result
		WHERE store_id = $product->{id} AND feed = 'products' ORDER BY attempted_at") };
	return;
}

# What a worker has sent before it was killed may still be processed when the next
# one sends stock.
sub violations
{
	my $found = $store->violations;
	delete @$found{qw(beside_catalog beside_adjustment)} if $killed;
	return $found;
}

# What the worker has used so far, of which a killed one is a part
my (%processor, %memory);

sub look_at_worker
{
	my $pid = worker_pid($node, 'shop') // return;
	my ($stat, $status) = map { eval { slurp_file("/proc/$pid/$_") } // '' } qw(stat status);
	my @times = split / /, $stat =~ s/.*\) //r;
	my %kib = $status =~ /^Rss(Anon|File):\s+(\d+) kB$/mg;
	return if @times < 13 || !%kib;
	$processor{$pid} = ($times[11] + $times[12]) / $TICKS;
	my $mib = ($kib{Anon} + $kib{File}) / 1024;
	$memory{most} = $mib if $mib > ($memory{most} // 0);
	return;
}

# Notes what a round took: calls by endpoint beside changed rows by feed.
my %before = (run => 0, calls => {}, processor => 0, began => time);

sub note_figures
{
	my ($what) = @_;
	look_at_worker();
	my $requests = $store->counts->{requests};
	my %calls = map { my $endpoint = $_; $endpoint => sum0(values %{ $requests->{$endpoint} }) } keys %$requests;
	my %made = map { $_ => $calls{$_} - ($before{calls}{$_} // 0) } keys %calls;
	my ($processor, $n) = (sum0(values %processor), sum0(values %made));
	note(sprintf('%s: %d calls, %.1f s of processor time (%.2f ms a call), %.0f s, at most %.0f MiB so far',
		$what, $n, $processor - $before{processor}, 1000 * ($processor - $before{processor}) / ($n || 1), time - $before{began}, $memory{most}));
	note('  ' . join(', ', map { "$made{$_} $_" } grep { $made{$_} } sort { $made{$b} <=> $made{$a} } keys %made));
	note("  $_") foreach @{ $shop->list("SELECT feed || ': ' || string_agg(n || ' ' || outcome, ', ' ORDER BY n DESC) FROM (SELECT feed, outcome, count(*) AS n
		FROM bcdelta.result WHERE run_id > $before{run} GROUP BY feed, outcome) AS q GROUP BY feed ORDER BY feed") };
	%before = (run => $shop->sql('SELECT max(run_id) FROM bcdelta.run'), calls => \%calls, processor => $processor, began => time);
	return;
}

sub check
{
	my ($what) = @_;
	$store->unfault;
	foreach (1 .. 6)
	{
		$shop->sql("SELECT bcdelta.resume(server => 'shop'); SELECT bcdelta.retry()");
		$shop->hurry;
		$shop->push;
		last if !%{ $shop->pending };
	}
	note_figures($what) if $LARGE;
	is_deeply($shop->pending, {}, "$what: nothing is left pending")
	  or diag(explain($shop->errors), explain($shop->last_run), explain($shop->list(q(SELECT feed || ': ' || trouble FROM bcdelta.status WHERE trouble IS NOT NULL))));
	is_deeply([ difference(in_store(), wanted()) ], [], "$what: the store has what the source has, each once") 
	  or diag(join("\n", difference(in_store(), wanted()))), show_history(difference(in_store(), wanted())), return 0;
	my $run = $shop->verify;
	is_deeply([ $run->{state}, @{ $shop->discrepancies } ], ['succeeded'], "$what: verify finds no difference") or return 0;
	is_deeply(violations(), {}, "$what: no rule of the API is broken");
	look_at_worker();
	cmp_ok($memory{most}, '<', 96, "$what: the worker takes less than 96 MiB");
	note_figures("verify of $what") if $LARGE;
	return 1;
}

# The first push, and then a round, with a store that fails and a worker that is
# killed; a large shop to the end, which takes about so many requests.
sub disturbed
{
	my ($requests) = @_;
	random_faults($store, int(rand(1_000_000)), 0.2);
	my $run = $shop->push('wait => false');
	my $over = sub { $shop->sql("SELECT finished_at IS NOT NULL FROM bcdelta.run WHERE run_id = $run->{run_id}") eq 't' };
	foreach (1 .. 3)
	{
		my $until = $store->control('journal?limit=0')->{next} + 5 + int(rand($requests / 3));
		my $looks = $LARGE ? 2000 : 40;
		poll_until(sub { look_at_worker() if $LARGE; $store->control('journal?limit=0')->{next} >= $until || $looks-- <= 0 || $over->() }, 'some requests');
		next if rand() < 0.5;
		kill_worker($node, 'shop', 'KILL');
		$killed++;
	}
	poll_until(sub { look_at_worker(); $over->() }, 'the run to end') if $LARGE;
	return;
}

SKIP: {
	disturbed($LARGE ? $PRODUCTS : 240);
	check('the first push') or skip('the shop differs', 1);
	foreach my $round (1 .. $ROUNDS)
	{
		$shop->sql('CALL statements(' . $CHANGES / 2 . ', ' . rand() . ')');
		my $writer = BCDelta::Session->open($node, 'shop');
		$writer->send('CALL statements(' . $CHANGES / 2 . ', ' . rand() . ')');
		disturbed($LARGE ? $CHANGES / 2 : 240);
		# the kill of a worker ends other sessions, too
		eval { $writer->try_wait; $writer->close };
		last if !check("round $round");
	}
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'no failed assertion');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
