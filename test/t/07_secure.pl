# Who may do what, what runs with whose rights, what is trusted, and what is
# never told to anybody.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $token = 't0p-s3cr3t-t0ken';
my $shop = BCDelta::Shop->open(
	'secure',
	store => { token => $token, args => [ '--quota', 100000 ] },
	server => { max_attempts => 2, timeout => 10 },
	node => { conf => "log_statement = none\nlog_min_messages = debug2" });
my ($node, $store) = ($shop->node, $shop->store);
my $worker = worker_pid($node, 'shop');
my $dir = PostgreSQL::Test::Utils::tempdir_short();
$shop->tables;

# All pending rows of the feeds that are given, or of all, arrive.
sub push_all
{
	my ($what) = @_;
	my $run = $shop->push("server => 'shop'");
	is($run->{state}, 'succeeded', $what) or diag($run->{error});
	is_deeply($shop->pending, {}, "$what: all rows arrive");
	return;
}

sub as_role
{
	my ($role, $sql) = @_;
	return ($shop->try("SET ROLE $role; $sql"))[2];
}

sub feed_state { return $shop->sql("SELECT state, paused_reason FROM bcdelta.feed WHERE feed = '$_[0]'"); }

# ---- TLS ---------------------------------------------------------------------

my ($key, $certificate) = ("$dir/key.pem", "$dir/certificate.pem");
system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
	'-keyout', $key, '-out', $certificate, '-days', 2, '-subj', '/CN=store', '-addext', 'subjectAltName=IP:127.0.0.1');
my $tls = BCDelta::Store->start(hash => 'secure', token => $token, args => [ '--tls-cert', $certificate, '--tls-key', $key ]);
my %url = map { $_ => "https://$_:" . $tls->port } '127.0.0.1', 'localhost';
$shop->sql(<<"EOC");
CREATE SERVER tls FOREIGN DATA WRAPPER bcdelta
	OPTIONS (store_hash 'secure', api_url '$url{'127.0.0.1'}', max_attempts '1', timeout '10');
CREATE USER MAPPING FOR CURRENT_USER SERVER tls OPTIONS (access_token '$token');
CREATE TABLE safes (code text PRIMARY KEY, name text);
SELECT bcdelta.track('safes', 'tls', 'brand');
INSERT INTO safes VALUES ('1', 'Safe');
EOC
my $run;
foreach my $case (
	[ 'a certificate that nobody vouches for', '', qr/could not make a secure connection: .*self-signed certificate/i ],
	[ 'one of another host', "ADD ca_file '$certificate', SET api_url '$url{localhost}'",
		qr/could not make a secure connection: .*(host name|subject name|localhost)/i ],
	[ 'a ca_file that is missing', "SET ca_file '$dir/none.pem', SET api_url '$url{'127.0.0.1'}'",
		qr/could not read ca_file ".*none\.pem": No such file/ ])
{
	my ($what, $options, $error) = @$case;
	$shop->sql("ALTER SERVER tls OPTIONS ($options)") if $options;
	$shop->push("server => 'tls'");
	like($shop->errors->{'safes 1'}, $error, "$what is refused");
	is($shop->sql("SELECT bcdelta.retry('safes')"), 1, 'and the row waits for better times');
}
$shop->sql("ALTER SERVER tls OPTIONS (SET ca_file '$certificate')");
$run = $shop->push("server => 'tls'");
is("$run->{state} $run->{created}", 'succeeded 1', 'an authority that ca_file names is trusted') or diag($run->{error});
is($shop->verify("server => 'tls'")->{unchanged}, 1, 'and the record is there');
like(as_role('postgres', "ALTER SERVER tls OPTIONS (SET api_url 'http://192.0.2.1')"),
	qr/invalid value for option "api_url".*plain http is accepted for a loopback address only/s, 'plain http to elsewhere');

# ---- redirects ----------------------------------------------------------------

