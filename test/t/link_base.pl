# link() finds records with other values than their rows, since people have edited
# them already.  What both sides had then is the base of each, so that it is known
# which of them changes a field later.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('base', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
my @cat = map { $store->seed('category', [ { name => "Category $_" } ])->{first} } 0 .. 4;

# Of each policy: rows that are changed in these ways after they were linked
my @ways = qw(other source store both same);
my %feeds = (source => 'source', store => 'store', review => 'review', later => 'newest', earlier => 'newest');

sub set { return '{' . join(',', map { $cat[$_] } @_) . '}'; }

foreach my $feed (sort keys %feeds)
{
	$shop->sql(<<"EOC");
CREATE TABLE $feed (id text PRIMARY KEY, price numeric DEFAULT 10, body text DEFAULT '<p>Old shop</p>', sets int[] DEFAULT '@{[ set(0, 1) ]}', weight int DEFAULT 1,
	changed timestamptz);
INSERT INTO $feed (id) SELECT '$feed-' || w FROM unnest('{@{[ join ',', @ways ]}}'::text[]) AS w;
SELECT bcdelta.track('$feed', 'shop', 'product', '{"sku": "id", "name": "''Item '' || id", "price": "price", "description": "body", "categories": "sets",
	"weight": "weight", "type": "''physical''"}', on_conflict => '$feeds{$feed}', options => '{"modified": "changed"}');
EOC
}
my @keys = map { my $feed = $_; map { "$feed-$_" } @ways } sort keys %feeds;
$store->seed('product', [ map { { sku => $_, name => "Item $_", price => 12, description => '<p>By the agency</p>', categories => [ @cat[ 0, 2 ] ], weight => 1, type => 'physical' } } @keys ]);
$store->clear;
is_deeply([ map { @{ $shop->link("'$_'") }{qw(linked failed)} } sort keys %feeds ], [ map { (scalar @ways, 0) } keys %feeds ], 'linked');
is(scalar(grep { !/products/ } @{ $shop->calls }), 0, 'with look-ups only') or diag(explain($shop->calls));
my %id = map { my $feed = $_; %{ $shop->value("SELECT jsonb_object_agg(key, store_id) AS o FROM bcdelta.link WHERE feed = '$feed'")->{o} } } sort keys %feeds;

