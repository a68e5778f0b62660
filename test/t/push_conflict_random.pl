# Source and store change the same records at random, and persons decide on
# conflicts, while the store fails in every way and the worker is killed.  After
# each round, each field has what an oracle says that knows the same changes, and
# the documentation (BCDelta::Oracle).
#
# RANDOM_SEED=n makes other changes; RANDOM_ROUNDS, RANDOM_PRODUCTS (rows of each
# feed) and RANDOM_CHANGES (in a round) make the test larger; see test/soak.

use strict;
use warnings;

use BCDelta::Faults;
use BCDelta::Oracle;
use BCDelta::Shop;
use BCDelta::Test;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::Local qw(timegm);

my $seed = $ENV{RANDOM_SEED} // 1;
note("RANDOM_SEED=$seed");
srand($seed);
my $ROWS = $ENV{RANDOM_PRODUCTS} // 8;
my $ROUNDS = $ENV{RANDOM_ROUNDS} // 4;
my $EDITS = $ENV{RANDOM_CHANGES} // 100;

my $shop = BCDelta::Shop->open(
	'conflict_random',
	store => { args => [ '--quota', 1_000_000, '--window-ms', 1000 ] },
	server => { timeout => 2, max_attempts => 8, error_limit => 100_000, max_concurrency => 8 },
	node => { conf => "bcdelta.naptime = 1\nbcdelta.change_turn = 1\nwal_writer_delay = 5ms\nbcdelta.crash_limit = 0\n" });
my ($node, $store) = ($shop->node, $shop->store);

# Feeds, with the policy of each field; "touch" is changed in the source only.  In
# those with policy "newest", a column says when the source was changed.
my %product = (resource => 'product', kind => 'products', fields => [qw(name price description search_keywords warranty)],
	fixed => q("sku": "id", "type": "'physical'"), touch => 'weight');
my %feeds = (
	by_source => { %product, policy => 'source' },
	by_store => { %product, policy => 'store' },
	by_review => { %product, policy => 'review' },
	by_newest => { %product, policy => 'newest' },
	mixed => { %product, policy => 'source', own => { name => 'store', description => 'review', price => 'review', weight => 'store', warranty => 'newest' } },
	brands => { resource => 'brand', kind => 'brands', fields => [qw(name page_title meta_description)], policy => 'review', fixed => '', touch => 'image_url', repeats => 'name' });

my $n = 0;
my %value = (
	price => sub { return sprintf('%.2f', 1 + ++$n / 100) },
	description => sub { return '<p>Text ' . ++$n . ' &amp; more</p>' . (rand() < 0.3 ? '<p>' . 'long ' x 60 . '</p>' : '') });

sub fresh
{
	my ($field) = @_;
	return $value{$field} ? $value{$field}->() : "$field " . ++$n;
}

# The oracles by feed, row and field; values that a field has had
my (%oracle, %had, %touched, %disturbed);

# When each row and its record were changed: all times that a push may have seen;
# how often a field was changed while a push was disturbed
my (%times, $under_way, %busy);
my $now = time();

sub moment { return $now + (rand() < 0.5 ? -1 : 1) * (2 * 86400 + 60 * int(rand(20))); }

sub changed_at
{
	my ($side, $feed, $key, $at) = @_;
	my $times = $times{$feed}{$key}{$side} //= [];
	@$times = () if !$under_way;
	push @$times, $at;
	$_->may_differ foreach values %{ $oracle{$feed}{$key} };
	return;
}

# What policy "newest" may decide about a row; a push that was disturbed may have
# changed the record itself.
sub newest
{
	my ($feed, $key) = @_;
	my $times = $times{$feed}{$key};
	my %may;
	foreach my $s (@{ $times->{source} })
	{
		foreach my $t (@{ $times->{store} || [$now] }, $disturbed{$feed}{$key} ? $now : ())
		{
			$may{ abs($s - $t) < 5 ? 'review' : $s > $t ? 'source' : 'store' } = 1;
		}
	}
	return sort keys %may;
}

sub policy_of
{
	my ($feed, $key, $field) = @_;
	my $policy = $feeds{$feed}{own}{$field} // $feeds{$feed}{policy};
	return $policy if $policy ne 'newest';
	return sub { return @_ ? newest($feed, $key) : $policy };
}

