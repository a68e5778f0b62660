# Images, videos and bulk pricing rules below a product, which are kept as other
# collections are (push_collections.pl), as far as they differ from those.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('images', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 3 });
my $store = $shop->store;
my $URL = 'https://img.example.org/a';

$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, price numeric NOT NULL DEFAULT 1, images jsonb, videos jsonb, rules jsonb, code text);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "coalesce(code, ''S'' || id)", "name": "''Item '' || id", "price": "price",
	"type": "''physical''", "weight": "1", "images": "images", "videos": "videos", "bulk_pricing_rules": "rules"}', on_delete => 'delete');
EOC

# What is below the product of an item, of one kind
sub elements
{
	my ($kind, $key) = @_;
	my $id = $shop->id('item', $key);
	my ($found) = grep { $_->{product_id} == $id } @{ $store->control('state/elements') };
	return @{ $found->{$kind} };
}

# The names of the images' files, as they were in their URLs
sub files { return join(' ', map { $_->{image_file} =~ m{/([^/]+)__\d+\.} } elements('images', $_[0])); }

sub rules { return join(' ', sort map { "$_->{quantity_min}-$_->{quantity_max}:" . ($_->{amount} + 0) } elements('bulk_pricing_rules', $_[0])); }

sub set
{
	my ($key, $column, $json) = @_;
	$shop->sql("INSERT INTO item (id, $column) VALUES ($key, '$json') ON CONFLICT (id) DO UPDATE SET $column = EXCLUDED.$column");
	return;
}

sub set_images
{
	my ($key, @files) = @_;
	set($key, 'images', '[' . join(', ', map { qq({"image_url": "$URL/$_.jpg"}) } @files) . ']');
	return;
}

sub set_rules
{
	my ($key, @rules) = @_;
	set($key, 'rules', '[' . join(', ', map { my ($low, $high, $amount) = split /[-:]/; qq({"quantity_min": $low, "quantity_max": $high, "amount": $amount, "type": "fixed"}) } @rules) . ']');
	return;
}

# Requests below a product, without the ids
sub below
{
	return join(' ', map { my $path = "$_->{method} $_->{path}"; $path =~ s{/catalog/products/\d+/}{}; $path =~ s{/\d+$}{/id}; $path =~ s/ /-/r } $shop->writes);
}

sub settled
{
	my ($what) = @_;
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	$shop->clear;
	is($shop->verify->{conflicts}, 0, "$what: a verify finds no difference") or diag(explain($shop->discrepancies));
	return;
}

subtest 'a new product is created with all of them' => sub {
	set(1, 'videos', '[{"video_id": "abc"}, {"video_id": "def", "title": "Mine", "description": ""}]');
	set_images(1, qw(front back));
	set_rules(1, '10-19:5', '20-0:4.5');
	$shop->clear;
	is($shop->push->{created}, 1, 'it is created');
	is(below(), 'POST-/catalog/products', 'with one request');
	is(files(1), 'front back', 'the images');
	is(rules(1), '10-19:5 20-0:4.5', 'the rules');
	is_deeply([ map { "$_->{video_id} $_->{title}" } elements('videos', 1) ], [ 'abc Title of abc', 'def Mine' ], 'the videos');
	settled('new');
	is_deeply([ map { $_->{query} =~ /include=([\w,]+)/ ? $1 : 'none' } grep { $_->{query} !~ /limit=1$/ } $store->journal ], ['bulk_pricing_rules,images,videos'], 'with one read of all of them');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.link, jsonb_each(payload) AS c, jsonb_array_elements(CASE jsonb_typeof(c.value) WHEN 'array' THEN c.value ELSE '[]' END) AS e WHERE e ? 'id')), 6, 'the ids are known');
	$shop->clear;
	$shop->push;
	is(below(), '', 'what the store has filled in is not sent back');
};

