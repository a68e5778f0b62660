# Who may do what: rights on stores and feeds, the rights of a mapping, where
# tokens are kept, and what others can do with all this.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $token = 'very-secret-token';
my $shop = BCDelta::Shop->open('secure', store => { token => $token, args => [ '--quota', 100000 ] }, server => { max_attempts => 2 });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;

# SQL as a role, by way of SET ROLE
sub as { return $shop->try("SET ROLE $_[0]; $_[1]"); }

sub refused
{
	my ($role, $sql, $message, $what) = @_;
	my ($rc, undef, $err) = as($role, $sql);
	isnt($rc, 0, "$role: $what");
	like($err, $message, 'is refused');
	return;
}

subtest 'wrong options of servers and user mappings are refused' => sub {
	foreach my $bad (
		[ "api_url 'http://example.com'", 'plain http elsewhere', qr/api_url.*https/s ],
		[ "api_url 'http://127.0.0.1.example.com'", 'what only looks like a loopback address', qr/api_url.*https/s ],
		[ "api_url 'http://127.0.0.1\@example.com'", 'a user in the URL', qr/api_url/ ],
		[ "api_url 'ftp://127.0.0.1'", 'another protocol', qr/api_url/ ],
		[ "store_hash 'a/b'", 'a store_hash with a slash', qr/store_hash/ ],
		[ "verify 'off'", 'an unknown option', qr/invalid option "verify"/ ])
	{
		my $hash = $bad->[0] =~ /store_hash/ ? '' : "store_hash 'x', ";
		my ($rc, undef, $err) = $shop->try("CREATE SERVER bad FOREIGN DATA WRAPPER bcdelta OPTIONS ($hash$bad->[0])");
		isnt($rc, 0, $bad->[1]);
		like($err, $bad->[2], 'is refused by name');
	}
	my ($rc, undef, $err) = $shop->try("CREATE SERVER loop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'x', api_url 'http://[::1]:1'); DROP SERVER loop");
	is($rc, 0, 'plain http to a loopback address is accepted');
	($rc, undef, $err) = $shop->try("ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token 'secret with spaces')");
	like($err, qr/access_token/, 'a malformed token is refused');
	unlike($err =~ s/^.*STATEMENT.*//msr, qr/secret with/, 'without being repeated');
};

subtest 'without USAGE on the server nothing can be done, and with it nothing to another\'s feed' => sub {
	$shop->sql(<<"EOC");
CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE carol; CREATE ROLE reader;
DO 'BEGIN
	GRANT pg_read_all_data TO reader;
EXCEPTION WHEN undefined_object THEN	-- 13
	GRANT USAGE ON SCHEMA bcdelta TO reader;
	GRANT SELECT ON ALL TABLES IN SCHEMA bcdelta TO reader;
END';
GRANT CREATE ON SCHEMA public TO alice, bob, carol;
GRANT USAGE ON FOREIGN SERVER shop TO alice, carol;
CREATE USER MAPPING FOR alice SERVER shop OPTIONS (access_token '$token');
SET ROLE alice;
CREATE TABLE hers (id int PRIMARY KEY, name text);
GRANT SELECT, TRIGGER ON hers TO bob, carol;
SELECT bcdelta.track('hers', 'shop', 'brand');
INSERT INTO hers VALUES (1, 'Hers 1');
EOC
	is((as('alice', "SELECT state FROM bcdelta.push('hers')"))[1], 'succeeded', 'who may use the store may push');
	refused('bob', "SELECT bcdelta.track('hers', 'shop', 'brand', feed => 'his')", qr/permission denied for foreign server shop/, 'track');
	refused('bob', "SELECT bcdelta.$_", qr/permission denied|may not use/, $_) foreach "push('hers')", "push(server => 'shop')", "link('hers')",
	  "verify('hers')", "retry('hers')", "preview('hers')", "pause('hers')", "resume('hers')", "untrack('hers')", "mark('hers', '1')", "mark_all('hers')",
	  "link('hers', '1', 1)", "schedule('s', 'hers', every => '1 hour')", "ref('hers', '1')", "cancel(1)";
	refused('bob', 'SELECT bcdelta.push()', qr/no store that role "bob" may use/, 'push of the only store');
	refused('bob', "CALL bcdelta.sweep('shop')", qr/permission denied/, 'sweep');
	refused('carol', "SELECT bcdelta.$_", qr/permission denied/, "another's feed: $_") foreach "pause('hers')", "untrack('hers')", "resume('hers')";
	as('carol', "SELECT bcdelta.track('hers', 'shop', 'brand', feed => 'carols', capture => 'none')");
	like((as('carol', "SELECT error FROM bcdelta.push('carols')"))[1], qr/no access token for role "carol"/, 'a feed without a token');
	$shop->sql("SELECT bcdelta.untrack('carols')");
};

subtest 'nobody sees tokens; pg_read_all_data sees the tables' => sub {
	refused('bob', "SELECT * FROM bcdelta.$_", qr/permission denied/, "reading $_") foreach qw(feed pending link run result change discrepancy schedule status);
	is((as('reader', 'SELECT count(*) FROM bcdelta.link'))[1], 1, 'pg_read_all_data reads the tables');
	isnt((as('reader', 'SELECT feed, ready, linked FROM bcdelta.status'))[1], '', 'and the views');
	foreach my $role (qw(bob carol reader))
	{
		my (undef, $out) = as($role, 'SELECT * FROM pg_user_mappings');
		unlike($out, qr/secret/, "$role does not see the token");
	}
};

subtest 'a mapping has its owner\'s rights, no more, and changes nothing' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE private (secret text);
INSERT INTO private VALUES ('private');
CREATE TABLE public.seen (who text);
GRANT INSERT, SELECT ON seen TO PUBLIC;
SET ROLE alice;
CREATE FUNCTION public.whoami(text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN IF current_user <> 'alice' THEN RAISE EXCEPTION 'run by %', current_user; END IF; RETURN $1; END $$;
CREATE FUNCTION public.escape(text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN EXECUTE CASE $1 WHEN '1' THEN 'SET ROLE postgres' WHEN '2' THEN 'RESET ROLE' WHEN '3' THEN 'SET search_path = public'
		WHEN '4' THEN 'INSERT INTO public.seen VALUES (current_user)' WHEN '5' THEN 'SET SESSION AUTHORIZATION postgres'
		WHEN '6' THEN 'CREATE TEMP TABLE t ()' WHEN '7' THEN 'SET transaction_read_only = off' ELSE 'SELECT 1' END;
	RETURN current_user || $1; END $$;
CREATE DOMAIN checked AS text CHECK (public.whoami(VALUE) = VALUE);
CREATE TABLE domains (id checked PRIMARY KEY, name text);
SELECT bcdelta.track('domains', 'shop', 'brand', on_delete => 'delete', fields => '{"name": "public.whoami(name)"}');
INSERT INTO domains VALUES ('d1', 'Domain 1'), ('d2', 'Domain 2');
CREATE TABLE escapes (id text PRIMARY KEY);
SELECT bcdelta.track('escapes', 'shop', 'brand', fields => '{"name": "public.escape(id)"}');
INSERT INTO escapes SELECT i::text FROM generate_series(1, 8) AS i;
-- what would be found with a search_path that others can write to
CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS $$ INSERT INTO public.seen VALUES (current_user) RETURNING 'x' $$;
CREATE FUNCTION public.texteq2(text, text) RETURNS boolean LANGUAGE sql AS $$ INSERT INTO public.seen VALUES (current_user) RETURNING false $$;
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.texteq2);
CREATE FUNCTION public.count(text) RETURNS bigint LANGUAGE sql AS $$ INSERT INTO public.seen VALUES (current_user) RETURNING 0::bigint $$;
RESET ROLE;
ALTER DATABASE shop SET search_path = public, pg_catalog;
EOC
	my $pid = worker_pid($node, 'shop');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	wait_for_worker($node, 'shop', $pid);
	$node->safe_psql('postgres', 'ALTER DATABASE shop RESET search_path');
	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'push with odd objects about');
	is($shop->sql("SELECT string_agg(key, ' ' ORDER BY key) FROM bcdelta.link WHERE feed = 'domains'"), 'd1 d2', 'keys are checked by their owner')
	  or diag(explain($shop->errors));
	is($shop->sql("SELECT string_agg(key, ' ' ORDER BY key) FROM bcdelta.link WHERE feed = 'escapes'"), '3 8', 'no way out of the mapping');
	is($shop->records('brands', 'name')->{alice8} ? 1 : 0, 1, 'which runs as its owner');
	is((as('alice', "SET search_path = public, pg_catalog; SELECT state FROM bcdelta.$_"))[1], 'succeeded', "a session with an odd search_path: $_")
	  foreach "push('domains')", "link('domains')", "verify('domains')";
	is((as('alice', "SET search_path = public, pg_catalog; SELECT bcdelta.$_"))[0], 0, "$_") foreach "mark_all('domains')",
	  "mark('domains', 'd2')", "preview('domains')", "retry('domains')", "pause('domains')", "resume('domains')",
	  "schedule('s', 'domains', every => '1 hour')", "unschedule('s')";
	$shop->sql("DELETE FROM domains WHERE id = 'd1'");
	is($shop->push->{deleted}, 1, 'keys that are gone are too');
	is($shop->verify->{state}, 'succeeded', 'verify');
	is(($shop->try("SELECT bcdelta.mark('domains', 'd2'); SELECT bcdelta.link('domains', 'd2', 999); SELECT bcdelta.preview('domains')"))[0],
		0, 'a superuser does not lend his rights');
	is($shop->sql('SELECT count(*) FROM seen'), 0, 'nobody else\'s function was called');
	refused('alice', q(SELECT bcdelta.track('hers', 'shop', 'brand', feed => 'spy', fields => '{"name": "(SELECT secret FROM public.private)"}')),
		qr/field "name": permission denied for table private/, 'a mapping that reads what its owner may not');
};