my $elsewhere = BCDelta::Store->start(token => $token);
$shop->sql("INSERT INTO makers VALUES ('a', 'Acme')");
$store->fault({ do => { redirect => $elsewhere->url . '/stores/teststore/v3/catalog/brands' } });
$run = $shop->push("server => 'shop'");
is($run->{state}, 'failed', 'a redirect fails the run');
like($run->{error}, qr/302.*redirects are not followed.*api_url/s, 'with a hint');
is_deeply([ $elsewhere->journal ], [], 'nothing went there');
$store->unfault;
$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'");
push_all('without the redirect');

# ---- rights -------------------------------------------------------------------

$shop->sql(<<'EOC');
CREATE ROLE alice;
CREATE ROLE bob;
CREATE SCHEMA hers AUTHORIZATION alice;
SET ROLE alice;
CREATE TABLE hers.brands (code text PRIMARY KEY, name text);
EOC
my $track = "SELECT bcdelta.track('hers.brands', 'shop', 'brand', '{\"name\": \"name\"}', feed => 'alice')";
like(as_role('alice', $_), qr/permission denied for foreign server shop|no store that role "alice" may use/, $_)
  foreach $track, "SELECT bcdelta.push('makers')", "SELECT bcdelta.push(server => 'shop')", 'SELECT bcdelta.push()',
  "SELECT bcdelta.verify('makers')", "SELECT bcdelta.link('makers')", "SELECT bcdelta.retry('makers')",
  "CALL bcdelta.sweep('shop')", "SELECT bcdelta.cancel($run->{run_id})",
  "SELECT bcdelta.schedule('hers', server => 'shop', every => '1 day')";
$shop->sql('GRANT USAGE ON FOREIGN SERVER shop TO alice');
is(as_role('alice', $track), '', 'with USAGE she tracks her table');
is(as_role('alice', "INSERT INTO hers.brands VALUES ('h', 'Hers')"), '', 'and changes it');
$run = $shop->push("feed => 'alice'");
like($run->{error}, qr/no access token for role "alice" on server "shop"/, 'her feed needs a token of hers');
is(as_role('alice', "CREATE USER MAPPING FOR alice SERVER shop OPTIONS (access_token '$token'); SELECT bcdelta.resume('alice')"),
	'', 'which she brings');
is(as_role('alice', "SELECT bcdelta.push('alice')"), '', 'then she pushes it');
ok($shop->records('brands', 'name')->{Hers}, 'and it arrives');
like(as_role('alice', 'SELECT * FROM bcdelta.result'), qr/permission denied for table result/, 'other rows are none of her business');

# Tokens in files
PostgreSQL::Test::Utils::append_to_file("$dir/token", "$token\n");
my $in_file = "ALTER USER MAPPING FOR alice SERVER shop OPTIONS (DROP access_token, ADD access_token_file '$dir/token')";
like(as_role('alice', $in_file), qr/permission denied to set option "access_token_file".*pg_read_server_files/s, 'a file of the server is not hers to name');
$shop->sql('GRANT pg_read_server_files TO alice');
is(as_role('alice', $in_file), '', 'until she may read such files');
as_role('alice', "UPDATE hers.brands SET name = 'Hers too'");
push_all('a token from a file');
$store->settings({ token => 'another-s3cr3t' });
PostgreSQL::Test::Utils::append_to_file("$dir/new", "another-s3cr3t\n");
rename("$dir/new", "$dir/token");
as_role('alice', "UPDATE hers.brands SET name = 'Hers three'");
is($shop->push("'alice'")->{updated}, 1, 'a token that was replaced there');
$store->settings({ token => $token });
unlink("$dir/token");
as_role('alice', "UPDATE hers.brands SET name = 'Hers four'");
like($shop->push("'alice'")->{error}, qr/could not open the file named by option "access_token_file": No such file/, 'no file');
PostgreSQL::Test::Utils::append_to_file("$dir/token", $token);
$shop->sql("SELECT bcdelta.resume('alice')");
push_all('and there it is again');

