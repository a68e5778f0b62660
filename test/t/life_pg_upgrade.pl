# A cluster is upgraded to the next major version by pg_upgrade.
#
# Needs two installed versions of PostgreSQL, the older one with the headers of
# its server, to build the extension for it.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use File::Basename qw(basename);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($new_major) = `pg_config --version` =~ /(\d+)/;
my ($old_major) = grep { $_ < $new_major && -f "/usr/include/postgresql/$_/server/postgres.h" && -x "/usr/lib/postgresql/$_/bin/initdb" }
  sort { $b <=> $a } map { m{/(\d+)/bin/} ? $1 : () } glob('/usr/lib/postgresql/*/bin/pg_config');
plan skip_all => "only version $new_major is installed; an older one with its server's headers is needed" unless $old_major;
chomp(my $new_bin = `pg_config --bindir`);

# An installation of the older version like the one that these tests use
# (test/setup), with the extension
sub install_old
{
	my $dir = "$ENV{TESTDATADIR}/old";
	my ($lib, $share) = ("usr/lib/postgresql/$old_major", "usr/share/postgresql/$old_major");
	run(<<"EOC");
mkdir -p $dir/$lib/lib $dir/usr/share/postgresql $dir/usr/include $dir/build
cp -R /$lib/bin $dir/$lib/bin
find /$lib/lib -mindepth 1 -maxdepth 1 ! -name bitcode -exec cp -Rs {} $dir/$lib/lib \\;
cp -Rs /$share $dir/$share
ln -s /usr/include/postgresql $dir/usr/include/postgresql
rm -rf $dir/$lib/lib/bcdelta.so $dir/$share/extension/bcdelta[.-]*
printf '#!/bin/sh\\n/$lib/bin/pg_config "\$\@" | sed "s,/$lib,$dir&,g; s,/$share,$dir&,g"\\n' >$dir/pg_config
chmod +x $dir/pg_config
cp -R $ENV{TESTDIR}/src $ENV{TESTDIR}/sql $ENV{TESTDIR}/Makefile $ENV{TESTDIR}/bcdelta.control $dir/build
find $dir/build -name '*.[os]' -delete -o -name '*.bc' -delete
config=$dir/pg_config
[ "\$($dir/$lib/bin/pg_config --pkglibdir)" != $dir/$lib/lib ] || config=$dir/$lib/bin/pg_config
make -s -C $dir/build with_llvm=no PG_CONFIG=\$config all install
EOC
	return "$dir/$lib";
}

sub run
{
	my ($script) = @_;
	system('sh', '-e', '-c', "exec >&2\n$script") == 0 or die "could not install version $old_major";
	return;
}

my $path = install_old();
my @init = $new_major >= 18 ? ('--no-data-checksums') : ();
my $old = bcdelta_node('old', install_path => $path, conf => 'bcdelta.naptime = 1');
my $shop = BCDelta::Shop->on($old, 'shop', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->tables(articles => { on_delete => "'delete'" });
$shop->sql(<<'EOC');
CREATE ROLE keeper;
INSERT INTO makers VALUES ('M1', 'Maker 1');
INSERT INTO articles (sku, title, price, maker) SELECT 'A-' || i, 'Article ' || i, i, 'M1' FROM generate_series(1, 20) AS i;
SELECT bcdelta.schedule('yearly', server => 'shop', every => '360 days');
EOC
is($shop->push->{created}, 21, "pushed with version $old_major");

# At the time of the upgrade: records that were created but not recorded, and
# changes that have not been folded
$store->hold({ match => { method => 'POST' }, process => 'now' });
$shop->sql("INSERT INTO articles (sku, title, price, maker) VALUES ('F-1', 'In flight', 1, 'M1')");
$shop->push('wait => false');
$shop->wait_held(1);
$old->stop;
$store->release;
$old->append_conf('postgresql.conf', "bcdelta.databases = ''");
$old->start;
$shop->sql("UPDATE articles SET price = price + 100 WHERE sku = 'A-1'; DELETE FROM articles WHERE sku = 'A-2'; INSERT INTO articles (sku, title, price) VALUES ('C-1', 'Changed', 1)");
my $contents = "SELECT (SELECT count(*) FROM bcdelta.link), (SELECT count(*) FROM bcdelta.pending), (SELECT count(*) FROM bcdelta.change),
	(SELECT count(*) FROM bcdelta.run), (SELECT count(*) FROM bcdelta.result), (SELECT string_agg(owner::text, ' ') FROM bcdelta.feed)";
my $before = $shop->sql($contents);
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(extra => [ '--encoding=UTF8', '--locale=C', @init ]);
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'bcdelta'\nbcdelta.naptime = 1\nbcdelta.databases = 'shop'\nbcdelta.confirm_after = 0\n");

subtest "pg_upgrade from $old_major to $new_major, with the library preloaded on both sides" => sub {
	my $dir = $new->basedir . '/upgrade';
	mkdir($dir);
	chdir($dir) or die "chdir: $!";
	command_ok(
		[
			'pg_upgrade', '-d', $old->data_dir, '-D', $new->data_dir, '-b', "$path/bin", '-B', $new_bin, '-s', $new->host, '-p', $old->port,
			'-P', $new->port
		],
		'pg_upgrade') or diag(map { slurp_file($_) } glob($new->data_dir . '/pg_upgrade_output.d/*/*.txt ' . $new->data_dir . '/pg_upgrade_output.d/*/log/*'));
	$new->append_conf('postgresql.conf', "bcdelta.databases = ''");
	$new->start;
	$shop->{node} = $new;
	is($shop->sql($contents), $before, 'nothing of ours is missing');
	$new->append_conf('postgresql.conf', "bcdelta.databases = 'shop'");
	$new->reload;
	wait_for_worker($new, 'shop');
};

subtest 'the new cluster pushes nothing until it is resumed, and then goes on' => sub {
	$shop->wait_for("SELECT count(*) = 3 FROM bcdelta.feed WHERE state = 'paused' AND paused_reason ~ 'copy.*bcdelta.resume'");
	$store->clear;
	is($shop->push->{state}, 'failed', 'a push');
	is(scalar($store->journal), 0, 'the store hears nothing');
	$shop->sql('SELECT bcdelta.resume()');
	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'resumed, it pushes');
	is_deeply([ sort map { $_->{sku} } @{ $store->state('products') } ], [ sort @{ $shop->list('SELECT sku FROM articles') } ], 'each article is there once');
	is($shop->records('products', 'sku')->{'A-1'}{price}, 101, 'with what was changed before');
	is($shop->verify->{conflicts}, 0, 'a verify finds no difference');
	$shop->sql("UPDATE articles SET price = 7 WHERE sku = 'A-3'");
	is($shop->push->{updated}, 1, 'changes are captured');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
