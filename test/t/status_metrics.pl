# Figures for monitoring: named as Prometheus wants them, counters that never go
# back, and read by its own programs, as far as they are installed.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Store;
use BCDelta::Test;
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('metrics', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\nwal_writer_delay = 10s\nlisten_addresses = '127.0.0.1'" });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;
$shop->sql(<<'EOC');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => E'odd "name"\\\n', fields => '{"name": "name"}', capture => 'none');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 25) AS i;
INSERT INTO articles (sku, title, price) VALUES ('A-1', 'One', 1), ('A-2', 'Two', -1);
EOC
$shop->push('feed => \'makers\'');
$store->fault({ match => { method => 'POST', path => 'products' }, times => 1, do => { status => 429, headers => { 'X-Rate-Limit-Time-Reset-Ms' => 10 } } });
$shop->push('feed => \'articles\'');
$store->unfault;
$shop->verify;
my @names = @{ $shop->list('SELECT DISTINCT name FROM bcdelta.metrics') };

# Samples by name and labels
sub samples
{
	my ($type) = @_;
	my $where = $type ? "WHERE type = '$type'" : '';
	return $shop->value("SELECT jsonb_object_agg(name || labels::text, value) AS o FROM bcdelta.metrics $where")->{o};
}

sub value
{
	my ($name, %labels) = @_;
	my $labels = JSON::PP->new->canonical->encode(\%labels);
	return $shop->sql("SELECT value FROM bcdelta.metrics WHERE name = '$name' AND labels = '$labels'");
}