subtest 'an image is not fetched again if its position changes, and not removed because of another one' => sub {
	set(1, 'images', qq([{"image_url": "$URL/front.jpg", "sort_order": 5}, {"image_url": "$URL/back.jpg"}, {"image_url": "$URL/side.jpg", "description": "Side"}]));
	$shop->clear;
	$shop->push;
	is(below(), 'PUT-images/id POST-images', 'a change and an addition');
	is_deeply([ map { $_->{body} } $shop->writes ], [ { sort_order => 5 }, { image_url => "$URL/side.jpg", description => 'Side' } ], 'and no URL that is there already');
	settled('images');
	set_images(1, qw(front side));
	$shop->clear;
	$shop->push;
	is(below(), 'DELETE-images/id', 'a removal');
	is(files(1), 'front side', 'of the right one');
	settled('removed');
	foreach my $thumbnail (qw(front side front))
	{
		set(1, 'images', '[' . join(', ', map { qq({"image_url": "$URL/$_.jpg") . ($_ eq $thumbnail ? ', "is_thumbnail": true}' : '}') } qw(front side)) . ']');
		$shop->push;
		is(join(' ', map { $_->{image_file} =~ m{/([^/]+)__} } grep { $_->{is_thumbnail} } elements('images', 1)), $thumbnail, "the thumbnail is $thumbnail");
		settled("thumbnail $thumbnail");
	}
};

subtest 'after a lost reply, an image does not exist twice, whatever the store calls it' => sub {
	foreach my $names (1, 0)
	{
		$store->settings({ image_names => $names ? JSON::PP::true : JSON::PP::false });
		foreach my $lost (qw(after before))
		{
			set_images(20 + $names, "x$lost", 'y');
			$shop->push;
			$store->fault({ match => { method => 'POST', path => 'images$' }, times => 1, do => { lose => $lost } });
			set_images(20 + $names, "x$lost", 'y', "z$lost");
			$shop->push;
			$store->unfault;
			is(scalar(elements('images', 20 + $names)), 3, "names $names, lost $lost: each is there once");
			settled("names $names, lost $lost");
		}
	}
	$store->fault({ match => { method => 'POST', path => 'products$' }, times => 1, do => { lose => 'after' } });
	set_images(3, qw(a b c));
	$shop->push;
	$store->unfault;
	is(scalar(elements('images', 3)), 3, 'a lost create');
	settled('lost create');
	set_images(3, qw(a c));
	$shop->push;
	is(scalar(elements('images', 3)), 2, 'and one is removed after it');
	settled('removed after it');
	$store->settings({ image_names => JSON::PP::true });
};

subtest 'a record of the initial load keeps its images' => sub {
	$store->seed('products', [ { name => 'Item 4', sku => 'S4', weight => 1, price => 1, images => [ map { { image_url => "https://old.example.org/shop/$_.jpg" } } qw(front back by-hand) ] } ]);
	set_images(4, qw(back front new));
	$shop->clear;
	$shop->push;
	is(below(), 'POST-images', 'only what is new is sent');
	is(files(4), 'front back by-hand new', 'the others stay');
	settled('first load');
	set_images(4, qw(front new));
	$shop->push;
	is(files(4), 'front by-hand new', 'and are known one by one');
	settled('known');
};

subtest 'rules are removed before others take their place' => sub {
	foreach my $rules ([ '10-14:5', '15-24:4', '25-0:3' ], [ '5-12:5', '13-0:4' ], [ '5-12:5' ], [ '5-0:5.25' ])
	{
		set_rules(1, @$rules);
		$shop->push;
		is(rules(1), join(' ', sort @$rules), "rules @$rules");
		settled("rules @$rules");
	}
	set_rules(1, '5-12:5', '10-14:3', '20-0:1');
	is($shop->push->{failed}, 1, 'rules that overlap are refused');
	like($shop->errors->{'item 1'}, qr/^bulk_pricing_rules: \{"quantity_min": 10\}: 4\d\d .*overlaps/, 'with the reason, and the element') or diag($shop->errors->{'item 1'});
	is(rules(1), '20-0:1 5-12:5', 'all but the one');
	set_rules(1, '5-12:5', '20-0:1');
	$shop->push;
	settled('overlap');
};

subtest 'one bad element does not prevent a new product from being created' => sub {
	$store->settings({ unfetchable => 'gone' });
	set_images(5, qw(good gone fine));
	set_rules(5, '1-0:1');
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 0, 1 ], 'the row fails');
	like($shop->errors->{'item 5'}, qr/^images: \{"image_url": "[^"]*gone[^"]*"\}: 400 .*could not be fetched/, 'for the image, which is named') or diag($shop->errors->{'item 5'});
	is(files(5), 'good fine', 'the others are there');
	is(rules(5), '1-0:1', 'and the rules');
	is(below(), 'POST-/catalog/products POST-/catalog/products POST-bulk-pricing-rules POST-images POST-images POST-images', 'by the fewest requests');
	$store->settings({ unfetchable => '' });
	$shop->clear;
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	is(below(), 'POST-images', 'a retry sends what is missing');
	settled('bad element');
	set(6, 'rules', '[{"quantity_min": 1, "quantity_max": 5, "amount": 1, "type": "price"}, {"quantity_min": 4, "quantity_max": 0, "amount": 2, "type": "price"}]');
	is($shop->push->{failed}, 1, 'likewise rules that overlap');
	is(rules(6), '1-5:1', 'the first is there');
	$shop->sql('DELETE FROM item WHERE id = 6');
	$shop->push;
	settled('bad rules');
};