sub edit
{
	my ($key, $set) = @_;
	my $at = $shop->sql("SELECT to_char((now() + interval '@{[ $key =~ /^later/ ? -1 : 1 ]} day') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"')");
	$store->edit('product', $id{$key}, { %$set, date_modified => $at });
	return;
}

# price, description, which categories
sub records
{
	my %nth = map { $cat[$_] => $_ } 0 .. $#cat;
	return { map { $_->{sku} => join(' ', 0 + $_->{price}, $_->{description} =~ /<p>(.*)<\/p>/, join('', sort map { $nth{$_} } @{ $_->{categories} })) } @{ $store->state('products') } };
}

subtest 'a link has what the store was last known to hold, also where that differs' => sub {
	my $link = $shop->value("SELECT payload, found FROM bcdelta.link WHERE key = 'review-other'");
	is_deeply([ @{ $link->{payload} }{qw(price description categories weight)} ], [ 12, '<p>By the agency</p>', [ @cat[ 0, 2 ] ], 1 ], 'the payload is that of the store');
	is_deeply($link->{found}, { price => 10, description => '<p>Old shop</p>', categories => [ @cat[ 0, 1 ] ] }, 'and what the row had is noted, where it differs');
	my $why = $shop->value("SELECT last_known, decision, reason FROM bcdelta.why('review', 'review-other') WHERE field = 'price'");
	is_deeply($why, { last_known => 12, decision => 'hold', reason => 'they differed when the row was linked, and the source has not changed it since: it is left to a person' }, 'why() tells it');
	is($shop->sql("SELECT decision FROM bcdelta.why('store', 'store-other', read => true) WHERE field = 'description'"), 'keep', 'also if it reads');
	is($shop->sql("SELECT reason FROM bcdelta.why('source', 'source-other') WHERE field = 'price'"), 'the source has changed it', 'with policy source, it is sent');
};

subtest 'who wins after link()' => sub {
	my $later = "changed = now()";
	foreach my $feed (sort keys %feeds)
	{
		$shop->sql("UPDATE $feed SET weight = 2, $later WHERE id = '$feed-other' OR id = '$feed-store'");
		$shop->sql("UPDATE $feed SET price = 20, body = '<p>New</p>', sets = '@{[ set(0, 1, 3) ]}', $later WHERE id IN ('$feed-source', '$feed-both')");
		$shop->sql("UPDATE $feed SET price = 12, body = '<p>By the agency</p>', sets = '@{[ set(0, 2) ]}', $later WHERE id = '$feed-same'");
		edit("$feed-$_", { price => 15, description => '<p>Edited</p>', categories => [ @cat[ 0, 2, 4 ] ] }) foreach qw(store both);
		edit("$feed-$_", { warranty => 'none' }) foreach qw(other source same);
	}
	$shop->clear;
	is($shop->push->{failed}, 0, 'pushed') or diag(explain($shop->errors));
	my ($agency, $edited) = ('12 By the agency 02', '15 Edited 024');
	my %want = (
		# policy: only another field changed, the source, the store, both, to the value of the store
		source => [ '10 Old shop 01', '20 New 013', '10 Old shop 01', '20 New 013', $agency ],
		store => [ $agency, '20 New 023', $edited, '15 Edited 0234', $agency ],
		review => [ $agency, '20 New 023', $edited, '15 Edited 0234', $agency ],
		later => [ '10 Old shop 01', '20 New 023', '10 Old shop 01', '20 New 0234', $agency ],
		earlier => [ $agency, '20 New 023', $edited, '15 Edited 0234', $agency ]);
	my $has = records();
	foreach my $feed (sort keys %feeds)
	{
		is_deeply([ map { $has->{"$feed-$_"} } @ways ], $want{$feed}, "$feed: policy $feeds{$feed}");
	}
	is_deeply($shop->list(q(SELECT concat_ws(' ', key, field, kind) FROM bcdelta.review ORDER BY key, field COLLATE "C")),
		[ (map { "review-both $_ edited" } qw(description price)), map { my $key = $_; map { "review-$key $_ found" } qw(categories description price) } qw(other store) ], 'what a person decides');
	is($shop->sql(q(SELECT base FROM bcdelta.conflict WHERE key = 'review-both' AND field = 'price')), '12', 'the base of an edit is what the store had when the row was linked');
	is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE found IS NOT NULL'), 0, 'what was noted is gone');
	is_deeply($store->violations, {}, 'no rule of the API was broken');
};

subtest 'a conflict that link() has led to stays open until somebody decides' => sub {
	$shop->sql(q(SELECT bcdelta.mark_all('review'); SELECT bcdelta.mark_all('store'); SELECT bcdelta.mark_all('earlier')));
	$shop->clear;
	$shop->push;
	is_deeply([ $shop->writes ], [], 'another push writes nothing');
	my $id = $shop->sql(q(SELECT conflict_id FROM bcdelta.review WHERE key = 'review-other' AND field = 'price'));
	$shop->sql("SELECT bcdelta.resolve($id, 'source')");
	$shop->push;
	is(records()->{'review-other'}, '10 By the agency 02', 'as decided');
};

subtest 'what was noted moves with the key of the row, and survives a lost reply' => sub {
	$store->seed('product', [ map { { sku => $_, name => "Item $_", price => 12, description => '<p>By the agency</p>', categories => [ @cat[ 0, 2 ] ], weight => 1, type => 'physical' } } qw(store-m store-l) ]);
	$shop->sql(q(INSERT INTO store (id) VALUES ('store-m'), ('store-l'); DELETE FROM bcdelta.pending));
	is($shop->link(q('store'))->{linked}, 2, 'linked');
	$shop->sql(q(UPDATE store SET id = 'store-n', weight = 3 WHERE id = 'store-m'));
	$shop->push;
	my ($moved) = grep { $_->{sku} eq 'store-n' } @{ $store->state('products') };
	is_deeply([ 0 + $moved->{price}, $moved->{description}, 0 + $moved->{weight} ], [ 12, '<p>By the agency</p>', 3 ], 'the key');
	foreach my $lost (qw(before after))
	{
		$store->fault({ times => 1, do => { lose => $lost }, match => { method => 'PUT' } });
		$shop->sql("UPDATE store SET weight = weight + 1 WHERE id = 'store-l'");
		$shop->push;
	}
	is(records()->{'store-l'}, '12 By the agency 02', 'a lost reply');
	is($shop->sql(q(SELECT weight FROM store WHERE id = 'store-l')), 0 + (grep { $_->{sku} eq 'store-l' } @{ $store->state('products') })[0]{weight}, 'and the change is done');
};

subtest 'what is overwritten is known, so it can be undone without being read first' => sub {
	$store->seed('product', [ { sku => 'source-u', name => 'Item source-u', price => 12, description => '<p>By the agency</p>', categories => [ @cat[ 0, 2 ] ], weight => 1, type => 'physical' } ]);
	$shop->sql(q(INSERT INTO source (id) VALUES ('source-u'); DELETE FROM bcdelta.pending));
	$shop->link(q('source'));
	$shop->sql(q(SELECT bcdelta.mark('source', 'source-u')));
	$shop->clear;
	my $run = $shop->push;
	is_deeply($shop->calls, ['PUT /catalog/products'], 'one call');
	$shop->sql("SELECT bcdelta.rollback($run->{run_id})");
	is(records()->{'source-u'}, '12 By the agency 02', 'undone');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
