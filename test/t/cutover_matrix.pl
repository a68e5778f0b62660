# Every cell of the matrix of stages and resources that comes with bcdelta: what it prints is what a push does.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('matrix', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\n" });
my $store = $shop->store;
$store->settings({ channels => [ 1 .. 9 ], price_groups => [ 1 .. 9 ], sites => [1000], locations => [ { id => 1 } ] });

# One feed of each resource, parents first; n is what changes
my $metafield = '"namespace": "\'\'erp\'\'", "key": "\'\'k\'\'", "value": "n::text", "permission_set": "\'\'read\'\'"';
my @feeds = (
	brand => '"name": "\'\'Brand \'\' || n"',
	category => '"name": "\'\'Category \'\' || id || \'\' \'\' || n", "parent_id": "0"',
	location => '"code": "\'\'L\'\' || id", "label": "\'\'Label \'\' || n", "type_id": "\'\'VIRTUAL\'\'", "time_zone": "\'\'Etc/UTC\'\'", "managed_by_external_source": "true", "enabled": "true"',
	product => '"sku": "\'\'P\'\' || id", "name": "\'\'Product \'\' || id", "price": "n", "type": "\'\'physical\'\'", "weight": "1", "inventory_tracking": "CASE id WHEN \'\'3\'\' THEN \'\'variant\'\' ELSE \'\'product\'\' END", "inventory_level": "CASE id WHEN \'\'1\'\' THEN n END"',
	variant => '"product_id": "bcdelta.ref(\'\'product\'\', \'\'3\'\')", "sku": "\'\'V\'\' || id", "price": "n", "inventory_level": "n", "option_values": "jsonb_build_array(jsonb_build_object(\'\'option_display_name\'\', \'\'Size\'\', \'\'label\'\', \'\'S\'\' || id))"',
	inventory => '"product_id": "bcdelta.ref(\'\'product\'\', \'\'2\'\')", "location_id": "1", "quantity": "n"',
	channel_assignment => '"product_id": "bcdelta.ref(\'\'product\'\', \'\'1\'\')", "channel_id": "n"',
	category_assignment => '"product_id": "bcdelta.ref(\'\'product\'\', \'\'1\'\')", "category_id": "bcdelta.ref(\'\'category\'\', n::text)"',
	customer_group => '"name": "\'\'Group \'\' || n"',
	customer => '"email": "\'\'c@example.org\'\'", "first_name": "\'\'C \'\' || n", "last_name": "\'\'D\'\'"',
	customer_address => '"customer_id": "bcdelta.ref(\'\'customer\'\', \'\'1\'\')", "first_name": "\'\'C\'\'", "last_name": "\'\'D\'\'", "address1": "\'\'Street \'\' || n", "city": "\'\'Oslo\'\'", "state_or_province": "\'\'Oslo\'\'", "postal_code": "\'\'0150\'\'", "country_code": "\'\'NO\'\'"',
	customer_attribute => '"name": "\'\'Attribute \'\' || n", "type": "\'\'string\'\'"',
	customer_attribute_value => '"customer_id": "bcdelta.ref(\'\'customer\'\', \'\'1\'\')", "attribute_id": "bcdelta.ref(\'\'customer_attribute\'\', \'\'1\'\')", "value": "n::text"',
	price_list => '"name": "\'\'List \'\' || n"',
	price_record => '"price_list_id": "bcdelta.ref(\'\'price_list\'\', \'\'1\'\')", "sku": "\'\'P1\'\'", "currency": "\'\'usd\'\'", "price": "n"',
	price_list_assignment => '"price_list_id": "bcdelta.ref(\'\'price_list\'\', \'\'1\'\')", "customer_group_id": "1", "channel_id": "n"',
	redirect => '"site_id": "1000", "from_path": "\'\'/old\'\'", "to": "jsonb_build_object(\'\'type\'\', \'\'url\'\', \'\'url\'\', \'\'/new\'\' || n)"',
	map { my ($of) = /^(.*)_metafield/; ($_ => qq("resource_id": "bcdelta.ref(''$of'', ''1'')", $metafield)) } qw(brand_metafield category_metafield customer_metafield product_metafield variant_metafield));
my %mapping = @feeds;
my @resources = sort keys %mapping;