sub paused
{
	my ($feed, $reason, $what) = @_;
	my $run = $shop->push;
	is($run->{state}, 'failed', $what);
	like($run->{error}, qr/feed "$feed"/, 'the run says so');
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = '$feed' AND state = 'paused'"), $reason, 'with the reason');
	unlike(join("\n", %{ $shop->pending }), qr/^$feed .*\nfailed/m, 'no row is at fault');
	return $run;
}

subtest 'a revoked right pauses the feed with the reason, and others go on' => sub {
	$shop->sql(<<"EOC");
SET ROLE alice;
CREATE TABLE granted (id int PRIMARY KEY, name text);
GRANT SELECT, TRIGGER, INSERT ON granted TO carol;
RESET ROLE;
CREATE USER MAPPING FOR carol SERVER shop OPTIONS (access_token '$token');
SET ROLE carol;
SELECT bcdelta.track('granted', 'shop', 'brand');
INSERT INTO granted VALUES (1, 'Granted 1');
RESET ROLE;
REVOKE SELECT ON granted FROM carol;
INSERT INTO makers VALUES ('M1', 'Maker 1');
EOC
	is(paused('granted', qr/permission denied for table granted/, 'no right on the source')->{created}, 1, 'others continue');
	$shop->sql("GRANT SELECT ON granted TO carol; SELECT bcdelta.resume('granted'); REVOKE USAGE ON FOREIGN SERVER shop FROM carol");
	paused('granted', qr/permission denied for foreign server shop.*GRANT USAGE/s, 'no right on the store');
	$shop->sql("GRANT USAGE ON FOREIGN SERVER shop TO carol; SELECT bcdelta.resume('granted'); DROP USER MAPPING FOR carol SERVER shop");
	paused('granted', qr/no access token for role "carol".*CREATE USER MAPPING/s, 'no token');
};

