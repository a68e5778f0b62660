# The examples of docs/examples, each on a small shop with the same tables.

use strict;
use warnings;

use BCDelta::Example;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my @examples = example_names();
my $node = bcdelta_node('main', databases => \@examples, conf => 'bcdelta.naptime = 1');

foreach my $example (@examples)
{
	subtest "$example: the example is pushed, follows its source, and is verified" => sub {
		my $shop = BCDelta::Shop->on($node, $example, store => { args => [ '--quota', 100000 ] });
		$shop->sql(example_tables($example));
		$shop->sql(example_feeds($example));
		example_follow($shop, $example, sub { $shop->sql($_[0]) });

		$shop->sql('SELECT bcdelta.mark_all(feed) FROM bcdelta.feed');
		example_pushed($shop, 'everything marked once more', 'nothing');
		my $run = $shop->verify(q(mode => 'count'));
		is_deeply([ $run->{state}, @{ $shop->discrepancies } ], ['succeeded'], 'there are as many records as rows');
	};
}

$node->stop;
done_testing();