is_deeply(\@resources, $shop->list('SELECT DISTINCT resource FROM bcdelta.authority ORDER BY 1'), 'each resource has a feed in this test, and a default');
foreach my $feed (map { $feeds[ 2 * $_ ] } 0 .. $#feeds / 2)
{
	$shop->sql("CREATE TABLE $feed (id text PRIMARY KEY, n int NOT NULL DEFAULT 1);
		SELECT bcdelta.track('$feed', 'shop', '$feed', '{$mapping{$feed}}', on_delete => 'delete');
		INSERT INTO $feed VALUES ('1')" . ($feed eq 'category' ? ", ('2'), ('3'), ('4'), ('5'), ('6'), ('7'), ('8')" : $feed eq 'product' ? ", ('2'), ('3')" : ''));
}
my $run = $shop->push;
is_deeply($shop->pending, {}, 'pushed') or diag(explain($shop->errors));

my $n = 1;

# What becomes of row 1 of each feed if all of them change: pushed, or why not
sub changed
{
	$n++;
	$shop->sql(join('; ', map { "UPDATE $_ SET n = $n WHERE id = '1'" } @resources));
	my %preview = map { my $feed = $_; $feed => $shop->sql("SELECT DISTINCT CASE WHEN error ~ '^since stage' THEN error ELSE 'pushed' END FROM bcdelta.preview('$feed') WHERE key = '1'") } @resources;
	$shop->push;
	my %pushed = map { my ($feed, $what) = split /\|/; $feed => $what } @{ $shop->list("SELECT DISTINCT ON (feed) feed, CASE WHEN error ~ '^since stage' THEN error WHEN outcome IN ('updated', 'created', 'deleted') THEN 'pushed' ELSE concat_ws(' ', outcome, error) END
		FROM bcdelta.result WHERE run_id = (SELECT max(run_id) FROM bcdelta.run) AND key = '1' ORDER BY feed, attempted_at DESC") };
	return (\%preview, \%pushed);
}

# and what the matrix prints
sub printed
{
	my %rule = map { split /\|/ } @{ $shop->list("SELECT resource, CASE owner WHEN 'store' THEN rule ELSE 'pushed' END FROM bcdelta.authority_now WHERE field IS NULL") };
	return { map { $_ => $rule{$_} // 'pushed' } @resources };
}

sub levels { return { map { $_->{sku} => $_->{inventory_level} } (grep { $_->{sku} eq 'P1' } @{ $store->state('products') }), grep { $_->{sku} eq 'V1' } @{ $store->state('variants') } }; }

foreach my $stage ('NULL', "'prepare'", "'freeze'", "'live'", "'watch'", "'closed'")
{
	subtest "stage $stage" => sub {
		$shop->sql("SELECT bcdelta.stage('shop', $stage)");
		my $levels = levels();
		my ($preview, $pushed) = changed();
		my $printed = printed();
		is(scalar(grep { $_ eq 'pushed' } values %$printed), $stage eq "'live'" ? 7 : $stage =~ /watch|closed/ ? 0 : 22, 'as many resources as the page says are pushed');
		is_deeply($preview, $printed, 'each cell: preview is as printed') or diag(explain($preview));
		is_deeply($pushed, $printed, 'and so is a push') or diag(explain($pushed));
		is_deeply(levels(), $stage =~ /live|watch|closed/ ? $levels : { P1 => $n, V1 => $n }, 'so are the cells of a field: product.inventory_level, variant.inventory_level');
		is((grep { $_->{sku} eq 'P1' } @{ $store->state('products') })[0]{price}, $n, 'while other fields of the record are pushed') if $stage eq "'live'";
	};
}

subtest 'where both sides have changed a field at stage live, cells that say so wait for a person' => sub {
	$shop->sql("SELECT bcdelta.stage('shop', NULL)");
	$shop->push;
	$shop->sql("SELECT bcdelta.stage('shop', 'live')");
	my %edits = (product => [ product => { price => 777 } ], variant => [ variant => { price => 777 } ], customer_address => [ address => { address1 => 'Edited' } ],
		customer_attribute_value => [ attribute_value => { attribute_value => 'edited' } ]);
	$store->edit($edits{$_}[0], $shop->id($_, '1'), $edits{$_}[1]) foreach keys %edits;
	changed();
	is_deeply($shop->list('SELECT DISTINCT feed FROM bcdelta.review ORDER BY 1'), [ sort grep { $edits{$_} } @{ $shop->list("SELECT resource FROM bcdelta.authority_now WHERE owner = 'review'") } ], 'as printed');
	$shop->sql("SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.conflict WHERE state = 'open'");
};

subtest 'when it is over, nothing was lost' => sub {
	$shop->sql("SELECT bcdelta.stage('shop', NULL)");
	$shop->push;
	is_deeply($shop->pending, {}, 'nothing waits') or diag(explain($shop->errors));
	$shop->verify("server => 'shop'");
	is_deeply($shop->discrepancies, ['location|#1|missing_in_source|code|BC-LOCATION-1'], 'source and store agree, but for the location that the store came with');
};

done_testing();