subtest 'a token can be in a file, which only a few roles may name' => sub {
	my $file = $node->basedir . '/token';
	refused('carol', "CREATE USER MAPPING FOR carol SERVER shop OPTIONS (access_token_file '$file')", qr/permission denied to set option "access_token_file"/, 'access_token_file');
	$shop->sql("CREATE USER MAPPING FOR carol SERVER shop OPTIONS (access_token_file '$file'); SELECT bcdelta.resume('granted')");
	paused('granted', qr/access_token_file.*No such file/s, 'a token file that is not there');
	append_to_file($file, "not a token, but private\n");
	$shop->sql("SELECT bcdelta.resume('granted')");
	paused('granted', qr/does not hold a token/, 'a file without a token');
	unlink $file;
	append_to_file($file, "$token\n");
	$shop->sql("SELECT bcdelta.resume('granted')");
	is($shop->push->{created}, 1, 'a token from a file');
	is_deeply($shop->pending->{'granted 1'}, undef, 'and what waited is pushed');
};

subtest 'a feed whose owner was dropped is paused, and no other role gets it' => sub {
	$shop->sql("INSERT INTO granted VALUES (2, 'Granted 2'); DROP OWNED BY carol CASCADE; DROP USER MAPPING IF EXISTS FOR carol SERVER shop; DROP ROLE carol");
	# noticed by the push, or by the worker now and then
	$shop->push;
	ok($node->poll_query_until('shop', q(SELECT owner = 0 FROM bcdelta.feed WHERE feed = 'granted')),
		"an owner who is gone: its number is taken off, before it is another role's");
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'granted' AND state = 'paused'"),
		qr/its owner no longer exists.*SET owner/, 'the feed is paused, with the reason');
	like($shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'granted'"), qr/its owner no longer exists/, 'which status says too');
	is($shop->push->{state}, 'succeeded', 'others continue');
	$shop->sql("SELECT bcdelta.untrack('granted')");
};

my @log = grep { /very-secret/ && !/USER MAPPING/ } split /\n/, slurp_file($node->logfile);
is_deeply(\@log, [], 'no secret in the log');
done_testing();
