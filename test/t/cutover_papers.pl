# What people are told of a cutover: messages, the runbook, and what they go by
# afterwards.  Papers of a fixed plan are compared with files in test/papers;
# what the test got is in tmp_check/papers.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use IPC::Run ();
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
VALUES ('shop', '2099-01-16 05:10+01', '01:00-05:30', 'Europe/Berlin', '1 hour', '30 days',
	'{"errors": 50, "error_rate": 0.02, "strikes": 2, "action": "pause", "late": true}', 'maria'::regrole, bcdelta.home(), '2099-01-05 10:00+01');
INSERT INTO bcdelta.cutover_step (plan_id, step, name, kind, detail, apart, due_at, not_after, every, state, measured, note, started_at, done_at, done_by)
VALUES (1, 1, 'baseline', 'verify', 'full', '-11 days', '2099-01-06 01:00+01', NULL, NULL, 'done', '9 rows agree', NULL, '2099-01-06 01:00+01', '2099-01-06 01:02+01', NULL),
	(1, 2, 'sweep 2 days before', 'push', NULL, '-2 days', '2099-01-14 01:00+01', '2099-01-14 05:30+01', NULL, 'missed', NULL, 'the server was down', NULL, '2099-01-14 06:00+01', NULL),
	(1, 3, 'rehearsal', 'rollback', NULL, '-2 days', '2099-01-14 02:00+01', '2099-01-14 05:30+01', NULL, 'done', '10 rows there and back in 6 s', NULL, '2099-01-14 02:00+01', '2099-01-14 02:01+01', NULL),
	(1, 4, 'message: tomorrow', 'message', 'tomorrow', '-1 day', '2099-01-15 05:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 5, 'freeze', 'stage', 'freeze', '-1 hour', '2099-01-16 04:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 6, 'sweeps while held', 'push', NULL, '-30 minutes', '2099-01-16 04:40+01', NULL, '10 minutes', 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 7, 'go or no-go', 'check', NULL, '-10 minutes', '2099-01-16 05:00+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 8, 'go', 'go', NULL, '0', '2099-01-16 05:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 9, 'final sweep', 'push', NULL, '0', '2099-01-16 05:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 10, 'open', 'stage', 'live', '0', '2099-01-16 05:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 11, 'proof', 'verify', 'changed', '1 hour', '2099-01-16 06:10+01', '2099-01-16 12:00+01', NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 12, 'estimate', 'estimate', NULL, '0', '2099-01-16 06:30+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL),
	(1, 13, 'end of the watch', 'stage', 'closed', '30 days', '2099-02-15 05:10+01', NULL, NULL, 'planned', NULL, NULL, NULL, NULL, NULL);
INSERT INTO bcdelta.journal (at, server, what, by_role, reason, detail)
VALUES ('2099-01-05 10:00+01', 'shop', 'plan_cutover', 'maria', NULL, '{"plan_id": 1}'),
	('2099-01-12 09:00+01', 'shop', 'move_cutover', 'maria', 'the carrier has no time on Friday', '{"from": "2099-01-15 05:10+01"}');
EOC

sub paper { return $shop->sql("SELECT bcdelta.$_[0]"); }

sub message
{
	my ($event, $audience, $language) = @_;
	return $shop->sql("SELECT 'Subject: ' || subject || E'\\n\\n' || body FROM bcdelta.message('shop', '$event', '$audience', '$language')");
}

subtest 'whoever may use the store has its papers; they tell of what the reader may see' => sub {
	$shop->sql(<<'EOC');
CREATE ROLE clerk;
CREATE ROLE stranger;
GRANT USAGE ON SCHEMA bcdelta TO clerk, stranger;
GRANT USAGE ON FOREIGN SERVER shop TO clerk;
EOC
	like(paper("runbook('shop')"), qr/^\d+ of \d+ criteria are met, as of now\./m, 'the owner of everything');
	my $runbook = $shop->sql("SET ROLE clerk; SELECT bcdelta.runbook('shop')");
	like($runbook, qr/Whether the criteria are met is not known: permission denied/, 'a role that may not have the check made is told so');
	unlike($runbook, qr/what run \d+ of/, 'and does not see what runs of others have written');
	my $sop = $shop->sql("SET ROLE clerk; SELECT bcdelta.sop('shop')");
	like($sop, qr/No feed of this store is yours/, 'nor feeds of others');
	unlike($sop, qr/`articles`/, 'in no place');
	like($shop->sql("SET ROLE clerk; SELECT body FROM bcdelta.message('shop', 'no_go')"), qr/not known: permission denied/, 'a message says so, too');
	foreach my $call ("runbook('shop')", "sop('shop')", "message('shop', 'live')")
	{
		my (undef, undef, $err) = $shop->try("SET ROLE stranger; SELECT bcdelta.$call");
		like($err, qr/permission denied for foreign server shop/, "$call: not without USAGE");
	}
};

# what the check finds, and when runs were, differs from one run of this test to the next
$shop->sql(<<'EOC');
CREATE OR REPLACE FUNCTION bcdelta.go_live_check(server name)
RETURNS TABLE (no integer, criterion text, severity text, verdict text, found text, required text, why text, next_step text)
LANGUAGE sql STABLE AS $$ VALUES
	(1, 'pending', 'must', 'no-go', '1,204 rows, the oldest since 20:15', 'nothing', 'they would be missing in the new shop', 'SELECT * FROM bcdelta.push(server => ''shop'');'),
	(2, 'nothing was refused', 'must', 'go', '0', '0', NULL, NULL),
	(3, 'worker', 'must', 'go', 'running', 'running', NULL, NULL),
	(4, 'clock', 'should', 'unknown', NULL, 'within 5 s', 'the store has not been asked yet', NULL),
	(5, 'DNS is lowered', 'must', 'signed', 'yes, by jo', 'a signature', NULL, NULL),
	(6, 'other apps', 'should', 'waived', '61 %', '50 %', 'waived by maria: the feed tool runs on', NULL) $$;
UPDATE bcdelta.run SET started_at = '2099-01-13 01:00+01';
EOC

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

# What a reader of Markdown takes for text: without code, and without characters that are escaped
sub text_only
{
	my ($line) = @_;
	$line =~ s/(?<!\\)(?:\\\\)*\K(`+)(?!`).*?(?<!`)\1(?!`)/x/g;
	$line =~ s/\\[[:punct:]]//g;
	return $line;
}

# Rows of a table with another number of cells than its head, and markup that we do not write
sub broken
{
	my ($paper) = @_;
	my ($cells, $fence, @broken);
	foreach my $line (split /\n/, $paper)
	{
		if ($line =~ /^(`{3,})/)
		{
			$fence = $fence ? undef : $1;
			next;
		}
		next if $fence;
		# bars are escaped even in code
		my $n = () = ($line =~ s/\\\\//gr) =~ /(?<!\\)\|/g;
		$cells = $line =~ /^\|/ ? $cells // $n : undef;
		push @broken, "cells: $line" if defined $cells && $n != $cells;
		my $text = text_only($line) =~ s/^> //r =~ s/\*\*//gr;
		push @broken, "markup: $line" if $text =~ /[<>`*~\[\]]|&\w|:\/\// || ($text =~ /^\s*#/ && $text !~ /^#{1,3} (?:Cutover of|Syncing|The plan|Step|Go or|Who|What|If|When|Every|Orders)/);
	}
	return \@broken;
}

my $hostile = 'a|b`c``d\|e <script>alert(1)</script> <img src=x> [x](http://x.invalid) **bold** _it_ ~~s~~ &lt; | # h $1$ {server} {{x}} %s $ @';

subtest 'hostile names and notes stay text: no table breaks, no markup, no placeholder' => sub {
	is_deeply(broken(paper("$_('shop')")), [], "$_ with common names") foreach qw(runbook sop);
	$shop->sql(<<"EOC");
BEGIN;
CREATE TABLE hostile AS SELECT \$q\$$hostile\$q\$ AS name;
UPDATE bcdelta.cutover SET held_reason = E'first\\n\\n# second\\n' || (TABLE hostile);
UPDATE bcdelta.cutover_step SET name = (TABLE hostile), measured = E'\\n| x | y |\\n```\\n' || (TABLE hostile), note = (TABLE hostile) WHERE step IN (2, 6, 8);
UPDATE bcdelta.journal SET reason = E'x\\r\\n> quoted\\n' || (TABLE hostile), by_role = (TABLE hostile) WHERE server = 'shop' AND what = 'move_cutover';
SELECT bcdelta.track('people', 'shop', 'customer_attribute', '{"name": "name", "type": "mail"}', feed => (TABLE hostile));
SELECT bcdelta.pause((TABLE hostile), E'x\\n|\\n' || (TABLE hostile));
SELECT bcdelta.schedule((TABLE hostile), server => 'shop', every => '1 day');
COMMIT;
EOC
	foreach my $paper (qw(runbook sop))
	{
		my $text = paper("$paper('shop')");
		is_deeply(broken($text), [], $paper);
		like($text, qr/script/, "$paper: they are there");
	}
	my $message = message('stopped', 'internal', 'en');
	like($message, qr/^Cause: held: first  # second a\|b.* \{server\} \{\{x\}\} %s \$ @/m, 'in a message, they are one line, and stay as they are');
	$shop->sql("SELECT bcdelta.set_template('stopped', 'internal', 'en', 'why: {cause}', 'x')");
	like(message('stopped', 'internal', 'en'), qr/^Subject: why: held: first.*\n\nx\z/, 'and so in a subject');
	my $page = $shop->sql("SELECT bcdelta.report('shop')");
	like($page, qr/&#60;script/, 'a report has them, escaped');
	unlike($page, qr/<script|<img/, 'and only so');
	$shop->sql(<<'EOC');
SELECT bcdelta.untrack(feed) FROM bcdelta.feed WHERE resource = 'customer_attribute';
SELECT bcdelta.unschedule(name) FROM bcdelta.schedule WHERE name NOT IN ('nightly', 'once');
SELECT bcdelta.set_template('stopped', 'internal', 'en', NULL, NULL);
UPDATE bcdelta.cutover SET held_reason = NULL;
EOC
};

subtest 'texts of one\'s own are kept by a dump; those that come with bcdelta are not in it' => sub {
	$shop->sql("SELECT bcdelta.set_template('live', 'customers', 'fr', 'Ouvert', 'Bonjour {live_at}'), bcdelta.set_template('live', 'internal', 'en', 'It is done', 'Since {live_at}')");
	my $file = $node->basedir . '/dump.sql';
	command_ok([ 'pg_dump', '-f', $file, $node->connstr('shop') ], 'pg_dump');
	unlike(slurp_file($file), qr/Liebe Kundinnen/, 'what comes with bcdelta comes with the library');
	$node->safe_psql('postgres', 'CREATE DATABASE copy');
	command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $file ], 'and restore');
	is($node->safe_psql('copy', "SELECT subject FROM bcdelta.message('shop', 'live', 'customers', 'fr') UNION ALL SELECT subject FROM bcdelta.message('shop', 'live')"), "Ouvert\nIt is done", 'they are there');
	like($node->safe_psql('copy', "SELECT bcdelta.runbook('shop')"), qr/^# Cutover of shop/, 'and a copy has papers');
	$shop->sql("SELECT bcdelta.set_template(event, audience, language, NULL, NULL) FROM bcdelta.template");
};

subtest 'the listener of docs/examples mails the message that a notification names' => sub {
	my $dir = $node->basedir;
	append_to_file("$dir/sendmail", "#!/bin/sh\ncat >>'$dir/mail.new' && mv '$dir/mail.new' '$dir/mail'\n");
	chmod 0755, "$dir/sendmail";
	local $ENV{PATH} = "$dir:$ENV{PATH}";
	my $listener = IPC::Run::start([ 'python3', "$ENV{TESTDIR}/docs/examples/messages.py", $node->connstr('shop'), 'team@example.com' ], '>', "$dir/listener.log", '2>&1', IPC::Run::timeout(180));
	$shop->wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'");
	$shop->sql(q(NOTIFY bcdelta, '{"event": "cutover", "server": "shop"}'; SELECT bcdelta.hold_cutover('shop', 'the carrier is late')));
	my $mail = "$dir/mail";
	for (my $i = 0; $i < 300 && !-e $mail; $i++) { select(undef, undef, undef, 0.1); }
	like(-e $mail ? slurp_file($mail) : slurp_file("$dir/listener.log"), qr/\ATo: team\@example\.com\nSubject: shop: go-live is delayed\n.*\n\nThe new shop opens later than planned\..*^Cause: held: the carrier is late\b/ms, 'and no other');
	$shop->sql('UPDATE bcdelta.cutover SET held_reason = NULL');
	poll_until(
		sub {
			$shop->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'");
			return !eval { $listener->pump_nb; 1 } || !$listener->pumpable;
		}, 'the end of the listener');
	$listener->finish;
	like(slurp_file("$dir/listener.log"), qr/^psql has ended$/m, 'it ends when the server does');
};

subtest 'a report has the plan, what speaks against it, and the decisions on its first screen' => sub {
	my $page = $shop->sql("SELECT bcdelta.report('shop')") =~ s/<style>.*?<\/style>//sr =~ s/<[^>]*>/ /gr =~ s/&#(\d+);/chr($1)/ger =~ s/\s+/ /gr;
	like($page, qr/The cutover Go-live is planned for Fri 16 Jan 2099, 04:10 \(Europe\/Berlin, in the hours 01:00-05:30\)\. Nothing begins for good before somebody says go\./, 'the plan');
	like($page, qr/pending must 1,204 rows, the oldest since 20:15 nothing they would be missing in the new shop SELECT \* FROM bcdelta\.push/, 'what is not met');
	like($page, qr/baseline .* done 9 rows agree .* freeze .* planned/, 'steps');
	like($page, qr/plan_cutover maria/, 'decisions');
	ok(index($page, 'The cutover') < index($page, 'rows in the store'), 'before the figures');
	$shop->sql("UPDATE bcdelta.cutover SET override_note = 'the boss wants it <so>'");
	$page = $shop->sql("SELECT bcdelta.report('shop')");
	like($page, qr/<main><p class="note warning" dir=auto><b>Gone on although the check said no:<\/b> the boss wants it &#60;so&#62;<\/p>/, 'what was overruled is its first line');
	like(paper("runbook('shop')"), qr/\A> \*\*Gone on although the check said no:\*\* the boss wants it \\<so\\>\n/, 'and that of the runbook');
	like(message('go', 'internal', 'de'), qr/trotzdem weiter, weil: the boss wants it <so>$/m, 'a message has it');
};

subtest 'papers follow the plan: live, done, aborted, and without one' => sub {
	$shop->sql(<<'EOC');
SELECT bcdelta.stage('shop', 'live');
UPDATE bcdelta.cutover SET state = 'live', held = false, went_live_at = '2099-01-16 05:22+01';
UPDATE bcdelta.cutover_step SET state = 'done', started_at = due_at, done_at = due_at + interval '1 minute' WHERE step BETWEEN 4 AND 10;
EOC
	my $message = message('live', 'internal', 'en');
	like($message, qr/^The new shop is open since Friday 16 January 2099, 05:22 CET \(Europe\/Berlin\)\.$/m, 'when it has opened');
	like($message, qr/^- both shops, which count what each sells: stock$/m, 'who is in charge');
	like(paper("runbook('shop')"), qr/The new shop is \*\*open\*\* since Fri 16 Jan 2099, 05:22.*\| \*\*live \(now\)\*\* \|.*\| both count \|/s, 'the runbook');
	like(paper("sop('shop')"), qr/^\| \*\*live \(now\)\*\* \| the new shop; the old one only until the cut-off time \|/m, 'the SOP');
	unlike($shop->sql("SELECT bcdelta.report('shop')"), qr/Speaks against going live/, 'nobody asks any more what speaks against it');
	$shop->sql("UPDATE bcdelta.cutover SET state = 'aborted'; SELECT bcdelta.stage('shop', NULL)");
	like(paper("runbook('shop')"), qr/The plan was \*\*aborted\*\*/, 'aborted');
	$shop->sql("UPDATE bcdelta.cutover SET state = 'done'");
	like(paper("runbook('shop')"), qr/The plan is \*\*done\*\*/, 'done');
	$shop->sql('DELETE FROM bcdelta.cutover_step; DELETE FROM bcdelta.cutover');
	like(paper("sop('shop')"), qr/There is no plan of a cutover/, 'the SOP needs no plan');
	my (undef, undef, $err) = $shop->try("SELECT bcdelta.runbook('shop')");
	like($err, qr/server "shop" has no plan of a cutover.*plan_cutover\('shop'/s, 'the runbook does');
};

subtest 'the SOP knows every kind of trouble' => sub {
	my $sop = paper("sop('shop')");
	my $events = $shop->list(q(SELECT m[1] FROM pg_constraint, regexp_matches(pg_get_constraintdef(oid), '''(\w+)''', 'g') AS m WHERE conname = 'event_event_check'));
	cmp_ok(scalar @$events, '>', 9, 'they are found');
	like($sop, qr/^\| `$_` \| /m, $_) foreach @$events;
};

subtest 'a plan of plan_cutover() has words for each of its steps, messages and limits' => sub {
	# a plan cannot be moved while one of its steps runs
	$shop->sql("BEGIN; SELECT bcdelta.plan_cutover('shop', now() + interval '9 days', time_zone => 'Europe/Berlin');
		UPDATE bcdelta.cutover_step SET due_at = now() + interval '1 day' WHERE name ~ '^baseline'; COMMIT");
	my $runbook = paper("runbook('shop')");
	is_deeply(broken($runbook), [], 'the runbook');
	unlike($runbook, qr/^### .*\n\n\n/m, 'says what happens at each step');
	is_deeply([ $runbook =~ /^(### Step .*\n\n.*\n\n(?!```).*)/mg ], [], 'and what to type');
	unlike($runbook, qr/^\| \w+ \| `[^`]*` \|  \|$/m, 'and what each limit means');
	is_deeply([ map { message($_, 'support', 'en') ? () : $_ } @{ $shop->list("SELECT detail FROM bcdelta.cutover_step WHERE kind = 'message'") } ], [], 'each message is there');
	like(message('planned', 'internal', 'de'), qr/^- .* Uhr: der Änderungsstopp beginnt$/m, 'in German');
	unlike(message('planned', 'internal', 'de'), qr/^- .*(?:sweep|stage)/m, 'and in German only');
	$shop->sql("SELECT bcdelta.move_cutover('shop', now() + interval '10 days', 'the carrier is late')");
	like(message('delay', 'internal', 'en'), qr/^Cause: the carrier is late\b/m, 'a message has the reason of a move');
	$shop->sql("SELECT bcdelta.abort_cutover('shop', 'it was a test')");
	like(message('stopped', 'internal', 'en'), qr/^Cause: it was a test\b/m, 'and of the end');
	like(paper("runbook('shop')"), qr/\| abort_cutover .*\| it was a test \|$/m, 'who ended it');
};

subtest 'a server with an odd name has papers, whose calls work' => sub {
	my $name = q(it's a|"b"`c`{server}\<i>);
	my $literal = "E'" . $name =~ s/(['\\])/\\$1/gr . "'";
	$shop->sql("DO \$\$ BEGIN EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash ''odd'')', $literal); END \$\$;
		SELECT bcdelta.plan_cutover($literal, now() + interval '9 days', time_zone => 'UTC')");
	my $runbook = paper("runbook($literal)");
	is_deeply(broken($runbook), [], 'the runbook');
	is_deeply(broken(paper("sop($literal)")), [], 'the SOP');
	my ($call) = $runbook =~ /^(SELECT \* FROM bcdelta\.go_live_check\(.*\);)$/m;
	is(scalar @{ $shop->list($call) }, 6, $call);
	($call) = $shop->sql("SELECT body FROM bcdelta.message($literal, 'planned')") =~ /^The plan with all calls: (.*)$/m;
	like($shop->sql($call), qr{\A\Q${\($runbook =~ s{\n.*}{}sr)}\E\n}, $call);
};

subtest 'a feed that is broken costs no paper' => sub {
	$shop->sql(<<'EOC');
INSERT INTO bcdelta.cutover (server, go_live, hours, time_zone, freeze_for, watch_for, stop, owner, home)
VALUES ('shop', '2099-01-16 05:10+01', '01:00-05:30', 'Europe/Berlin', '1 hour', '30 days', '{}', 'maria', bcdelta.home());
ALTER TABLE people DROP COLUMN mail CASCADE;
UPDATE makers SET name = name || '!';
EOC
	like(message('freeze', 'internal', 'en'), qr/^not known \(.*mail.*\) to be pushed\./m, 'what is not known is said');
	like(paper("$_('shop')"), qr/^# /, $_) foreach qw(runbook sop);
};

is_deeply($store->violations, {}, 'the store has nothing to complain about');
done_testing();
