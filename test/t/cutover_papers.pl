# What people are told of a cutover: messages, the runbook, and what they go by
# afterwards.  Papers of a fixed plan are compared with files in test/papers;
# what the test got is in tmp_check/papers.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('papers', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\n" });
my ($node, $store) = ($shop->node, $shop->store);
my $papers = "$ENV{TESTDIR}/test/papers";

# A shop with a night behind it
$shop->sql('CREATE ROLE maria');
$shop->tables(makers => { on_delete => "'delete'" }, articles => { on_delete => "'hide'" });
$shop->sql(<<'EOC');
CREATE TABLE people (id int PRIMARY KEY, mail text, name text);
SELECT bcdelta.track('people', 'shop', 'customer', '{"email": "mail", "first_name": "name", "last_name": "name"}');
CREATE TABLE stock (item int, place int, qty int, PRIMARY KEY (item, place));
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "item", "location_id": "place", "quantity": "qty"}');
SELECT bcdelta.set_conflict('articles', 'name', 'store');
INSERT INTO makers SELECT 'M-' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO articles (sku, title, price, maker) SELECT 'A-' || i, 'Article ' || i, i, 'M-1' FROM generate_series(1, 6) AS i;
EOC
$shop->push;
$shop->sql(<<'EOC');
SELECT bcdelta.schedule('nightly', server => 'shop', every => '1 day', hours => '01:00-05:30 Europe/Berlin');
SELECT bcdelta.schedule('once', feed => 'articles', at => '2099-01-02 01:00+00', kind => 'verify', mode => 'changed', alert => 'always');
SELECT bcdelta.set_authority('shop', 'live', 'category', 'feed', note => 'the buyers go on in the old shop');
INSERT INTO bcdelta.cutover (server, go_live, hours, time_zone, freeze_for, watch_for, stop, owner, home, made_at)
VALUES ('shop', '2027-01-16 05:10+01', '01:00-05:30', 'Europe/Berlin', '1 hour', '30 days',
	'{"errors": 50, "error_rate": 0.02, "strikes": 2, "action": "pause", "late": true}', 'maria'::regrole, 'elsewhere', '2027-01-05 10:00+01');
INSERT INTO bcdelta.cutover_step (plan_id, step, name, kind, detail, apart, due_at, not_after, every, state, measured, note, started_at, done_at, done_by)
VALUES (1, 1, 'baseline', 'verify', 'full', '-11 days', '2027-01-06 01:00+01', NULL, NULL, 'done', '9 rows agree', NULL, '2027-01-06 01:00+01', '2027-01-06 01:02+01', NULL),
	(1, 2, 'sweep 2 days before', 'push', NULL, '-2 days', '2027-01-14 01:00+01', '2027-01-14 05:30+01', NULL, 'missed', NULL, 'the server was down', NULL, '2027-01-14 06:00+01', NULL),
	(1, 3, 'rehearsal', 'rollback', NULL, '-2 days', '2027-01-14 02:00+01', '2027-01-14 05:30+01', NULL, 'done', '10 rows there and back in 6 s', NULL, '2027-01-14 02:00+01', '2027-01-14 02:01+01', NULL),
	(1, 4, 'message: tomorrow', 'message', 'tomorrow', '-1 day', '2027-01-15 05:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 5, 'freeze', 'stage', 'freeze', '-1 hour', '2027-01-16 04:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 6, 'sweeps while held', 'push', NULL, '-30 minutes', '2027-01-16 04:40+01', NULL, '10 minutes', 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 7, 'go or no-go', 'check', NULL, '-10 minutes', '2027-01-16 05:00+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 8, 'go', 'go', NULL, '0', '2027-01-16 05:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 9, 'final sweep', 'push', NULL, '0', '2027-01-16 05:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 10, 'open', 'stage', 'live', '0', '2027-01-16 05:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 11, 'proof', 'verify', 'changed', '1 hour', '2027-01-16 06:10+01', '2027-01-16 12:00+01', NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 12, 'estimate', 'estimate', NULL, '0', '2027-01-16 06:30+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 13, 'end of the watch', 'stage', 'closed', '30 days', '2027-02-15 05:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL);
INSERT INTO bcdelta.journal (at, server, what, by_role, reason, detail)
VALUES ('2027-01-05 10:00+01', 'shop', 'plan_cutover', 'maria', NULL, '{"plan_id": 1}'),
	('2027-01-12 09:00+01', 'shop', 'move_cutover', 'maria', 'the carrier has no time on Friday', '{"from": "2027-01-15 05:10+01"}');
EOC
# what the check finds, and when runs were, differs from one run of this test to the next
$shop->sql(<<'EOC');
CREATE OR REPLACE FUNCTION bcdelta.go_live_check(server name)
RETURNS TABLE (no integer, criterion text, severity text, verdict text, found text, required text, why text, next_step text)
LANGUAGE sql STABLE AS $$ VALUES
	(1, 'nothing is pending', 'must', 'no-go', '1,204 rows', '0', 'they would be missing in the new shop', 'SELECT * FROM bcdelta.push(server => ''shop'');'),
	(2, 'nothing was refused', 'must', 'go', '0', '0', NULL, NULL),
	(3, 'worker', 'must', 'go', 'running', 'running', NULL, NULL),
	(4, 'clock', 'should', 'unknown', NULL, 'within 5 s', 'the store has not been asked yet', NULL),
	(5, 'DNS is lowered', 'must', 'signed', 'yes, by jo', 'a signature', NULL, NULL),
	(6, 'other apps', 'should', 'waived', '61 %', '50 %', 'waived by maria: the feed tool runs on', NULL) $$;
UPDATE bcdelta.run SET started_at = '2027-01-13 01:00+01';
EOC

sub paper { return $shop->sql("SELECT bcdelta.$_[0]"); }

sub message
{
	my ($event, $audience, $language) = @_;
	return $shop->sql("SELECT 'Subject: ' || subject || E'\\n\\n' || body FROM bcdelta.message('shop', '$event', '$audience', '$language')");
}

sub is_paper
{
	my ($text, $name) = @_;
	my $dir = "$ENV{TESTDATADIR}/papers";
	mkdir $dir;
	append_to_file("$dir/$name", "$text\n");
	is("$text\n", slurp_file("$papers/$name"), "$name is as expected");
	return;
}

my @events = qw(planned tomorrow freeze delay go no_go stopped rolled_back live day_after week_after);
my @audiences = qw(internal support customers);

subtest 'there is a message for each event and audience, in each language, and it is filled' => sub {
	foreach my $language (qw(en de))
	{
		my $all = '';
		foreach my $event (@events)
		{
			$all .= "==== $event, $_\n" . message($event, $_, $language) . "\n\n" foreach @audiences;
		}
		unlike($all, qr/[{}]/, "$language: no placeholder is left");
		is_paper($all, "messages.$language.txt");
	}
};

subtest 'the runbook and the SOP are as expected, in the time zone of the plan, whatever that of the session' => sub {
	is_paper(paper("runbook('shop')"), 'runbook.md');
	# every day, so it depends on today when the next one is
	is_paper(paper("sop('shop')") =~ s/\| \w{3} \d+ \w{3} \d{4}, \d\d:\d\d(?= \| difference)/| soon/r, 'sop.md');
	foreach my $paper (qw(runbook sop))
	{
		my $other = $shop->sql("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; SELECT bcdelta.$paper('shop')");
		is($other, paper("$paper('shop')"), "$paper: so it is for a session in Tokyo");
	}
};

is_deeply($store->violations, {}, 'the store has nothing to complain about');
done_testing();
