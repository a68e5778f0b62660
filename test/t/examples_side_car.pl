# docs/side-car.md: two servers, of which the second one has the extension. The
# statements are those of the document.

use strict;
use warnings;

use BCDelta::Example;
use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = PostgreSQL::Test::Cluster->new('source');
$source->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$source->start;
$source->safe_psql('postgres', 'CREATE DATABASE shop');
$source->safe_psql('shop', example_tables('spree'));

my $shop = BCDelta::Shop->open('side_car', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my $connection = $source->connstr('shop') =~ s/'//gr;
my @blocks = example_document('docs/side-car.md') =~ /^```sql\n(.*?)^```/msg;

# The only block that has this text, made to fit
sub block
{
	my ($text) = @_;
	my @found = grep { index($_, $text) >= 0 } @blocks;
	is(scalar @found, 1, "the document says: $text");
	return $found[0] =~ s/CONNECTION '[^']*'/CONNECTION '$connection'/r;
}

sub subscribe
{
	$shop->sql(block('CREATE SUBSCRIPTION'));
	$shop->wait_for(block('pg_subscription_rel'));
	return;
}

# The document's steps for the day of the cutover
sub caught_up
{
	my $lsn = $source->safe_psql('shop', 'SELECT pg_current_wal_lsn()');
	my ($wait) = block('confirmed_flush_lsn') =~ /^(SELECT confirmed.*)/m;
	$source->poll_query_until('shop', $wait =~ s/'0[^']*'/'$lsn'/r) or die 'the side-car does not catch up';
	return;
}

subtest 'a shop on another server is pushed, followed and verified through a subscription' => sub {
	$source->safe_psql('shop', block('CREATE PUBLICATION'));
	my ($schema) = run_command([ 'pg_dump', '--schema-only', '--no-owner', '--no-privileges', '--no-publications', '-t', 'spree_*',
			'-d', $source->connstr('shop') ]);
	$shop->sql($schema);
	$shop->sql('RESET ALL');
	subscribe();
	$shop->sql(example_feeds('spree') =~ s/feed => '/capture => 'row', feed => '/gr);
	example_follow($shop, 'spree', sub { $source->safe_psql('shop', $_[0]); caught_up() });
	is($shop->sql('SELECT count(*) FROM bcdelta.status WHERE trouble IS NOT NULL'), 0, 'nothing is wrong');
};

subtest 'capture by statement is reported to see nothing of a subscription' => sub {
	$shop->sql(q(SELECT bcdelta.track('spree_taxons', 'shop', 'brand', '{"name": "name"}', feed => 'forgotten')));
	like($shop->sql(q(SELECT trouble FROM bcdelta.status WHERE feed = 'forgotten')), qr/capture => 'row'/, 'what to do');
	$shop->sql(q(SELECT bcdelta.untrack('forgotten')));
};

subtest 'a recreated subscription keeps the links, and shows which rows have disappeared' => sub {
	my $ids = $shop->sql('SELECT string_agg(feed || key || store_id, $$ $$ ORDER BY feed, key) FROM bcdelta.link');
	$shop->sql(block('DROP SUBSCRIPTION'));
	$source->poll_query_until('shop', q(SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'bcdelta')) or die;
	$source->safe_psql('shop', q(SELECT pg_drop_replication_slot('bcdelta')));
	$source->safe_psql('shop', q(DELETE FROM spree_products WHERE id = 3; UPDATE spree_prices SET amount = 17 WHERE variant_id = 1));
	subscribe();
	$shop->sql(block('bcdelta.resume'));
	example_pushed($shop, 'anew', 'product JERSEY {"is_visible": false}', 'product TOTE {"price": 17}');
	is($shop->sql('SELECT string_agg(feed || key || store_id, $$ $$ ORDER BY feed, key) FROM bcdelta.link'), $ids, 'every link is as it was');
	is($shop->last_run->{state}, 'succeeded', 'and verified');
};

my $node = $shop->node;
$shop->sql('ALTER SUBSCRIPTION bcdelta DISABLE');

# postgres_fdw stands for the wrapper of another vendor's database.
subtest 'rows of a foreign table are marked by their time of change, pushed and verified, or copied with their deletions' => sub {
	plan(skip_all => 'needs postgres_fdw')
	  if $shop->sql(q(SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw')) == 0;
	my ($host, $port) = ($source->host, $source->port);
	my $table = 'CREATE TABLE article (id int PRIMARY KEY, sku text, title text, net numeric, changed_at timestamptz DEFAULT clock_timestamp())';
	$source->safe_psql('shop', "$table; INSERT INTO article VALUES (1, 'A-1', 'One', 10), (2, 'A-2', 'Two', 20), (3, 'A-3', 'Three', 30)");
	$shop = BCDelta::Shop->on(bcdelta_node('foreign', conf => 'bcdelta.naptime = 1'), 'shop', store => { args => [ '--quota', 100000 ] });
	$shop->sql(<<"EOC");
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'shop');
CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere OPTIONS (user 'postgres');
CREATE SCHEMA mysql;
IMPORT FOREIGN SCHEMA public LIMIT TO (article) FROM SERVER elsewhere INTO mysql;
EOC
	$shop->sql(block('bcdelta.mark_all'));
	example_pushed($shop, 'all rows', map { "product A-$_ {\"price\": ${_}0, \"is_visible\": true}" } 1 .. 3);
	$source->safe_psql('shop', 'UPDATE article SET net = 11, changed_at = now() WHERE id = 1');
	is($shop->sql(block('bcdelta.mark_since')), 3, 'rows that changed of late are marked');
	example_pushed($shop, 'a change', 'product A-1 {"price": 11}');
	$source->safe_psql('shop', 'DELETE FROM article WHERE id = 3');
	my ($mark) = block('bcdelta.discrepancy') =~ /^(SELECT bcdelta.mark.*)/m;
	my $run_id = $shop->verify->{run_id};
	is_deeply($shop->discrepancies, ['articles|3|different|is_visible|false|true'], 'verify finds the record of a row that is gone');
	$shop->sql($mark =~ s/= 42/= $run_id/r);
	example_pushed($shop, 'a deletion', 'product A-3 {"is_visible": false}');

	$shop->sql(q(SELECT bcdelta.untrack('articles')));
	$shop->sql("$table; SELECT bcdelta.track('article', 'shop', 'product', '{\"sku\": \"sku\", \"name\": \"title\", \"price\": \"net\",
		\"type\": \"''physical''\", \"weight\": \"0\"}', on_delete => 'delete')");
	my $copy = block('INSERT INTO article');
	$shop->sql($copy);
	is($shop->push->{linked}, 2, 'the copy is linked to what is there');
	$shop->clear;
	$source->safe_psql('shop', q(INSERT INTO article VALUES (4, 'A-4', 'Four', 40); UPDATE article SET net = 12, changed_at = clock_timestamp() WHERE id = 1; DELETE FROM article WHERE id = 2));
	$shop->sql($copy);
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated deleted unchanged)} ], [ 1, 1, 1, 0 ], 'the copy follows, and equal rows are not marked') or diag(explain($run));
	$shop->node->stop;
};

$node->stop;
$source->stop;
done_testing();