# Rights that are lost, a role that is dropped: the others go on.
$shop->sql(<<'EOC');
UPDATE makers SET name = 'Acme 2';
UPDATE hers.brands SET name = 'Hers five';
REVOKE ALL ON hers.brands FROM alice;
EOC
$run = $shop->push("server => 'shop'");
is("$run->{state} $run->{updated}", 'failed 1', 'a feed whose owner may not read the source is left out');
like($run->{error}, qr/feed "alice".*permission denied for table brands/, 'which is said');
like(feed_state('alice'), qr/^paused\|.*permission denied for table brands.*role "alice"/, 'the feed is paused with the reason');
is_deeply($shop->pending, { 'alice h' => 'ready' }, 'its rows wait');
$shop->sql("GRANT ALL ON hers.brands TO alice; SELECT bcdelta.resume('alice')");
push_all('when she may read it again');
$shop->sql(<<'EOC');
UPDATE makers SET name = 'Acme 3';
UPDATE hers.brands SET name = 'Hers six';
REASSIGN OWNED BY alice TO bob;
DROP OWNED BY alice;
DROP ROLE alice;
EOC
$run = $shop->push("server => 'shop'");
is("$run->{state} $run->{updated}", 'failed 1', 'a feed whose owner is gone is left out');
like(feed_state('alice'), qr/^paused\|.*its owner, role "alice", does not exist.*track it as another role/, 'and paused');
like($shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'alice'"), qr/role "alice", does not exist/, 'the status says so');
$shop->sql("SELECT bcdelta.untrack('alice')");

# ---- other people's code --------------------------------------------------------

# What bob leaves in schema public is not found by the worker; what his feed
# runs, runs as bob and writes nothing, also when it tries to get out.
$shop->sql(<<"EOC");
CREATE TABLE witness (who text, what text);
GRANT ALL ON witness TO PUBLIC;
GRANT ALL ON SCHEMA public TO bob;
GRANT USAGE ON FOREIGN SERVER shop TO bob;
CREATE USER MAPPING FOR bob SERVER shop OPTIONS (access_token '$token');
SET ROLE bob;
CREATE FUNCTION see(what text) RETURNS text LANGUAGE plpgsql AS
	\$\$ BEGIN INSERT INTO public.witness VALUES (current_user, what); RETURN what; END \$\$;
CREATE FUNCTION round(numeric, int) RETURNS numeric LANGUAGE sql AS \$\$ SELECT 0.01 * length(public.see('round')) \$\$;
CREATE FUNCTION same(text, text) RETURNS boolean LANGUAGE sql AS \$\$ SELECT public.see('=') IS NULL \$\$;
CREATE FUNCTION same(name, name) RETURNS boolean LANGUAGE sql AS \$\$ SELECT public.see('=') IS NULL \$\$;
CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = same);
CREATE OPERATOR = (LEFTARG = name, RIGHTARG = name, FUNCTION = same);
CREATE FUNCTION to_jsonb(text) RETURNS jsonb LANGUAGE sql AS \$\$ SELECT pg_catalog.to_jsonb(public.see('to_jsonb')) \$\$;
CREATE FUNCTION clock_timestamp(int DEFAULT 0) RETURNS text LANGUAGE sql AS \$\$ SELECT public.see('clock') \$\$;
CREATE TABLE traps (code text PRIMARY KEY, name text);
CREATE FUNCTION spring(name text) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN EXECUTE name; RETURN current_user; END \$\$;
SELECT bcdelta.track('traps', 'shop', 'brand', '{"name": "public.spring(name)"}', feed => 'bob');
RESET ROLE;
SELECT bcdelta.untrack('articles');
SELECT bcdelta.track('articles', 'shop', 'product', '{"sku": "sku", "name": "title", "type": "''physical''",
	"weight": "weight", "price": "round(price, 2)", "brand_id": "bcdelta.ref(''makers'', maker)"}');