subtest 'metrics say what SQL says' => sub {
	my %makers = (server => 'shop', feed => 'makers');
	is(value('bcdelta_up', server => 'shop'), 1, 'a worker is there');
	is(value('bcdelta_linked_rows', %makers), 25, 'linked rows');
	is(value('bcdelta_pending_rows', %makers, feed => 'articles', state => 'failed'), 1, 'failed rows');
	is(value('bcdelta_rows_total', %makers, outcome => 'created'), 25, 'results');
	is(value('bcdelta_rows_total', %makers, feed => 'articles', outcome => 'invalid'), 1, 'of each outcome');
	is(value('bcdelta_rows_total', %makers, outcome => 'hidden'), 0, 'also of those that never came');
	is(value('bcdelta_runs_total', server => 'shop', kind => 'push', state => 'succeeded'), 2, 'runs');
	is(value('bcdelta_feed_paused', %makers), 0, 'no feed is paused');
	is(value('bcdelta_quota_requests', server => 'shop'), 100000, 'the quota');
	is(value('bcdelta_api_throttled_total', server => 'shop', operation => 'POST /catalog/products'), 1, 'a request that was throttled');
	my $answered = $shop->sql("SELECT sum(api_calls) || ' ' || sum(throttled) FROM bcdelta.run");
	is($shop->sql("SELECT (SELECT sum(value) FROM bcdelta.metrics WHERE name = 'bcdelta_api_requests_total') - t.sum || ' ' || t.sum
		FROM (SELECT sum(value) FROM bcdelta.metrics WHERE name = 'bcdelta_api_throttled_total') AS t"), $answered, 'and all others');
	my ($calls, $throttled) = split / /, $answered;
	is($shop->sql("SELECT sum(value) FROM bcdelta.metrics WHERE name = 'bcdelta_api_request_duration_seconds_count'"), $calls + $throttled, 'each of them took its time');
	is($shop->sql("SELECT count(*) FROM bcdelta.metrics AS c JOIN bcdelta.metrics AS b ON b.name = 'bcdelta_api_request_duration_seconds_bucket' AND b.labels = c.labels || '{\"le\": \"+Inf\"}'
		WHERE c.name = 'bcdelta_api_request_duration_seconds_count' AND b.value <> c.value"), 0, 'the last bucket has all of them');
	cmp_ok(abs(value('bcdelta_last_success_timestamp_seconds', server => 'shop', kind => 'verify') - time()), '<', 600, 'when a run last succeeded');
	$shop->sql("UPDATE makers SET name = 'Renamed' WHERE code = 'M1'; SELECT bcdelta.pause('makers')");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.pending WHERE feed = 'makers'");
	is(value('bcdelta_feed_paused', %makers), 1, 'a feed that is paused');
	cmp_ok(abs(value('bcdelta_oldest_change_timestamp_seconds', %makers) - time()), '<', 600, 'the oldest change');
	$shop->sql("SELECT bcdelta.resume('makers')");
};

subtest 'the health of a store, and where its cutover is' => sub {
	is(value('bcdelta_runs_total', server => 'shop', kind => 'preflight', state => 'succeeded'), 0, 'no preflight yet');
	$shop->sql('SELECT count(*) FROM bcdelta.preflight()');
	is(value('bcdelta_runs_total', server => 'shop', kind => 'preflight', state => 'succeeded'), 1, 'a preflight is a run');
	is(value('bcdelta_health', server => 'shop'), 1, 'a row has failed');
	$shop->sql("INSERT INTO bcdelta.event (event, severity, server, feed, message) VALUES ('feed_paused', 'critical', 'shop', 'nothing', 'a test')");
	is(value('bcdelta_health', server => 'shop'), 2, 'a critical trouble');
	$shop->sql("UPDATE bcdelta.event SET over_at = now() WHERE message = 'a test'");
	is(value('bcdelta_health', server => 'shop'), 1, 'it is over');
	my $is = sub { return join ' ', @{ $shop->list("SELECT coalesce(labels ->> 'stage', labels ->> 'state') FROM bcdelta.metrics WHERE name ~ '^bcdelta_cutover_sta' AND value = 1 ORDER BY 1") }; };
	is($is->(), '', 'there is no plan');
	is(value('bcdelta_cutover_timestamp_seconds', server => 'shop'), '', 'nor a time');
	is(value('bcdelta_go_live_blockers', server => 'shop'), '', 'nor anything in its way');
	$shop->sql("BEGIN; SELECT bcdelta.plan_cutover('shop', now() + interval '20 days'); UPDATE bcdelta.cutover SET held = true; COMMIT");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.stage");
	is($is->(), 'held prepare', 'a plan that is held, and the stage');
	is(int(value('bcdelta_cutover_timestamp_seconds', server => 'shop') / 60), $shop->sql('SELECT floor(extract(epoch FROM go_live) / 60) FROM bcdelta.cutover'), 'the time');
	my $unmet = sub { return $shop->sql("SELECT count(*) FROM bcdelta.go_live_check('shop') WHERE severity = 'must' AND verdict IN ('no-go', 'unknown') AND criterion <> 'estimate'"); };
	my $blockers = value('bcdelta_go_live_blockers', server => 'shop');
	cmp_ok($blockers, '>', 1, 'what has to be met before, and is not');
	is($blockers, $unmet->(), 'as go_live_check() says');
	$shop->sql("SELECT bcdelta.criterion('shop', 'night', 'Is it night?', 'must'), bcdelta.criterion('shop', 'slow', severity => 'must', query => 'SELECT false, pg_sleep(60)::text'),
		bcdelta.waive('shop', 'failed', 'a test')");
	is(value('bcdelta_go_live_blockers', server => 'shop'), $blockers, 'one is waived, one is a question that nobody has answered; queries are not asked');
	$shop->sql("SELECT bcdelta.criterion('shop', 'slow')");
	is(value('bcdelta_go_live_blockers', server => 'shop'), $unmet->(), 'that is what go_live_check() says');
	$shop->sql('CREATE ROLE watcher; GRANT USAGE ON SCHEMA bcdelta TO watcher; GRANT SELECT ON bcdelta.metrics TO watcher');
	is(($shop->try("SET ROLE watcher; SELECT value FROM bcdelta.metrics WHERE name = 'bcdelta_go_live_blockers'"))[1], $blockers, 'to whoever may read the view');
	$shop->sql("SELECT bcdelta.abort_cutover('shop', 'a test'), bcdelta.stage('shop', NULL)");
	is($is->(), 'aborted', 'after it was aborted');
	is(value('bcdelta_go_live_blockers', server => 'shop'), '', 'nothing waits any more');
};

subtest 'names, types and labels are as Prometheus wants them, and no label has values without end' => sub {
	my %type = map { split /\|/ } @{ $shop->list('SELECT DISTINCT name, type FROM bcdelta.metrics') };
	foreach my $name (sort keys %type)
	{
		like($name, qr/^bcdelta_[a-z]+(_[a-z]+)*$/, $name);
		is($type{$name} eq 'counter', $name =~ /_total$/, 'ends with _total if it is a counter') unless $type{$name} eq 'histogram';
		unlike($name, qr/_(ms|milliseconds|minutes|hours|percent|kb)\b|gauge|counter|_time$/, 'has a base unit');
	}
	is_deeply($shop->list("SELECT DISTINCT k FROM bcdelta.metrics, jsonb_object_keys(labels) AS k ORDER BY 1"),
		[ sort qw(code feed kind le operation outcome resource server stage state version) ], 'labels');
	is($shop->sql("SELECT count(*) FROM bcdelta.metrics WHERE labels ->> 'operation' ~ '[0-9]'"), 0, 'an operation has no ids');
	is($shop->sql('SELECT count(*) - count(DISTINCT (name, labels)) FROM bcdelta.metrics'), 0, 'no sample comes twice');
};

subtest 'openmetrics() ends with # EOF, and escapes what feeds are called' => sub {
	my $text = $shop->sql('SELECT bcdelta.openmetrics()');
	like($text, qr/\n# EOF\z/, 'the end');
	like($text, qr/^bcdelta_linked_rows\{feed="odd \\"name\\"\\\\\\n",server="shop"\} 0$/m, 'a feed with an odd name');
	like($text, qr/^# TYPE bcdelta_rows_total counter$/m, 'a counter');
	is(scalar(grep { !/^(# (HELP|TYPE) \w+ .+|# EOF|\w+(\{(\w+="([^"\\\n]|\\["\\n])*",?)*\})? (\+Inf|[-+.e0-9]+))$/ } split /\n/, $text), 0, 'every line is well-formed');
	like($shop->sql('SELECT bcdelta.openmetrics(strict => true)'), qr/^# TYPE bcdelta_rows counter\n# UNIT bcdelta_rows rows\n# HELP bcdelta_rows .*\nbcdelta_rows_total\{/m, 'strict: the family has no _total');
	is($shop->sql("SET standard_conforming_strings = off; SET extra_float_digits = -15; SELECT bcdelta.openmetrics()") =~ s/\d{10}\S*//gr, $text =~ s/\d{10}\S*//gr,
		'whatever the settings of the session');
};

# What OpenMetrics 1.0 says of an exposition: its grammar (in the comments, the
# names that the standard gives its parts), and the rules of each type.
my $metricname = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $escaped = qr/(?:[^\n"\\]|\\[^\n])*/;    # escaped-string
my $label = qr/[a-zA-Z_][a-zA-Z0-9_]*="$escaped"/;
my $number = qr/[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[iI]nf(?:inity)?|[nN]a[nN]/;
my %suffix = (gauge => qr//, counter => qr/_total/, histogram => qr/_(?:bucket|sum|count)/);

# Returns its samples and what is wrong with it; in the format of Prometheus,
# the header of a counter has its whole name.
sub parse
{
	my ($text, $strict) = @_;
	my (@wrong, @samples, %seen, $family);
	push @wrong, 'it does not end with # EOF' unless $text =~ s/^# EOF\n?\z//m;
	foreach my $line (split /(?<=\n)/, $text)
	{
		if ($line =~ /^# (TYPE|UNIT|HELP) ($metricname) (.*)\n\z/)
		{
			# metric-descriptor; those of a family come before its samples, which
			# follow each other
			my ($what, $name, $is) = ($1, $2, $3);
			$family = { name => $name } if !$family || $family->{name} ne $name;
			push @wrong, "twice: $line" if $seen{"$what $name"}++ || $family->{samples};
			push @wrong, "out of order: $line" if $strict && ($what eq 'TYPE' ? keys %$family > 1 : !exists $family->{TYPE} || $what eq 'UNIT' && exists $family->{HELP});
			push @wrong, "not a type: $line" if $what eq 'TYPE' && !$suffix{$is};
			push @wrong, "not a unit of the name: $line" if $what eq 'UNIT' && $name !~ /_\Q$is\E\z/;
			push @wrong, "not escaped: $line" if $what eq 'HELP' && $is !~ /^$escaped\z/;
			push @wrong, "the family has _total: $line" if $strict && $what eq 'TYPE' && $is eq 'counter' && $name =~ /_total\z/;
			$family->{$what} = $is;
		}
		elsif ($line =~ /^($metricname)(?:\{((?:$label(?:,$label)*)?)\})? ($number)\n\z/)
		{
			# sample
			my ($name, $list, $value) = ($1, $2 // '', $3);
			my @labels = map { [ $_->[0], $_->[1] =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ger ] } @{ [ map { /^(\w+)="(.*)"\z/s ? [ $1, $2 ] : die } $list =~ /($label)/g ] };
			my %labels = map { @$_ } @labels;
			push @wrong, "a label comes twice: $line" if keys %labels != @labels;
			push @wrong, "of another family: $line" unless $family && $family->{TYPE} && exists $family->{HELP}
				&& $name =~ /^\Q$family->{name}\E@{[ $strict || $family->{TYPE} ne 'counter' ? $suffix{$family->{TYPE}} : '' ]}\z/;
			push @wrong, "a counter that counts nothing: $line" if $name =~ /_(?:total|bucket|count|sum)\z/ && $value !~ /^[0-9]/;
			push @wrong, "not an integer: $line" if $name =~ /_(?:bucket|count)\z/ && $value !~ /^[0-9]+(?:e\+[0-9]+)?\z/;
			push @wrong, "twice: $line" if $seen{ join '|', $name, map { "$_=$labels{$_}" } sort keys %labels }++;
			$family->{samples} = 1;
			push @samples, { name => $name, labels => \%labels, value => $value };
		}
		else
		{
			push @wrong, "not in the grammar: $line";
		}
	}
	return (\@samples, [ @wrong, wrong_histograms(@samples) ]);
}

# The samples of a histogram follow each other: buckets that grow, up to +Inf,
# then how many there were, and their sum.
sub wrong_histograms
{
	my (@wrong, $last, $of);
	foreach my $s (@_)
	{
		next unless $s->{name} =~ /^(.*)_(bucket|count|sum)\z/;
		my ($family, $part, %labels) = ($1, $2, %{ $s->{labels} });
		my $le = delete $labels{le};
		my $now = join '|', $family, map { "$_=$labels{$_}" } sort keys %labels;
		push @wrong, "buckets without le: $now" if $part eq 'bucket' xor defined $le;
		push @wrong, "buckets that do not end with +Inf: $of" if $last && $of ne $now && $last->{labels}{le} ne '+Inf';
		push @wrong, "out of order: $now $le" if $part eq 'bucket' && $last && $of eq $now && ($last->{labels}{le} >= $le || $last->{value} > $s->{value});
		push @wrong, "not all: $now" if $part eq 'count' && (!$last || $of ne $now || $last->{labels}{le} ne '+Inf' || $last->{value} != $s->{value});
		($last, $of) = ($s, $now) if $part eq 'bucket';
	}
	return @wrong;
}

subtest 'who may read the metrics sees all feeds, and who may not is told so' => sub {
	$shop->sql('CREATE ROLE monitor; CREATE ROLE nobody_special; GRANT USAGE ON SCHEMA bcdelta TO monitor; GRANT SELECT ON bcdelta.metrics TO monitor');
	is(($shop->try("SET ROLE monitor; SELECT count(DISTINCT labels ->> 'feed') FROM bcdelta.metrics"))[1], 4, 'a role that may read nothing else');
	is(($shop->try('SET ROLE monitor; SELECT right(bcdelta.openmetrics(), 5)'))[1], '# EOF', 'as text, too');
	foreach my $query ('TABLE bcdelta.metrics', 'SELECT bcdelta.openmetrics()')
	{
		my (undef, undef, $err) = $shop->try("SET ROLE nobody_special; $query");
		like($err, qr/permission denied for view metrics/, "$query without the right to it");
	}
	foreach my $function ('totals()', 'worker_started()', 'worker_quota()', "go_live_blockers('shop')")
	{
		my (undef, undef, $err) = $shop->try("SET ROLE nobody_special; SELECT bcdelta.$function");
		like($err, qr/permission denied for function @{[ $function =~ s,\(.*,,r ]}.*right to read the view bcdelta.metrics/s, $function);
	}
};

# No counter goes back, none is lost.
sub never_back
{
	my ($before, $what) = @_;
	my $after = { %{ samples('counter') }, %{ samples('histogram') } };
	is_deeply([ grep { !defined $after->{$_} || $after->{$_} < $before->{$_} } sort keys %$before ], [], "$what: no counter goes back");
	return $after;
}

subtest 'counters do not go back when results are purged, the worker or the server ends, a feed comes again, or rows are condensed' => sub {
	my $now = never_back({}, 'at first');
	$shop->sql("UPDATE bcdelta.run SET finished_at = now() - interval '1 year'");
	kill_worker($node, 'shop', 'TERM');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.result");
	$now = never_back($now, 'after a purge and the end of the worker');
	# The server is killed when all rows but one have been recorded.  Nothing but
	# the query itself sees to it that this is on disk.
	my $updated = "SELECT coalesce(sum(n), 0) FROM bcdelta.total WHERE what = 'row' AND feed = 'makers' AND label = 'updated'";
	$shop->push;
	foreach my $round (1 .. 2)
	{
		my $done = $shop->sql($updated);
		$store->hold({ match => { method => 'PUT', body => 'Maker 7' } });
		$shop->sql("UPDATE makers SET name = name || '.' WHERE code <> 'M1'");
		my $push = $shop->start;
		$shop->wait_held(1);
		$shop->wait_for("$updated", $done + 23);
		$now = never_back($now, "round $round");
		is($now->{'bcdelta_rows_total{"feed": "makers", "server": "shop", "outcome": "updated"}'}, $done + 23, 'a counter is seen');
		crash_server($node, 'shop');
		$push->finish;
		$store->release;
		$now = never_back($now, 'after a crash of the server');
		$shop->push;
		$now = never_back($now, 'and after the rest was pushed');
	}
	$store->hold({ match => { method => 'PUT' } });
	$shop->sql("UPDATE makers SET name = name || '.' WHERE code = 'M1'");
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$now = never_back($now, 'after a crash of the worker');
	is($now->{'bcdelta_rows_total{"feed": "makers", "server": "shop", "outcome": "retry"}'}, 3, 'a row that was under way counts as retried');
	is($now->{'bcdelta_runs_total{"kind": "push", "state": "failed", "server": "shop"}'}, 3, 'and its run as failed');
	$shop->sql("INSERT INTO bcdelta.total SELECT server, feed, what, label, code, bucket, 0, 0, at FROM bcdelta.total, generate_series(1, 100)");
	kill_worker($node, 'shop', 'TERM');
	$shop->wait_for('SELECT count(*) < 100 FROM bcdelta.total');
	$now = never_back($now, 'after rows were condensed');
	$shop->sql("SELECT bcdelta.untrack('groups')");
	ok(!exists samples()->{'bcdelta_linked_rows{"feed": "groups", "server": "shop"}'}, 'a feed that is gone has no figures');
	$shop->sql("SELECT bcdelta.track('groups', 'shop', 'category', '{\"name\": \"name\", \"parent_id\": \"0\"}')");
	never_back($now, 'when it comes again');
};

# The programs of Prometheus, if they are there.
my $docs = "$ENV{TESTDIR}/docs/monitoring";
my %program = map { my $p = $_; $p => (grep { -x } map { "$_/$p" } split /:/, $ENV{PATH})[0] } qw(promtool prometheus prometheus-sql-exporter);

sub needs
{
	my @missing = grep { !$program{$_} } @_;
	plan skip_all => 'not installed: ' . join(', ', @missing) if @missing;
	return;
}

sub free_port { return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport; }

sub write_file
{
	my ($name, $text) = @_;
	my $file = $node->basedir . "/$name";
	open my $handle, '>', $file or die "$file: $!";
	print {$handle} $text;
	close $handle;
	return $file;
}

subtest 'the whole text is in the grammar of its standard, whatever servers and feeds are called' => sub {
	my %odd = (server => qq(a "shop"\\\nof\\n {le="1"} 1\n# EOF\t=,'), feed => qq(\\"\n\n# EOF\n\\\\"} 1\n\r\\x));
	my $server = $odd{server} =~ s/"/""/gr;
	my $feed = $odd{feed} =~ s/'/''/gr;
	my $text = sub {
		my ($rc, $out, $err) = $shop->try(<<"EOC");
BEGIN;
SET client_min_messages = error;
ALTER SERVER shop RENAME TO "$server";
UPDATE bcdelta.feed SET feed = '$feed' WHERE feed = 'makers';
UPDATE bcdelta.total SET feed = '$feed' WHERE feed = 'makers';
UPDATE bcdelta.tally SET feed = '$feed' WHERE feed = 'makers';
SELECT bcdelta.openmetrics($_[0]);
ROLLBACK
EOC
		is($err, '', 'names with quotes, backslashes and ends of lines');
		return "$out\n";
	};
	my $strict = $text->('true');
	my ($samples, $wrong) = parse($strict, 1);
	is_deeply($wrong, [], 'OpenMetrics');
	cmp_ok(scalar @$samples, '>', 100, 'and that is all of it');
	is_deeply([ map { 0 + $_->{value} } grep { $_->{name} eq 'bcdelta_linked_rows' && $_->{labels}{feed} eq $odd{feed} && $_->{labels}{server} eq $odd{server} } @$samples ],
		[25], 'names are read as they are');
	my $plain = $text->('false');
	is_deeply((parse($plain))[1], [], 'the format of Prometheus');
	foreach my $case (
		[ 'it does not end', 's/^# EOF\n\z//m' ], [ 'not in the grammar', 's/\\\\n/\n/' ], [ 'not in the grammar', 's/\\\\"/"/' ], [ 'out of order', 's/(# TYPE .*\n)(# HELP .*\n)/$2$1/' ],
		[ 'has _total', 's/(# TYPE bcdelta_rows)/$1_total/' ], [ 'not a unit', 's/(# UNIT .*)/$1s/' ], [ 'twice', 's/^(bcdelta_up.*\n)/$1$1/m' ],
		[ 'of another family', 's/^bcdelta_up/bcdelta_op/m' ], [ 'out of order', 's/^(.*le="1".*\n)(.*le="2.5".*\n)/$2$1/m' ], [ 'not all', 's/(_count\S*\{.*\}) .*/$1 99999/' ])
	{
		my ($what, $change) = @$case;
		local $_ = $strict;
		eval "$change or die" or die "$change: $@";
		like((parse($_, 1))[1][0] // 'nothing', qr/$what/, "$what is seen");
	}
SKIP: {
		skip 'promtool is not installed', 2 unless $program{promtool};
		command_ok([ 'promtool', 'tsdb', 'create-blocks-from', 'openmetrics', write_file('metrics.om', $strict =~ s/^([^#\n].*)/$1 1700000000/gmr), $node->basedir . '/blocks' ],
			'promtool reads OpenMetrics');
		my ($out, $err) = run_command([ 'sh', '-c', 'promtool check metrics < ' . write_file('metrics.odd', $plain =~ s/^# EOF\n\z//mr) ]);
		is("$out$err", '', 'and the format of Prometheus');
	}
};

subtest 'promtool accepts the metrics, the alert rules and their tests' => sub {
	needs('promtool');
	my $text = write_file('metrics.prom', $shop->sql('SELECT bcdelta.openmetrics()') . "\n");
	my ($out, $err) = run_command([ 'sh', '-c', "promtool check metrics < '$text'" ]);
	is("$out$err", '', 'check metrics has nothing to say');
	command_ok([ 'promtool', 'check', 'rules', "$docs/alerts.yml" ], 'check rules');
	command_ok([ 'promtool', 'test', 'rules', "$docs/alerts_test.yml" ], 'the alerts fire when they should, and not before');
};

subtest 'every metric in the rules, the dashboard and the configuration of exporters exists' => sub {
	my %known = map { $_ => 1 } @names, qw(bcdelta_run_rows bcdelta_run_remaining_seconds bcdelta_cutover_state bcdelta_cutover_timestamp_seconds bcdelta_go_live_blockers bcdelta_stock_unexplained_units);
	foreach my $file (glob "$docs/*.{yml,json}")
	{
		my $text = slurp_file($file);
		my %used = map { $_ => 1 } $text =~ /\b(bcdelta_[a-z_]+)\b/g;
		is_deeply([ grep { !$known{$_} && !/_test$/ } sort keys %used ], [], $file =~ s/.*\///r);
		JSON::PP->new->decode($text) if $file =~ /json$/;
	}
	foreach my $file (qw(bcdelta.collector.yml prometheus-sql-exporter.yml))
	{
		my $text = slurp_file("$docs/$file");
		is_deeply([ grep { 2 != (() = $text =~ /'\Q$_\E'/g) } sort keys %known ], [], "$file has all of them");
	}
};

subtest 'a running Prometheus reads the figures through prometheus-sql-exporter, and they are those of SQL' => sub {
	needs('prometheus', 'prometheus-sql-exporter');
	$shop->sql("ALTER ROLE monitor LOGIN");
	my ($exporter, $port) = map { free_port() } 1 .. 2;
	my $config = slurp_file("$docs/prometheus-sql-exporter.yml");
	$config =~ s{postgres://[^']+}{postgres://monitor\@127.0.0.1:@{[ $node->port ]}/shop?sslmode=disable} or die 'no connection';
	$config =~ s/interval: '\S+'/interval: '1s'/ or die 'no interval';
	my $file = write_file('exporter.yml', $config);
	my $prometheus = slurp_file("$docs/prometheus.yml");
	$prometheus =~ s/localhost:9237/127.0.0.1:$exporter/ or die 'no target';
	$prometheus =~ s/^rule_files:.*\n.*\n//m;
	$prometheus =~ s/scrape_interval: \S+/scrape_interval: 1s/;
	my $settings = write_file('prometheus.yml', $prometheus);
	my @children;
	push @children, IPC::Run::start([ 'prometheus-sql-exporter', '-config.file', $file, '-web.listen-address', "127.0.0.1:$exporter" ], '>&', $node->basedir . '/exporter.log');
	push @children, IPC::Run::start([ 'prometheus', "--config.file=$settings", "--storage.tsdb.path=" . $node->basedir . '/tsdb', "--web.listen-address=127.0.0.1:$port" ],
		'>&', $node->basedir . '/prometheus.log');
	my $query = sub {
		my ($q) = @_;
		my $reply = HTTP::Tiny->new->post_form("http://127.0.0.1:$port/api/v1/query", { query => $q });
		return $reply->{success} ? JSON::PP->new->decode($reply->{content})->{data}{result} : [];
	};
	ok( eval {
			poll_until(sub { @{ $query->('bcdelta_rows_total') } >= 40 }, 'the figures to arrive', 30);
		},
		'the figures arrive') or diag(slurp_file($node->basedir . '/exporter.log'), slurp_file($node->basedir . '/prometheus.log'));
	my $sql = $shop->value("SELECT jsonb_object_agg((labels ->> 'feed') || ' ' || (labels ->> 'outcome'), value) AS o FROM bcdelta.metrics WHERE name = 'bcdelta_rows_total'")->{o};
	is_deeply({ map { ("$_->{metric}{feed} $_->{metric}{outcome}" => 0 + $_->{value}[1]) } @{ $query->('bcdelta_rows_total') } }, $sql, 'and are those of SQL');
	cmp_ok(scalar @{ $query->('histogram_quantile(0.9, bcdelta_api_request_duration_seconds_bucket)') }, '>', 0, 'durations can be summed up');
	$_->kill_kill foreach @children;
};

done_testing();
