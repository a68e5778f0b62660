# A store with its own certificate is trusted through ca_file, and in no other
# way.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();

# A certificate for some hosts, signed by our own authority.
sub openssl { return system('openssl', @_) == 0; }

sub certificate
{
	my ($name, $hosts) = @_;
	append_to_file("$dir/$name.ext", "subjectAltName = $hosts\n");
	return openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', "/CN=$name",
		'-keyout', "$dir/$name.key", '-out', "$dir/$name.csr")
	  && openssl('x509', '-req', '-in', "$dir/$name.csr", '-CA', "$dir/ca.crt", '-CAkey', "$dir/ca.key", '-CAcreateserial',
		'-days', '2', '-extfile', "$dir/$name.ext", '-out', "$dir/$name.crt");
}

plan skip_all => 'openssl is not there'
  unless eval {
	local *STDERR;
	open(STDERR, '>', '/dev/null');
	openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=Test authority',
		'-days', '2', '-keyout', "$dir/ca.key", '-out', "$dir/ca.crt")
	  && certificate('right', 'DNS:localhost, IP:127.0.0.1')
	  && certificate('wrong', 'DNS:shop.example');
  };

my $shop = BCDelta::Shop->open('tls', server => { name => 'plain' });
my %stores = map {
	my $name = $_;
	($name => BCDelta::Store->start(args => [ '--tls-cert', "$dir/$name.crt", '--tls-key', "$dir/$name.key" ]))
} qw(right wrong);
$shop->sql('CREATE TABLE brand (id int PRIMARY KEY, name text)');

sub push_to
{
	my ($name, $store, $host, %options) = @_;
	$shop->sql(create_server_sql($store, name => $name, api_url => "https://$host:" . $store->port, max_attempts => 1, %options));
	$shop->sql("SELECT bcdelta.track('brand', '$name', 'brand', feed => '$name')");
	$shop->sql("SELECT bcdelta.mark_all('$name')");
	return $shop->push("feed => '$name'");
}

$shop->sql("INSERT INTO brand SELECT i, 'Brand ' || i FROM generate_series(1, 20) AS i");

subtest 'a certificate that ca_file vouches for is trusted' => sub {
	my $run = push_to('trusted', $stores{right}, '127.0.0.1', ca_file => "$dir/ca.crt");
	is_deeply([ @$run{qw(state created)} ], [ 'succeeded', 20 ], 'with ca_file') or diag($run->{error});
	$run = push_to('by_name', $stores{right}, 'localhost', ca_file => "$dir/ca.crt");
	is($run->{state}, 'succeeded', 'by its name');
};

subtest 'a certificate that is unknown, of another host, or without its file, is not trusted' => sub {
	my $run;
	foreach my $case (
		[ 'untrusted', $stores{right}, '127.0.0.1', qr/certificate/i ],
		[ 'other_host', $stores{wrong}, '127.0.0.1', qr/127\.0\.0\.1|certificate/, ca_file => "$dir/ca.crt" ],
		[ 'other_name', $stores{wrong}, 'localhost', qr/localhost|certificate/, ca_file => "$dir/ca.crt" ],
		[ 'no_file', $stores{right}, '127.0.0.1', qr/ca_file|nothing\.crt/, ca_file => "$dir/nothing.crt" ])
	{
		my ($name, $store, $host, $message, %options) = @$case;
		$run = push_to($name, $store, $host, %options);
		is($run->{state}, 'failed', "$name: the run fails");
		like($run->{error}, $message, 'and says why');
		is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = '$name'"), 0, 'nothing was sent');
		is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE feed = '$name' AND state <> 'failed'"), 20, 'the rows wait');
		note($run->{error});
	}
};

subtest 'TLS to a server that speaks plain HTTP fails; unknown certificates are trusted with ca_file' => sub {
	my $run = push_to('not_tls', $shop->store, '127.0.0.1');
	is($run->{state}, 'failed', 'no TLS there') or diag(explain($run));
	$shop->sql("ALTER SERVER untrusted OPTIONS (ADD ca_file '$dir/ca.crt')");
	$run = $shop->push("feed => 'untrusted'");
	is($run->{state}, 'succeeded', 'with ca_file, the unknown certificate is trusted');
	is($run->{created} + $run->{linked}, 20, 'all rows arrive');
};

done_testing();