foreach my $feed (sort keys %feeds)
{
	my $f = $feeds{$feed};
	my @columns = (@{ $f->{fields} }, $f->{touch});
	$f->{dated} = grep { $_ eq 'newest' } $f->{policy}, values %{ $f->{own} || {} };
	$shop->sql("CREATE TABLE $feed (id text PRIMARY KEY, changed timestamptz, " . join(', ', map { "$_ " . (/price|weight/ ? 'numeric' : 'text') } @columns) . ')');
	$shop->sql("SELECT bcdelta.track('$feed', 'shop', '$f->{resource}', \$m\${" . join(', ', $f->{fixed} || (), map { qq("$_": "$_") } @columns) . "}\$m\$, on_conflict => '$f->{policy}'"
		  . ($f->{dated} ? q{, options => '{"modified": "changed"}')} : ')'));
	$shop->sql("SELECT bcdelta.set_conflict('$feed', '$_', '$f->{own}{$_}')") foreach sort keys %{ $f->{own} || {} };
	foreach my $key (map { "$feed-$_" } 1 .. $ROWS)
	{
		my %row = map { $_ => fresh($_) } @{ $f->{fields} };
		$row{ $f->{touch} } = touch($f->{touch});
		$shop->sql("INSERT INTO $feed (id, " . join(', ', sort keys %row) . ") VALUES ('$key', " . join(', ', map { "'$row{$_}'" } sort keys %row) . ')');
		foreach my $field (@{ $f->{fields} })
		{
			$oracle{$feed}{$key}{$field} = BCDelta::Oracle->new(policy_of($feed, $key, $field), $row{$field}, $f->{repeats} && $f->{repeats} eq $field);
			$had{$feed}{$key}{$field} = [ $row{$field} ];
		}
	}
}
is($shop->push->{created}, $ROWS * keys %feeds, 'pushed');
my %id = map { my $feed = $_; $feed => { map { $_ => $shop->id($feed, $_) } sort keys %{ $oracle{$feed} } } } sort keys %feeds;

sub touch { my ($field) = @_; return $field eq 'weight' ? ++$n : 'https://cdn.example.org/' . ++$n . '.jpg'; }

sub any { return $_[ int(rand(@_)) ]; }

my @log;

sub event { push @log, "@_"; return; }

sub touch_row
{
	my ($feed, $key) = @_;
	my $field = $feeds{$feed}{touch};
	event('touch', $key);
	$shop->sql("UPDATE $feed SET $field = '" . touch($field) . "' WHERE id = '$key'");
	$touched{$feed}{$key} = 1;
	return;
}

# One change of one field on one side
sub edit
{
	my ($feed, $key, $field);
	do
	{
		$feed = any(sort keys %feeds);
		$key = any(sort keys %{ $oracle{$feed} });
		$field = any(@{ $feeds{$feed}{fields} });
		# with each more, what may have happened becomes many times as much
	} while ($under_way && ++$busy{$feed}{$key}{$field} > 3);
	my ($o, $had) = ($oracle{$feed}{$key}{$field}, $had{$feed}{$key}{$field});
	my $value = $field eq 'name' || rand() < 0.75 ? fresh($field) : any(@$had);
	push @$had, $value;
	shift @$had if @$had > 5;
	my $at = moment();
	if (rand() < 0.5)
	{
		event('source', $key, $field, $value, $at);
		$shop->sql("UPDATE $feed SET $field = '$value', changed = to_timestamp($at) WHERE id = '$key'");
		changed_at('source', $feed, $key, $at);
		$o->source($value);
	}
	else
	{
		event('store', $key, $field, $value, $at);
		$store->edit($feeds{$feed}{resource}, $id{$feed}{$key},
			{ $field => $value, $feeds{$feed}{dated} ? (date_modified => strftime('%Y-%m-%dT%H:%M:%S+00:00', gmtime($at))) : () });
		changed_at('store', $feed, $key, $at);
		$o->store($value);
	}
	return ($feed, $key);
}

