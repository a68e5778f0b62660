# What a browser says of reports: on wide and narrow screens, light, dark, and
# printed.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'not installed: chromium' unless grep { -x "$_/chromium" } split /:/, $ENV{PATH};
my $axe = ($ENV{BCDELTA_WORK} // '') . '/axe/package/axe.min.js';
my $has_axe = -e $axe;

my $shop = BCDelta::Shop->open('report_looks', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);
my $dir = $node->basedir;
my @pages;

sub write_page
{
	my ($name, $args) = @_;
	open my $handle, '>', "$dir/$name.html" or die "$name: $!";
	print {$handle} $shop->sql("SELECT bcdelta.report($args)");
	close $handle;
	push @pages, $name;
	return;
}

# Pages with every section, and with names of all kinds
write_page('empty', "'shop'");
$shop->tables;
$shop->sql(<<'EOC');
CREATE TABLE names (id text PRIMARY KEY, name text);
SELECT bcdelta.track('names', 'shop', 'brand', feed => U&'\05DC\05E7\05D5\05D7\05D5\05EA <b>"x"</b>', fields => '{"name": "name"}');
SELECT bcdelta.set_conflict('articles', 'price', 'review');
INSERT INTO makers VALUES ('ACME', 'Acme');
INSERT INTO names VALUES (U&'\0639\0644\064A', 'Ali'), ('<script>alert(1)</script><img src="//x.invalid/y.png">', 'b'), (repeat('w', 900), 'c'), (U&'\202Etxt.exe', 'd');
INSERT INTO articles (sku, title, price, maker) SELECT 'A-' || i, 'Article ' || i, i, 'ACME' FROM generate_series(1, 30) AS i;
INSERT INTO articles (sku, title, price) SELECT 'B-' || i, 'Bad ' || i, -1 FROM generate_series(1, 5) AS i;
INSERT INTO articles (sku, title, price) VALUES ('long', repeat('x', 300), 1);
EOC
my $push = $shop->push->{run_id};
$store->fault({ match => { method => 'PUT', path => 'brands' }, do => { status => 422, body => { status => 422, title => '<script>alert(2)</script> ' . ('long' x 200) } } });
$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'A-%'; UPDATE names SET name = name || '!'");
$store->edit('product', $shop->id('articles', 'A-3'), { price => 4711 });
$shop->push;
$store->unfault;
$store->edit('product', $shop->id('articles', 'A-4'), { name => 'Edited' });
my $verify = $shop->verify->{run_id};
$shop->sql("SELECT bcdelta.adjust('articles', 'A-4', 'name', U&'agreed with \05E8\05D5\05E0\05D9'); SELECT bcdelta.note('a note')");
my $back = $shop->sql("SELECT run_id FROM bcdelta.rollback($push, after => 'none')");
# weeks of samples
$shop->sql(<<'EOC');
INSERT INTO bcdelta.sample (at, server, run_id, seconds, pending, failed, review, done, calls, quota, others)
SELECT now() - i * interval '20 minutes', 'shop', NULL, 200, i % 7, 3, 1, 1000 + i % 100, 2000, 900, 0.2 FROM generate_series(1, 500) AS i
EOC
# and a plan
$shop->sql(<<'EOC');
INSERT INTO bcdelta.cutover (server, go_live, hours, time_zone, freeze_for, watch_for, stop, owner, home, override_note, held_reason)
VALUES ('shop', '2099-01-16 05:10+01', '01:00-05:30', 'Europe/Berlin', '1 hour', '30 days', '{}', current_user::regrole, bcdelta.home(), repeat('no way ', 60), U&'\05E8\05D5\05E0\05D9 <b>');
INSERT INTO bcdelta.cutover_step (plan_id, step, name, kind, apart, due_at, state, measured, done_at)
SELECT 1, i, (ARRAY['sweep <i>' || i, repeat('w', 300)])[1 + i % 2], 'push', i * interval '1 hour', '2099-01-16 05:10+01'::timestamptz + i * interval '1 hour',
	(ARRAY['done', 'failed', 'missed', 'skipped', 'running', 'waiting', 'planned'])[least(i, 7)], repeat('measured ', 40), CASE WHEN i < 5 THEN now() END FROM generate_series(1, 20) AS i;
INSERT INTO bcdelta.journal (server, what, by_role, reason) VALUES ('shop', 'move_cutover', repeat('m', 63), repeat('reason', 100)), ('shop', 'go', 'maria', NULL);
EOC
write_page('shop', "'shop', now() - interval '30 days'");
write_page('push', $push);
write_page('verify', $verify);
write_page('rollback', $back);
my $held = $shop->sql('SELECT max(run_id) FROM bcdelta.run');
$store->hold({ match => { method => 'POST' } });
$shop->sql("INSERT INTO makers VALUES ('NEW', 'New')");
my $running = $shop->start;
$shop->wait_held(1);
write_page('running', $shop->sql('SELECT max(run_id) FROM bcdelta.run'));
$store->release;
$running->finish;

my ($out, $err) = run_command([ 'python3', "$ENV{TESTDIR}/test/browser.py", $has_axe ? $axe : '-', map { "$dir/$_.html" } @pages ]);
my $said = eval { JSON::PP->new->decode($out) } or die "no answer of the browser: $out $err";

sub each_way
{
	my ($check) = @_;
	foreach my $page (@pages)
	{
		my $ways = $said->{"$page.html"};
		$check->($ways->{$_}, "$page, $_") foreach sort keys %$ways;
	}
	return;
}

subtest 'no browser complains of a page, and a page asks for nothing' => sub {
	each_way(sub {
		my ($way, $what) = @_;
		is_deeply($way->{console}, [], "$what: the console is empty");
		is_deeply($way->{requests}, [], 'and nothing was asked for');
	});
};

subtest 'a page fits on a narrow screen and on paper' => sub {
	each_way(sub {
		my ($way, $what) = @_;
		cmp_ok($way->{overflow}, '<=', 0, "$what: not too wide");
		cmp_ok($way->{pages}, '<', 12, 'printed on some sheets') if $what =~ /print/;
	});
};

subtest 'axe-core finds nothing wrong: contrast, landmarks, names, tables' => sub {
	plan skip_all => 'axe-core is not here: it takes npm, and its registry' unless $has_axe;
	each_way(sub {
		my ($way, $what) = @_;
		is_deeply($way->{violations}, [], $what) and cmp_ok($way->{rules}, '>', 15, 'and it has looked');
	});
};

done_testing();
