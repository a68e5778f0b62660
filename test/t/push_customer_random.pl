# Customers, their addresses and values of their attributes change at random, and
# are pushed through faults of all kinds by a worker that is killed now and then:
# in the end the store has what the source says, and nothing twice.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

# Part of test/soak: what it finds, it finds in one of many rounds.
plan(skip_all => 'set RANDOM_ROUNDS, or run test/soak') if !defined $ENV{RANDOM_ROUNDS};

my $seed = $ENV{RANDOM_SEED} // int(rand(1_000_000));
note("RANDOM_SEED=$seed");
srand($seed);

my $ROUNDS = $ENV{RANDOM_ROUNDS};
my $shop = BCDelta::Shop->open('customer_random', store => { args => [ '--quota', 100000, '--seed', $seed ] },
	server => { max_attempts => 20, error_limit => 100000 });
my $store = $shop->store;

# No two addresses of a customer are the same, but they may exchange their contents.
$shop->sql(<<'EOC');
CREATE SEQUENCE mail;
CREATE TABLE person (id int PRIMARY KEY, mail text NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED, phone text DEFAULT '');
CREATE TABLE place (id int PRIMARY KEY, person int NOT NULL REFERENCES person ON DELETE CASCADE, street text NOT NULL, phone text NOT NULL DEFAULT '', UNIQUE (person, street, phone) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE worth (person int NOT NULL REFERENCES person ON DELETE CASCADE, trait int NOT NULL, value text NOT NULL, PRIMARY KEY (person, trait));
CREATE TABLE trait (id int PRIMARY KEY, name text);
SELECT bcdelta.track('trait', 'shop', 'customer_attribute', '{"name": "name", "type": "''string''"}');
SELECT bcdelta.track('person', 'shop', 'customer', $$ {"email": "mail", "first_name": "'P'", "last_name": "'X'", "phone": "phone",
	"addresses": "(SELECT jsonb_agg(jsonb_build_object('first_name', 'A', 'last_name', 'B', 'address1', street, 'city', 'Oslo', 'state_or_province', '', 'postal_code', '', 'country_code', 'NO', 'phone', p.phone)) FROM public.place AS p WHERE p.person = person.id)"} $$, on_delete => 'delete');
SELECT bcdelta.track('place', 'shop', 'customer_address', '{"customer_id": "bcdelta.ref(''person'', person)", "first_name": "''A''", "last_name": "''B''",
	"address1": "street", "city": "''Oslo''", "state_or_province": "''''", "postal_code": "''''", "country_code": "''NO''", "phone": "phone"}', on_delete => 'delete');
SELECT bcdelta.track('worth', 'shop', 'customer_attribute_value', '{"customer_id": "bcdelta.ref(''person'', person)", "attribute_id": "bcdelta.ref(''trait'', trait)", "value": "value"}', on_delete => 'delete');
INSERT INTO trait VALUES (1, 'One'), (2, 'Two'), (3, 'Three');
EOC

sub pick { return $_[ rand @_ ]; }

sub swap
{
	my ($table, $condition, @columns) = @_;
	my $set = join(', ', map { "$_ = o.$_" } @columns);
	return "UPDATE $table SET $set FROM $table AS o WHERE $condition";
}

# Statements that are refused by a constraint change nothing.
sub change
{
	my ($a, $b, $p, $q, $t) = ((map { 1 + int(rand(24)) } 1 .. 2), (map { 1 + int(rand(8)) } 1 .. 2), 1 + int(rand(3)));
	my ($street, $phone) = ('St ' . int(rand(6)), pick('', '', '1'));
	my $two = "(place.id = $a AND o.id = $b OR place.id = $b AND o.id = $a)";
	my $sql = pick(
		("INSERT INTO person VALUES ($p, 'n' || nextval('mail') || '\@e.org') ON CONFLICT DO NOTHING") x 2,
		"UPDATE person SET phone = '" . int(rand(3)) . "' WHERE id = $p",
		rand() < 0.3 ? "DELETE FROM person WHERE id = $p" : "UPDATE person SET mail = 'n' || nextval('mail') || '\@e.org' WHERE id = $p",
		swap('person', "(person.id = $p AND o.id = $q OR person.id = $q AND o.id = $p)", 'mail'),
		("INSERT INTO place VALUES ($a, $p, '$street', '$phone')") x 4,
		("UPDATE place SET street = '$street', phone = '$phone' WHERE id = $a") x 2,
		swap('place', $two, 'street', 'phone'),
		swap('place', $two, 'person', 'street', 'phone'),
		"UPDATE place SET person = $p WHERE id = $a",
		"DELETE FROM place WHERE id = $a",
		"UPDATE place SET id = $b WHERE id = $a",
		("INSERT INTO worth VALUES ($p, $t, 'v" . int(rand(4)) . "')") x 3,
		"UPDATE worth SET value = 'v" . int(rand(4)) . "' WHERE person = $p AND trait = $t",
		"UPDATE worth SET person = $q WHERE person = $p AND trait = $t",
		"DELETE FROM worth WHERE person = $p AND trait = $t");
	$shop->try($sql);
	return;
}

my @faults = (
	{ status => 503 },
	{ status => 500 },
	{ lose => 'before' },
	{ lose => 'after' },
	{ malformed => JSON::PP::true },
	{ status => 422, body => { status => 422, title => 'not now', errors => {} } });

sub in_store
{
	my %mail = map { $_->{id} => $_->{email} } @{ $store->state('customers') };
	my %name = map { $_->{id} => $_->{name} } @{ $store->state('attributes') };
	return [ sort(
		(map { "$_->{email} $_->{phone}" } @{ $store->state('customers') }),
		(map { "$mail{ $_->{customer_id} }: $_->{address1} $_->{phone}" } @{ $store->state('addresses') }),
		(map { "$mail{ $_->{customer_id} }: $name{ $_->{attribute_id} } = $_->{attribute_value}" } @{ $store->state('attribute_values') })) ];
}

sub in_source
{
	return [ sort @{ $shop->list(q(SELECT mail || ' ' || phone FROM person UNION ALL SELECT format('%s: %s %s', mail, street, p.phone) FROM place AS p JOIN person AS c ON c.id = person
		UNION ALL SELECT format('%s: %s = %s', mail, name, value) FROM worth JOIN person AS c ON c.id = person JOIN trait AS t ON t.id = trait)) } ];
}

$shop->sql(q(INSERT INTO person SELECT g, 'n' || nextval('mail') || '@e.org' FROM generate_series(1, 8) AS g));
change() foreach 1 .. 60;
note(scalar(@{ in_source() }) . ' records to begin with');
foreach my $round (1 .. $ROUNDS)
{
	$store->settings({ customer_mode => pick('atomic', 'prefix'), address_gone => pick('refuse', 'absent'), address_reply => pick('list', 'bare') });
	$store->fault({ match => { method => $_->[0] }, probability => $_->[1], seed => int(rand(1 << 30)), do => pick(@faults) })
	  foreach [ 'POST', 0.2 ], [ 'PUT', 0.2 ], [ 'DELETE', 0.2 ], [ 'POST', 0.1 ], [ 'GET', 0.05 ];
	change() foreach 1 .. 12;
	my $run = $shop->start;
	change() foreach 1 .. 4;
	kill_worker($shop->node, 'shop', 'KILL') if rand() < 0.3;
	$run->finish;
	$store->unfault;
	next if $round % 3 != 0;
	foreach (1 .. 5)
	{
		$shop->sql(q(SELECT bcdelta.resume(feed) FROM bcdelta.feed; SELECT bcdelta.retry(feed) FROM bcdelta.feed));
		$shop->push;
		last if !%{ $shop->pending };
	}
	is_deeply($shop->pending, {}, "round $round: nothing is left pending") or diag(explain($shop->errors));
	is_deeply(in_store(), in_source(), "round $round: the store has what the source has, each once") or last;
	is($shop->verify->{conflicts}, 0, "round $round: a verify finds no difference") or diag(explain($shop->discrepancies));
}
is($store->counts->{violations}{$_} // 0, 0, "no $_") foreach qw(unfiltered_delete empty_update);
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');

done_testing();