# A name that somebody else has cannot be chosen; so a person takes a fresh one.
sub decide
{
	my ($conflict) = @_;
	my ($id, $feed, $key, $field, $s, $t) = @$conflict{qw(conflict_id feed key field source_value store_value)};
	my $choice = any(qw(source store value));
	my $value = $choice eq 'value' ? fresh($field) : undef;
	event('resolve', $key, $field, $choice, $value // '');
	$shop->sql("SELECT bcdelta.resolve($id, '$choice'" . (defined $value ? ", to_jsonb('$value'::" . ($field eq 'price' ? 'numeric' : 'text') . ')' : '') . ')');
	$oracle{$feed}{$key}{$field}->resolve($choice, (map { $field eq 'price' ? sprintf('%.2f', $_) : $_ } $s, $t), $value);
	$touched{$feed}{$key} = 1;
	return;
}

# Everything that a push may have done by now is possible.
sub perhaps
{
	foreach my $feed (sort keys %oracle)
	{
		$_->perhaps_pushed foreach map { values %$_ } values %{ $oracle{$feed} };
	}
	return;
}

sub disturbed
{
	%busy = ();
	random_faults($store, int(rand(1_000_000)), 0.7);
	my $run = $shop->push('wait => false');
	$under_way = 1;
	my $over = sub { $shop->sql("SELECT finished_at IS NOT NULL FROM bcdelta.run WHERE run_id = $run->{run_id}") eq 't' };
	foreach (1 .. 3)
	{
		my $until = $store->control('journal?limit=0')->{next} + 1 + int(rand(12));
		my $looks = 40;
		poll_until(sub { $store->control('journal?limit=0')->{next} >= $until || $looks-- <= 0 || $over->() }, 'some requests');
		foreach (1 .. $EDITS / 10)
		{
			perhaps();
			my ($feed, $key) = edit();
			$disturbed{$feed}{$key} = 1;
			$_->may_differ foreach values %{ $oracle{$feed}{$key} };
			perhaps();
		}
		next if rand() < 0.4;
		event('kill');
		kill_worker($node, 'shop', 'KILL');
	}
	poll_until($over, 'the run to end') if rand() < 0.3;
	$under_way = 0;
	return;
}

sub settle
{
	$store->unfault;
	foreach (1 .. 8)
	{
		$shop->sql("SELECT bcdelta.resume(server => 'shop'); SELECT bcdelta.retry()");
		$shop->hurry;
		$shop->push;
		last if !grep { $_ ne 'review' } values %{ $shop->pending };
	}
	return;
}

# The values that the store has, as the oracle writes them
sub in_store
{
	my %has;
	foreach my $feed (sort keys %feeds)
	{
		my %by_id = map { $_->{id} => $_ } @{ $store->state($feeds{$feed}{kind}) };
		foreach my $key (keys %{ $id{$feed} })
		{
			my $record = $by_id{ $id{$feed}{$key} };
			$times{$feed}{$key}{date} = $record->{date_modified};
			$has{$feed}{$key} = { map { $_ => $_ eq 'price' ? sprintf('%.2f', $record->{$_}) : $record->{$_} } @{ $feeds{$feed}{fields} } };
		}
	}
	return \%has;
}

# What was sent of a record that is wrong, and what came of it
sub show_history
{
	my ($feed, $key) = @_;
	my $id = $id{$feed}{$key};
	foreach my $entry ($store->journal)
	{
		next if $entry->{path} !~ /$feeds{$feed}{kind}/ || ("$entry->{path}?$entry->{query} " . ($entry->{body_text} // '')) !~ /(\/|in=|,|"id": ?)$id\b/;
		my ($part) = ref $entry->{body} eq 'ARRAY' ? grep { $_->{id} == $id } @{ $entry->{body} } : $entry->{body};
		diag(sprintf '  %d %s %s?%s -> %s %s %s', @$entry{qw(n method path query)}, $entry->{status} // '-', $entry->{fault} // '',
			$part ? join(', ', map { "$_=$part->{$_}" } sort keys %$part) : '');
	}
	diag("  $_") foreach @{ $shop->list("SELECT concat_ws(' ', attempted_at, run_id, outcome, http_status, error) FROM bcdelta.result
		WHERE feed = '$feed' AND key = '$key' ORDER BY attempted_at") };
	diag("  $_") foreach @{ $shop->list("SELECT concat_ws(' ', found_at, run_id, field, kind, state, base, source_value, store_value, value, is_current) FROM bcdelta.conflict
		WHERE feed = '$feed' AND key = '$key' ORDER BY conflict_id") };
	return;
}

my ($checked, $certain, $open_checked) = (0, 0, 0);

sub check
{
	my ($round) = @_;
	my $has = in_store();
	my $open = $shop->value("SELECT coalesce(jsonb_object_agg(key || ' ' || field, conflict_id), '{}') AS o FROM bcdelta.review")->{o};
	my (@wrong, @queue);
	foreach my $feed (sort keys %oracle)
	{
		foreach my $key (sort keys %{ $oracle{$feed} })
		{
			my $fields = $oracle{$feed}{$key};
			my $read = grep { $_->{s} ne $_->{pushed} && $_->{policy}->() ne 'source' } values %$fields;
			$read ||= $touched{$feed}{$key} if ($feeds{$feed}{own}{ $feeds{$feed}{touch} } // $feeds{$feed}{policy}) ne 'source';
			$read = 0 if $disturbed{$feed}{$key} && ($touched{$feed}{$key} // 0) < 2;
			foreach my $field (sort keys %$fields)
			{
				my $o = $fields->{$field};
				my $value = $has->{$feed}{$key}{$field};
				my @before = map { my $s = $_; join(' ', map { "$_=" . ($s->{$_} // '-') } sort keys %$s) } @{ $o->{states} };
				$o->pushed($read);
				my @may = $o->values;
				$checked++;
				$certain += @may == 1;
				my $story = ", source $o->{s}, read " . ($read || 0) . "\n    "
				  . join("\n    ", (@before > 6 ? (@before[ 0 .. 5 ], '...') : @before), grep { /^\w+ \Q$key\E(?: \Q$field\E |$)|^kill|^round/ } @log);
				push @wrong, "$key $field: store has $value, expected " . join(' or ', @may) . $story if !$o->allows($value);
				next if !defined $o->is_open;
				$open_checked++;
				my $is = $open->{"$key $field"} ? 1 : 0;
				push @queue, "$key $field: open $is, expected " . $o->is_open . $story if $is != $o->is_open;
			}
		}
	}
	foreach my $times (map { values %{ $times{$_} } } grep { $feeds{$_}{dated} } sort keys %feeds)
	{
		splice(@{ $times->{source} }, 0, -1) if $times->{source};
		my ($y, $mo, $d, $h, $mi, $s) = $times->{date} =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/;
		$times->{store} = [ timegm($s, $mi, $h, $d, $mo - 1, $y) ];
	}
	(%touched, %disturbed) = ();
	is_deeply([ grep { $_ ne 'review' } values %{ $shop->pending } ], [], "round $round: nothing is left but what waits for a person")
	  or diag(explain($shop->errors), explain($shop->pending));
	is(join("\n", @wrong), '', "round $round: each field has what the oracle says")
	  or show_history($wrong[0] =~ /^((\w+)-\d+)/ ? ($2, $1) : ()), return 0;
	is(join("\n", @queue), '', "round $round: the open conflicts are those that the oracle knows")
	  or show_history($queue[0] =~ /^((\w+)-\d+)/ ? ($2, $1) : ()), return 0;
	return 1;
}

foreach my $round (1 .. $ROUNDS)
{
	event("round $round");
	my @open = sort { $a->{conflict_id} <=> $b->{conflict_id} } @{ $shop->value("SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') AS l FROM bcdelta.conflict AS c WHERE state = 'open'")->{l} };
	decide($_) foreach grep { rand() < 0.4 } @open;
	foreach (1 .. $EDITS * 0.7)
	{
		my ($feed, $key) = edit();
		touch_row($feed, $key) if rand() < 0.2;
	}
	if (rand() < 0.8) { disturbed() }
	settle();
	# the others are read once more, too, before they are looked at
	foreach my $feed (sort keys %disturbed)
	{
		foreach my $key (grep { rand() < 0.5 } sort keys %{ $disturbed{$feed} })
		{
			touch_row($feed, $key);
			$touched{$feed}{$key} = 2;
		}
	}
	settle();
	last if !check($round);
}
note("$checked fields checked, of which $certain had one possible value; $open_checked conflicts");
unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'no failed assertion');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