ALTER DATABASE shop SET search_path = public, pg_catalog;
EOC
my @traps = (
	"SELECT public.see('insert')",
	"CREATE TABLE public.left_behind ()",
	"SET ROLE postgres",
	"SET SESSION AUTHORIZATION postgres",
	"RESET ROLE",
	"SET LOCAL transaction_read_only = off",
	"COMMIT",
	"DO 'BEGIN COMMIT; END'",
	"CREATE TEMP TABLE pending ()");
$shop->sql("INSERT INTO traps VALUES ($_, \$\$$traps[$_]\$\$)") foreach 0 .. $#traps;
$shop->sql("INSERT INTO traps VALUES ('x', \$\$SELECT pg_catalog.set_config('search_path', 'public, pg_catalog', false)\$\$)");
$shop->sql("INSERT INTO makers VALUES ('b', 'Best'); INSERT INTO articles (sku, title, price, maker) VALUES ('A-1', 'One', 9.999, 'b')");
kill_worker($node, 'shop', 'TERM');
$worker = worker_pid($node, 'shop');
$store->clear;
$run = $shop->push("server => 'shop'");
my $outcomes = $shop->outcomes;
is($outcomes->{"bob $_"}, 'invalid', $traps[$_]) foreach 0 .. $#traps;
is($outcomes->{'bob x'}, 'created', 'a setting may be changed');
ok($shop->records('brands', 'name')->{bob}, 'by the feed\'s owner');
like($shop->errors->{'bob 0'}, qr/cannot execute INSERT in a read-only transaction/, 'the reason is told');
is(scalar(grep { $_->{method} eq 'POST' } $store->journal), 3, 'nothing was sent for these rows');
$shop->sql("INSERT INTO makers VALUES ('c', 'Come'); UPDATE articles SET price = 8.888");
$shop->push("server => 'shop'");
is($shop->records('products', 'sku')->{'A-1'}{price}, 8.89, 'the other feeds get what they always got');
is($shop->verify("'articles'")->{conflicts}, 0, 'and verify, too');
is($shop->sql('SELECT count(*) FROM witness'), 0, 'nothing of his was run');
$shop->sql("ALTER DATABASE shop RESET search_path; SELECT bcdelta.untrack('bob')");

# ---- replies that are too much; the token -----------------------------------------

my @harm = ({ huge => 300_000_000 }, { deep => 1_000_000 }, { status => 422, huge => 300_000_000 },
	map { { status => $_, body => { status => $_, title => "the token $token is not good", errors => { $token => $token } } } } 422, 500, 401);
foreach my $harm (@harm)
{
	$store->fault({ times => 4, do => $harm });
	$shop->sql("UPDATE makers SET name = name || '+'; UPDATE articles SET title = title || '+'");
	$shop->$_($_ eq 'link' ? "'makers'" : "server => 'shop'") foreach qw(push link verify);
	$store->unfault;
	$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'; SELECT bcdelta.retry()");
	push_all('after ' . join(' ', map { $_ eq 'body' ? () : "$_ $harm->{$_}" } sort keys %$harm));
}
is(worker_pid($node, 'shop'), $worker, 'the worker lives');
$shop->sql("SELECT count(*) FROM bcdelta.status");
foreach my $relation (@{ $shop->list("SELECT oid::regclass FROM pg_class WHERE relnamespace = 'bcdelta'::regnamespace AND relkind IN ('r', 'v')") },
	'pg_stat_activity', 'pg_stat_user_tables')
{
	is($shop->sql("SELECT count(*) FROM $relation AS r WHERE r::text ~ 's[3]cr3t'"), 0, "no token in $relation");
}
unlike(slurp_file($node->logfile), qr/s3cr3t/, 'nor in the server\'s log');
foreach my $file (qw(cmdline environ))
{
	unlike(slurp_file("/proc/$worker/$file"), qr/s3cr3t/, "nor in the worker's $file") if -r "/proc/$worker/$file";
}
is($_->control('counts')->{server}{bugs}, 0, 'the stores met no bug of their own') foreach $store, $elsewhere;
done_testing();