subtest 'a record that one row has made, and another one gets, keeps no images of the first' => sub {
	my $id = 500;
	foreach (
		[ 'a later row has the number', 'UPDATE item SET code = NULL WHERE id = ID', 'LATER' ],
		[ 'an earlier row has it', 'UPDATE item SET code = NULL WHERE id = ID', 'EARLIER' ],
		[ 'the row is gone', 'DELETE FROM item WHERE id = ID', 'LATER' ],
		[ 'gone, and an earlier one has it', 'DELETE FROM item WHERE id = ID', 'EARLIER' ],
		[ 'an old row has it', 'UPDATE item SET code = NULL WHERE id = ID', 'OLD' ])
	{
		my ($what, $change, $who) = @$_;
		$id += 10;
		my $heir = $who eq 'LATER' ? $id + 1 : $id - 1;
		if ($who eq 'OLD')
		{
			set_images($heir, 'third');
			$shop->push;
		}
		$store->hold({ match => { method => 'POST', path => 'products$' }, process => 'now' });
		set_images($id, qw(first second));
		$shop->sql("UPDATE item SET code = 'C$id' WHERE id = $id");
		my $push = $shop->start;
		$shop->wait_held(1);
		$shop->sql($change =~ s/ID/$id/gr);
		set_images($heir, 'third');
		$shop->sql("UPDATE item SET code = 'C$id' WHERE id = $heir");
		kill_worker($shop->node, 'shop', 'KILL');
		$push->finish;
		$store->release;
		$shop->push;
		is(files($heir), 'third', "$what: it has its image, and no other");
		is(files($id), 'first second', "$what: so has the first") if $change =~ /UPDATE/;
		settled($what);
	}
};

subtest 'a record that goes to another row, since its own is gone, keeps no images of that' => sub {
	my $id = 600;
	foreach my $on_delete (qw(delete hide))
	{
		$shop->sql("SELECT bcdelta.alter_feed('item', on_delete => '$on_delete')");
		foreach my $heir (-1, 1, -2)
		{
			$id += 10;
			set_images($id, qw(first second));
			set_images($id - 2, 'third') if $heir == -2;
			$shop->push;
			$shop->sql("DELETE FROM item WHERE id = $id");
			set_images($id + $heir, 'third');
			$shop->sql("UPDATE item SET code = 'S$id' WHERE id = $id + $heir");
			$shop->push;
			is(files($id + $heir), 'third', "$on_delete, $heir: it has its image, and no other");
			settled("$on_delete, $heir");
		}
	}
};

