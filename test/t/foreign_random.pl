# Random queries on foreign tables have the rows of the same queries on local
# tables, whatever the store is asked for.

use strict;
use warnings;

use BCDelta::Foreign;
use BCDelta::Test;
use Test::More;

my $seed = $ENV{RANDOM_SEED} // int(rand(1_000_000));
srand($seed);
note("RANDOM_SEED=$seed");

my $foreign = BCDelta::Foreign->open('random');
my $shop = $foreign->shop;

sub one_of { return $_[ int(rand(scalar @_)) ]; }
sub number { return one_of(0, -1, 1_000_000, map { $foreign->with_ids("{p$_}") } map { 1 + int(rand(600)) } 1 .. 8); }
sub numbers { return map { rand() < 0.1 ? 'NULL' : number() } 1 .. 1 + int(rand(7)); }
sub text { return one_of(map { "'$_'" } 'P-' . int(rand(620)), 'p-' . int(rand(620)), 'Product ' . int(rand(620)), 'a,b', '', q(x''y), '%'); }
sub moment { return "'" . BCDelta::Foreign::moment(int(rand(600))) =~ s/00Z/one_of('00Z', '00.5Z', '01Z', '00+05')/er . "'"; }

my %leaves = (
	product => [
		sub { 'p.id ' . one_of(qw(= <> < <= > >=)) . ' ' . number() },
		sub { number() . ' ' . one_of(qw(= < <= > >=)) . ' p.id' },
		sub { 'p.id IN (' . join(', ', numbers()) . ')' },
		sub { 'p.id = ANY (ARRAY[' . join(', ', numbers()) . one_of(']::bigint[])', ']::int[])') },
		sub { 'p.id ' . one_of(qw(< >= <>)) . one_of(' ANY', ' ALL') . ' (ARRAY[' . join(', ', numbers()) . ']::bigint[])' },
		sub { 'p.date_modified > ANY (ARRAY[' . moment() . one_of('', ", 'infinity'") . ']::timestamptz[])' },
		sub { 'p.id BETWEEN ' . number() . ' AND ' . number() },
		sub { 'p.id IN (SELECT i FROM few)' },
		sub { 'p.sku ' . one_of('=', '<>', '>') . ' ' . text() },
		sub { 'p.sku IN (' . join(', ', map { text() } 1 .. 4) . ')' },
		sub { 'p.sku IN (SELECT sku FROM skus)' },
		sub { 'p.name ' . one_of('=', 'LIKE') . ' ' . text() },
		sub { 'p.is_visible' . one_of('', ' = true', ' = false', ' IS TRUE', ' IS NOT FALSE', ' IS NULL') },
		sub { 'p.type = ' . one_of(q('digital'), q('physical'), q('other')) },
		sub { 'p.availability = ' . one_of(q('disabled'), q('available')) },
		sub { 'p.brand_id ' . one_of('= ', '> ', 'IS NULL OR p.id = ') . number() },
		sub { 'p.brand_id IN (SELECT b.id FROM brand b WHERE b.name < ' . text() . ')' },
		sub { 'p.date_modified ' . one_of(qw(< <= > >= =)) . ' ' . moment() },
		sub { 'p.price ' . one_of(qw(< >)) . ' ' . int(rand(17)) },
		sub { 'p.categories = ' . one_of(q('{}'), q('{1}')) },
	]);

sub condition
{
	my ($depth) = @_;
	my $kind = $depth > 0 ? rand() : 1;

	return join(' AND ', map { condition($depth - 1) } 1 .. 2) if $kind < 0.35;
	return '(' . join(' OR ', map { condition($depth - 1) } 1 .. 2 + int(rand(2))) . ')' if $kind < 0.55;
	return 'NOT (' . condition($depth - 1) . ')' if $kind < 0.62;
	return '(' . one_of(@{ $leaves{product} })->() . ')';
}

sub statement
{
	my $where = condition(1 + int(rand(3)));
	return one_of(
		sub { "SELECT 'ids', array_agg(p.id ORDER BY p.id) FROM product p WHERE $where" },
		sub { "SELECT 'count', (SELECT count(*) FROM product p WHERE $where), 1" },
		sub { "SELECT 'top', array_agg(id) FROM (SELECT id FROM product p WHERE $where ORDER BY id LIMIT 5) q" },
		sub { "SELECT 'first', array_agg(id) FROM (SELECT id, options FROM product p WHERE p.sku IN (" . join(', ', map { text() } 1 .. 15) . ") AND $where ORDER BY id) q" },
		sub { "SELECT 'values', md5(string_agg(concat_ws('|', p.id, p.name, p.price, p.is_visible, p.date_modified), ',' ORDER BY p.id)) FROM product p WHERE $where" },
		sub { "SELECT 'join', array_agg(concat_ws('-', f.i, p.id) ORDER BY f.i, p.id) FROM few f " . one_of('', 'LEFT ') . "JOIN product p ON p.id = f.i AND $where" },
		sub { "SELECT 'brand', array_agg(concat_ws('-', b.id, p.id) ORDER BY b.id, p.id) FROM brand b JOIN product p ON p.brand_id = b.id WHERE $where" })->();
}

my @settings = ('', 'SET enable_hashjoin = off;', 'SET enable_nestloop = off;', 'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;');
my $rounds = $ENV{BCDELTA_SOAK} ? 100 : 8;
foreach my $round (1 .. $rounds)
{
	my @statements = map { statement() } 1 .. 20;
	my $sql = $settings[ $round % @settings ] . 'SET bcdelta.max_calls = 0;' . join('', map { "$_;\n" } @statements);
	my @foreign = split /\n/, $shop->sql("SET search_path = s, public; $sql");
	my @local = split /\n/, $shop->sql("SET search_path = l, public; $sql");
	my @wrong = grep { ($foreign[$_] // '') ne ($local[$_] // '') } 0 .. $#statements;
	is(scalar(@wrong), 0, "round $round") or diag("RANDOM_SEED=$seed: " . join("\n", map { "$statements[$_]\nforeign: $foreign[$_]\nlocal:   $local[$_]" } @wrong));
}
is(scalar(keys %{ $foreign->store->violations || {} }), 0, 'no rule of the API was broken');
done_testing();
