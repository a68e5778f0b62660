# A resource is nothing but data: the code that plans requests handles two made-
# up ones, with a facet, collections and an address of several fields.

use strict;
use warnings;

use BCDelta::Test;
use JSON::PP;
use Test::More;

my $node = bcdelta_node('plan');
my ($source, $config) = ($ENV{TESTDIR} // '.', $ENV{PG_CONFIG} // 'pg_config');
my $library = "$source/tmp_check/made_up.so";
my $flags = join ' ', map { chomp; $_ } `$config --cppflags`, '-I' . `$config --includedir-server`, `$config --cflags`;
my $sources = join ' ', "$source/test/unit/made_up.c", glob("$source/src/resource/*.c $source/src/payload/*.c"), map { "$source/src/base/$_.c" } qw(casefold json);
system("cc -shared -fPIC -Wl,-Bsymbolic -o $library $flags -Wno-error -I$source/src \$(pkg-config --cflags libcjson) $sources \$(pkg-config --libs libcjson)") == 0
  or BAIL_OUT('could not build the made-up resources');

$node->safe_psql('postgres', "CREATE FUNCTION requests(jsonb) RETURNS text LANGUAGE c STRICT AS '$library', 'made_up_requests'");

# The requests for rows of one resource, as a list of lines
sub requests
{
	my ($resource, @rows) = @_;
	$_->{resource} = $resource foreach @rows;
	my $json = JSON::PP->new->canonical->encode(\@rows);
	return [ split /\n/, $node->safe_psql('postgres', "SELECT requests(\$\$$json\$\$)") ];
}

sub planned
{
	my ($resource, $rows, $requests, $what) = @_;
	is_deeply(requests($resource, @$rows), $requests, $what);
	return;
}

subtest 'a new record is created with its nested parts, and the rest follows' => sub {
	planned('widget', [ { wanted => { name => 'A', level => 5, cogs => [ { code => 1 } ], labels => [ { space => 's', name => 'n' } ] } } ],
		[ 'POST /widgets {"cogs": [{"code": 1}], "name": "A", "level": 5}',
		  'PUT /labels [{"widget_id": null, "name": "n", "space": "s"}]' ], 'all of it');
	planned('widget', [ { options => { room => 2 }, wanted => { name => 'A', level => 5 } } ],
		[ 'POST /widgets {"name": "A"}', 'PUT /dials {"by": "us", "dials": [{"room": 2, "widget": null, "set_to": 5}]}' ],
		'not what is in another place');
	planned('widget', [ { options => { room => 1 }, wanted => { name => 'A', level => 5 } } ],
		['POST /widgets {"name": "A", "level": 5}'], 'unless that is the place of the record');
};

subtest 'each facet that has changed is one task, and tasks at one endpoint share requests' => sub {
	my @rows = map { { id => $_, known => { name => "W$_", price => 1, level => 1 }, wanted => { name => "W$_", price => 2, level => $_ == 4 ? 1 : 9 } } } 1 .. 4;
	planned('widget', \@rows,
		[ 'PUT /widgets [{"id": 1, "name": "W1", "price": 2},{"id": 2, "name": "W2", "price": 2},{"id": 3, "name": "W3", "price": 2}]',
		  'PUT /dials {"by": "us", "dials": [{"room": 1, "widget": 1, "set_to": 9},{"room": 1, "widget": 2, "set_to": 9},{"room": 1, "widget": 3, "set_to": 9}]}',
		  'PUT /widgets [{"id": 4, "name": "W4", "price": 2}]' ], 'by their batches');
	planned('widget', [ { id => 1, known => { name => 'A', level => 1 }, wanted => { name => 'A', level => 2 } } ],
		['PUT /dials {"by": "us", "dials": [{"room": 1, "widget": 1, "set_to": 2}]}'], 'the record itself is not written for a facet');
	planned('widget', [ { id => 1, merged => 2, known => { name => 'A', level => 1 }, wanted => { name => 'A', level => 2 } } ],
		['PUT /widgets [{"id": 1, "name": "A", "level": 2}]'], 'but where that goes with it');
	planned('widget', [ { id => 1, known => { name => 'A', level => 1 }, wanted => { name => 'A', level => 1 } } ], [], 'what is the same needs nothing');
};

subtest 'in a collection, added, changed and removed elements are sent, and no others' => sub {
	my %known = (name => 'A', cogs => [ { id => 7, code => 1, teeth => 8 }, { id => 8, code => 2, teeth => 9 }, { id => 9, code => 3, teeth => 1 } ], labels => []);
	planned('widget', [ { id => 5, known => \%known, wanted => { name => 'A', cogs => [ { code => 2, teeth => 10 }, { code => 3, teeth => 1 }, { code => 4, teeth => 2 } ] } } ],
		[ 'DELETE /widgets/5/cogs/7', 'PUT /cogs [{"id": 8, "teeth": 10}]', 'POST /widgets/5/cogs [{"code": 4, "teeth": 2}]' ], 'one of each, removals first');
	planned('widget', [ { id => 5, known => \%known, wanted => { name => 'A' } } ], [], 'a collection that the row does not have is left alone');
	planned('widget', [ map { { id => $_, known => { name => 'A', cogs => [] }, wanted => { name => 'A', cogs => [ map { { code => $_ } } 1 .. 3 ] } } } 5, 6 ],
		[ 'POST /widgets/5/cogs [{"code": 1},{"code": 2}]', 'POST /widgets/5/cogs [{"code": 3}]',
		  'POST /widgets/6/cogs [{"code": 1},{"code": 2}]', 'POST /widgets/6/cogs [{"code": 3}]' ], 'elements of several records do not share a path');
	planned('widget', [ { id => 5, known => { name => 'A', labels => [ { id => 3, space => 's', name => 'n', value => 1 }, { id => 4, space => 't', name => 'n', value => 1 } ] },
			wanted => { name => 'A', labels => [ { space => 's', name => 'n', value => 2 }, { space => 'u', name => 'n', value => 1 } ] } } ],
		[ 'DELETE /labels?id:in=4',
		  'PUT /labels [{"id": 3, "widget_id": 5, "name": "n", "space": "s", "value": 2},{"widget_id": 5, "name": "n", "space": "u", "value": 1}]' ], 'new and changed ones share an endpoint that takes both');
	planned('widget', [ { id => 5, known => { name => 'A', labels => [ { id => 3, space => 's', name => 'n', value => 1 }, { id => 4, space => 's', name => 'm' } ] },
			wanted => { name => 'A', labels => [ { space => 's', name => 'm' }, { space => 's', name => 'o', value => 1 } ] } } ],
		['PUT /labels [{"id": 3, "widget_id": 5, "name": "o", "space": "s", "value": 1}]'], 'one whose key may change is changed into another');
	planned('widget', [ map { { id => $_, together => 4, known => \%known, wanted => { name => 'A', cogs => [ { code => 2, teeth => 10 }, { code => 3, teeth => 1 }, { code => 4, teeth => 2 } ] } } } 5, 6 ],
		[ 'DELETE /widgets/5/cogs/7', 'PUT /widgets [{"id": 5, "cogs": [{"id": 8, "teeth": 10}, {"code": 4, "teeth": 2}]},{"id": 6, "cogs": [{"id": 8, "teeth": 10}, {"code": 4, "teeth": 2}]}]',
		  'DELETE /widgets/6/cogs/7' ], 'where an update of the record keeps others, it has the changed and the new ones');
	planned('widget', [ map { { id => $_, together => 4, known => { %known, price => 1, level => 1 }, wanted => { name => 'A', price => 2, level => 2, cogs => [ { code => 1, teeth => 8 }, { code => 2, teeth => 10 }, { code => 3, teeth => 1 }, { code => 4, teeth => 2 } ] } } } 5, 6 ],
		[ 'PUT /widgets [{"id": 5, "cogs": [{"id": 8, "teeth": 10}, {"code": 4, "teeth": 2}], "name": "A", "price": 2},{"id": 6, "cogs": [{"id": 8, "teeth": 10}, {"code": 4, "teeth": 2}], "name": "A", "price": 2}]',
		  'PUT /dials {"by": "us", "dials": [{"room": 1, "widget": 5, "set_to": 2},{"room": 1, "widget": 6, "set_to": 2}]}' ], 'and if the record has changed, too, they go along in its own update');
	planned('widget', [ { id => 5, together => 4, known => { %known, price => 1 }, wanted => { name => 'A', price => 2, cogs => [ { code => 2, teeth => 10 }, { code => 3, teeth => 1 } ] } } ],
		[ 'PUT /widgets [{"id": 5, "name": "A", "price": 2}]', 'DELETE /widgets/5/cogs/7', 'PUT /widgets [{"id": 5, "cogs": [{"id": 8, "teeth": 10}]}]' ], 'unless one has to go first');
	my ($rc, undef, $error) = $node->psql('postgres',
		q(SELECT requests('[{"resource": "widget", "id": 5, "known": {"name": "A"}, "wanted": {"name": "A", "cogs": []}}]')));
	like($error, qr/the cogs of record 5 are not known/, 'what is not known is never guessed');
};

subtest 'a record that is addressed by its key is written as a whole, and removed by its key' => sub {
	my %a = (list_id => 3, widget_id => 901, currency => 'usd', price => 5, sale => 4);
	planned('rate', [ { wanted => {%a} }, { wanted => { %a, widget_id => 902 } }, { wanted => { %a, list_id => 4 } } ],
		[ 'PUT /lists/3/rates [{"sale": 4, "price": 5, "currency": "usd", "widget_id": 901},{"sale": 4, "price": 5, "currency": "usd", "widget_id": 902}]',
		  'PUT /lists/4/rates [{"sale": 4, "price": 5, "currency": "usd", "widget_id": 901}]' ], 'those of one list share a request');
	planned('rate', [ { known => {%a}, wanted => { %a, price => 6 } } ],
		['PUT /lists/3/rates [{"sale": 4, "price": 6, "currency": "usd", "widget_id": 901}]'], 'a change');
	planned('rate', [ { known => {%a}, wanted => {%a} } ], [], 'no change');
	planned('rate', [ { known => {%a}, wanted => { %a, currency => 'eur' } } ],
		[ 'DELETE /lists/3/rates?widget_id:in=901&currency=usd', 'PUT /lists/3/rates [{"sale": 4, "price": 5, "currency": "eur", "widget_id": 901}]' ],
		'another key is another record');
	planned('rate', [ { known => {%a} }, { known => { %a, widget_id => 902 } }, { known => { %a, currency => 'eur' } } ],
		[ 'DELETE /lists/3/rates?widget_id:in=901,902&currency=usd', 'DELETE /lists/3/rates?widget_id:in=901&currency=eur' ],
		'removals of one list and currency share a request, and are no cross product');
	my ($rc, undef, $error) = $node->psql('postgres', q(SELECT requests('[{"resource": "rate", "known": {"list_id": 3, "currency": "usd"}}]')));
	like($error, qr/has no value for "widget_id"/, 'there is no removal without a filter');
};

subtest 'removing a record removes its children' => sub {
	planned('widget', [ map { { id => $_, known => { name => 'A' } } } 1 .. 3 ], ['DELETE /widgets?id:in=1,2,3'], 'in one request');
};

done_testing();