subtest 'elements that the store would refuse make the row invalid, with element and limit' => sub {
	my %bad = (
		images => {
			'[{"image_url": "data:image/png;base64,AAAA"}]' => 'images: element 1: image_url: "data:image/png;base64,AAAA" is not an http or https URL',
			'[{"image_url": "ftp://example.org/a.jpg"}]' => 'images: element 1: image_url: "ftp://example.org/a.jpg" is not an http or https URL',
			'[{"image_url": "https://example.org/a b.jpg"}]' => 'images: element 1: image_url: "https://example.org/a b.jpg" is not an http or https URL',
			'[{"image_url": "a.jpg"}]' => 'images: element 1: image_url: "a.jpg" is not an http or https URL',
			'[{"image_url": "https://e.org/a.jpg", "is_thumbnail": true}, {"image_url": "https://e.org/b.jpg", "is_thumbnail": true}]' => 'images: is_thumbnail is true in 2 elements, at most 1 is allowed',
			'[{"image_url": "https://e.org/a.jpg"}, {"image_url": "https://e.org/a.jpg"}]' => 'images: elements 1 and 2 are the same: "{"image_url": "https://e.org/a.jpg"}"',
			'[{"image_url": "https://e.org/a.jpg", "sort_order": 1.5}]' => 'images: element 1: sort_order: "1.5" is not an integer',
			'[{"description": "none"}]' => 'images: element 1: image_url: there is no value, and the API requires one',
		},
		videos => {
			'[{"video_id": "12345678901234567890123456"}]' => 'videos: element 1: video_id: 26 characters, at most 25 are allowed: "12345678901234567890123456"',
			'[{"video_id": "a", "type": "vimeo"}]' => 'videos: element 1: type: "vimeo" is not one of the values that the API accepts',
		},
		rules => {
			'[{"quantity_min": 1, "quantity_max": 5, "amount": -1, "type": "price"}]' => 'bulk_pricing_rules: element 1: amount: "-1" is less than 0',
			'[{"quantity_min": 1, "quantity_max": 5, "type": "price"}]' => 'bulk_pricing_rules: element 1: amount: there is no value, and the API requires one',
			'[{"quantity_min": 1, "quantity_max": 5, "amount": "1", "type": "price"}]' => 'bulk_pricing_rules: element 1: amount: "1" is not a number',
		});
	set_images(7);
	$shop->push;
	$shop->clear;
	foreach my $column (sort keys %bad)
	{
		foreach my $json (sort keys %{ $bad{$column} })
		{
			set(7, $column, $json);
			$shop->push;
			is($shop->errors->{'item 7'}, $bad{$column}{$json}, $json);
		}
		$shop->sql("UPDATE item SET $column = NULL WHERE id = 7");
	}
	set(7, 'images', qq([{"image_url": "$URL/) . 'x' x 300 . '"}]');
	$shop->push;
	like($shop->errors->{'item 7'}, qr/^images: element 1: image_url: 3\d\d characters, at most 255 are allowed/, '300 characters');
	$shop->sql("UPDATE item SET images = (SELECT jsonb_agg(jsonb_build_object('image_url', '$URL/' || g || '.jpg')) FROM generate_series(1, 1001) AS g) WHERE id = 7");
	$shop->push;
	is($shop->errors->{'item 7'}, 'images: 1001 elements, at most 1000 are allowed', 'one too many');
	is_deeply($store->counts->{requests}, {}, 'no request was made');
	$shop->sql("UPDATE item SET images = NULL WHERE id = 7");
	$shop->sql("INSERT INTO item SELECT 8, 1, (SELECT jsonb_agg(jsonb_build_object('image_url', '$URL/' || g || '.jpg', 'sort_order', g)) FROM generate_series(1, 1000) AS g)");
	$shop->push;
	is(scalar(elements('images', 8)), 1000, 'as many as there may be');
	settled('many');
};

done_testing();
