# Watches over a store in which people edit, delete and make records at random,
# while the source changes, too: each verify of what may have changed finds
# exactly what a comparison of both sides says, and takes no more calls than
# the formula of docs/proof.md.
#
# RANDOM_SEED=n repeats a run; RANDOM_ROUNDS chooses another number of watches.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use List::Util qw(min shuffle);
use POSIX 'ceil';
use Test::More;

my $seed = $ENV{RANDOM_SEED} // int(rand(1_000_000));
my $rounds = $ENV{RANDOM_ROUNDS} // 12;
my $rows = 1500;
my $page = 250;

srand($seed);
note("RANDOM_SEED=$seed RANDOM_ROUNDS=$rounds");

my $shop = BCDelta::Shop->open('watch', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->tables(articles => { on_delete => "'delete'" });
$store->seed('products', [ map { { id => 100 + 3 * $_, name => "Article $_", sku => "A-$_", type => 'physical', weight => 1, price => $_,
	date_modified => '2026-01-01T00:00:00+00:00' } } 1 .. $rows ]);
$shop->sql(<<"EOC");
INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, $rows) AS i;
SELECT state FROM bcdelta.link('articles');
EOC
is($shop->push->{failed}, 0, 'a shop');
is($shop->verify->{conflicts}, 0, 'source and store agree');

my $made = 0;

# The differences, by looking at both sides
sub differences
{
	my %records = map { $_->{id} => $_ } @{ $store->state('products') };
	my @found;
	foreach (@{ $shop->list("SELECT concat_ws('|', a.sku, title, price, l.store_id) FROM articles AS a LEFT JOIN bcdelta.link AS l ON l.feed = 'articles' AND l.key = a.sku") })
	{
		my ($key, $title, $price, $id) = split /\|/;
		my $record = defined $id ? delete $records{$id} : undef;
		push @found, "articles|$key|missing_in_store" if !$record;
		push @found, "articles|$key|different|name" if $record && $record->{name} ne $title;
		push @found, "articles|$key|different|price" if $record && $record->{price} != $price;
	}
	return sort @found, map { "articles|#$_|missing_in_source" } keys %records;
}

# What verify has listed, without the values
sub listed { return sort map { join '|', grep { $_ ne 'sku' } grep { defined } (split /\|/)[ 0 .. 3 ] } @{ $shop->discrepancies }; }

sub some { my ($n, @list) = @_; @list = shuffle(@list); return splice @list, 0, $n; }

# What people do in the store; returns how many records came or went.
sub in_the_store
{
	my @ids = map { $_->{id} } @{ $store->state('products') };
	my $came_or_went = 0;

	$store->edit('product', $_, { price => 1 + int(rand(9)) }) foreach some(int(rand(4)), @ids);
	$store->edit('product', $_, { name => 'Edited ' . int(rand(9)) . " $_" }) foreach some(int(rand(3)), @ids);
	$store->edit('product', $_, { meta_keywords => ['not mapped'] }) foreach some(int(rand(3)), @ids);
	# some differences end by themselves
	foreach (some(int(rand(3)), grep { /different/ } differences()))
	{
		my (undef, $key, undef, $field) = split /\|/;
		my $column = $field eq 'name' ? 'title' : 'price';
		$store->edit('product', $shop->id('articles', $key), { $field => $shop->sql("SELECT $column FROM articles WHERE sku = '$key'") });
	}
	foreach (some(rand() < 0.5 ? 0 : 1 + int(rand(4)), @ids))
	{
		$store->remove('product', $_);
		$came_or_went++;
	}
	foreach (1 .. (rand() < 0.6 ? 0 : 1 + int(rand(3))))
	{
		$made++;
		$store->api('POST', '/catalog/products', { name => "Made $made", sku => "X-$made", type => 'physical', weight => 1, price => 1 });
		$came_or_went++;
	}
	return $came_or_went;
}

# The source, pushed
sub in_the_source
{
	$shop->sql('UPDATE articles SET price = price + 1 WHERE sku IN (SELECT sku FROM articles ORDER BY random() LIMIT 3)');
	$shop->sql('DELETE FROM articles WHERE sku IN (SELECT sku FROM articles ORDER BY random() LIMIT 2)') if rand() < 0.5;
	$made++;
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('N-$made', 'New $made', $made)") if rand() < 0.5;
	is($shop->push->{failed}, 0, 'changes of the source are pushed');
	return;
}

my $differed = 0;
foreach my $round (1 .. $rounds)
{
	subtest "watch $round" => sub {
		my $who = (qw(store both source nobody))[ rand 4 ];
		my $came_or_went = $who =~ /store|both/ ? in_the_store() : 0;
		in_the_source() if $who =~ /source|both/;
		$shop->clear;
		my $run = $shop->verify("'articles', mode => 'changed'");
		my @calls = grep { m{^GET .*catalog/products$} } @{ $shop->calls };
		my @journal = $store->journal(method => 'GET');
		my @expected = differences();
		is_deeply([ listed() ], \@expected, "$who: verify finds what differs") or diag("RANDOM_SEED=$seed", explain($shop->discrepancies));
		is($run->{conflicts}, scalar @expected, 'and counts it');
		my $sweep = ceil(scalar(@{ $store->state('products') }) / $page) + 1;
		# what was touched in the two minutes before the last watch is seen again
		my ($since) = map { $_->{query} =~ /^date_modified:min=([\d-]+T[\d:]+)/ } @journal;
		my $dated = 1 + int((grep { !defined $since || substr($_->{date_modified}, 0, 19) ge $since } @{ $store->state('products') }) / $page);
		my $most = $dated + 1 + min($came_or_went * 4, $sweep) + ceil((@expected + $differed) / $page);
		cmp_ok(scalar @calls, '<=', $most, "in as many calls as the formula says, at most: $most")
		  or diag("RANDOM_SEED=$seed, ", scalar @expected, " differences, $differed before\n", map { "$_->{path}?$_->{query}\n" } @journal);
		$differed = @expected;
		if (rand() < 0.3)
		{
			$shop->sql("SELECT bcdelta.repair($run->{run_id})");
			is($shop->push->{failed}, 0, 'repaired');
		}
	};
}
my @left = differences();
is($shop->verify->{conflicts}, scalar @left, 'a full verify says the same');
is($shop->sql("SELECT silent_edits FROM bcdelta.proof WHERE resource = 'product'"), 0, 'no edit was silent');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
