
=pod

=head1 NAME

BCDelta::Shop - a server, a store and a small shop database for TAP tests

=head1 SYNOPSIS

  my $shop = BCDelta::Shop->open('main', server => { max_attempts => 2 });
  $shop->tables;
  $shop->sql("INSERT INTO makers VALUES ('ACME', 'Acme')");
  my $run = $shop->push;
  is($run->{created}, 1);
  is_deeply($shop->pending, {});

=head1 DESCRIPTION

The tables are C<makers> (brands), C<groups> (categories) and C<articles>
(products).  See the SQL in C<tables> and C<track> for their columns.

=cut

package BCDelta::Shop;

use strict;
use warnings;

use Carp;
use Test::More ();

use BCDelta::Session;
use BCDelta::Store;
use BCDelta::Test;

my $json = BCDelta::Store::decoder();

=pod

=head1 METHODS

=over

=item BCDelta::Shop->open(name, server => {...}, store => {...}, node => {...})

Starts a node, with database C<shop>, and a store, and makes the foreign
server C<shop>.  C<server> has options for the latter, C<store> arguments for
C<< BCDelta::Store->start >>, C<node> for C<bcdelta_node>.  Unless they say
otherwise, the quota of the store is never used up.

=item BCDelta::Shop->on(node, database, server => {...}, store => {...})

The same in a database of a node that runs already.

=cut

sub open
{
	my ($class, $name, %params) = @_;
	return $class->on(bcdelta_node($name, %{ $params{node} || {} }), 'shop', %params);
}

sub on
{
	my ($class, $node, $db, %params) = @_;
	my $self = bless { node => $node, db => $db }, $class;

	my %store = %{ $params{store} || {} };
	my @args = @{ $store{args} || [] };
	# Only tests of the quota wait for its windows
	unshift @args, '--quota', 100000 unless grep { $_ eq '--quota' } @args;
	$self->{store} = BCDelta::Store->start(%store, args => \@args);
	$self->sql(create_server_sql($self->{store}, %{ $params{server} || {} }));
	return $self;
}

sub node { return $_[0]->{node}; }
sub store { return $_[0]->{store}; }

=pod

=item $shop->tables, $shop->track(feed => {argument => SQL, ...}, ...)

tables makes the three tables and tracks them.  track does the latter, with
changed arguments of C<bcdelta.track>, SQL each, for the feeds named.

=cut

sub tables
{
	my ($self, %changed) = @_;
	$self->sql(<<'EOC');
CREATE TABLE makers (code text PRIMARY KEY, name text);
CREATE TABLE groups (id int PRIMARY KEY, parent int, name text, shown boolean NOT NULL DEFAULT true);
CREATE TABLE articles (sku text PRIMARY KEY, title text, price numeric, weight real NOT NULL DEFAULT 1,
	maker text, grp int, release_date timestamptz, no_release boolean NOT NULL DEFAULT false);
EOC
	$self->track(%changed);
	return;
}

my %feeds = (
	makers => {
		resource => "'brand'",
		fields => q('{"name": "name"}'),
	},
	groups => {
		resource => "'category'",
		fields => q('{"name": "name", "parent_id": "coalesce(bcdelta.ref(''groups'', parent), 0)",
			"is_visible": "shown"}'),
	},
	articles => {
		resource => "'product'",
		fields => q('{"sku": "sku", "name": "title", "type": "''physical''", "price": "price", "weight": "weight",
			"brand_id": "bcdelta.ref(''makers'', maker)",
			"categories": "CASE WHEN grp IS NOT NULL THEN ARRAY[bcdelta.ref(''groups'', grp)] END",
			"preorder_release_date": "CASE WHEN no_release THEN ''null''::jsonb ELSE to_jsonb(release_date) END"}'),
	});

sub track
{
	my ($self, %changed) = @_;
	foreach my $feed (qw(makers groups articles))
	{
		my %args = (
			source => "'$feed'",
			server => "'shop'",
			%{ $feeds{$feed} }, %{ $changed{$feed} || {} });
		$self->sql('SELECT bcdelta.track('
			  . join(', ', map { "$_ => $args{$_}" } sort keys %args)
			  . ')');
	}
	return;
}

=pod

=item $shop->add_articles(number), $shop->articles, $shop->hold_articles(number, process), $shop->articles_ok(what)

add_articles inserts that many new articles, numbered from A-1 on; articles is
their number so far.  hold_articles inserts new ones too, and makes the store
hold the requests that create them (C<process>: see test/store/README.md).
articles_ok tests that all of them have been created in the store, each once.

=cut

sub add_articles
{
	my ($self, $number) = @_;
	my $from = $self->articles + 1;
	$self->{articles} += $number;
	$self->sql("INSERT INTO articles (sku, title, price)
		SELECT 'A-' || i, 'Article ' || i, i FROM generate_series($from, $self->{articles}) AS i");
	return;
}

sub articles { return $_[0]->{articles} // 0; }

sub hold_articles
{
	my ($self, $number, $process) = @_;
	$self->{store}->hold({ match => { method => 'POST' }, process => $process // 'now' });
	$self->add_articles($number);
	return;
}

sub articles_ok
{
	my ($self, $what) = @_;
	my $posts = [ $self->{store}->journal(method => 'POST') ];

	Test::More::is_deeply($self->pending, {}, "$what: nothing is pending");
	Test::More::is(scalar @{ $self->{store}->state('products') }, $self->articles, "$what: each article is in the store once");
	Test::More::is(scalar(grep { $_->{status} == 409 } @$posts), 0, "$what: none was created twice");
	return;
}

=pod

=item $shop->sql(text), $shop->try(text), $shop->leave, $shop->value(text), $shop->list(text)

sql runs statements and dies of errors; try does not, and returns exit status,
output and errors.  sql takes a session that stays open, but behaves as if it
were a new one, see C<as_new> of BCDelta::Session; after leave, it is one, and
until then there is none.  value returns what a query gives as JSON, decoded: a row as
a hash where it says so itself.  list returns an array of the rows' single
column, as text.

=cut

sub sql
{
	my ($self, $text) = @_;
	$self->{session} = BCDelta::Session->once($self->{session}, $self->{node}, $self->{db});
	return $self->{session}->as_new($text);
}

sub leave
{
	my ($self) = @_;
	my $session = delete $self->{session};
	$session->close if $session;
	return;
}

sub try
{
	my ($self, $text) = @_;
	my ($rc, $out, $err) = $self->{node}->psql($self->{db}, $text);
	return ($rc, $out, $err);
}

sub value
{
	my ($self, $query) = @_;
	my $text = $self->sql("SELECT to_jsonb(q) FROM ($query) AS q");
	utf8::encode($text) if utf8::is_utf8($text);
	return length $text ? $json->decode($text) : undef;
}

sub list
{
	my ($self, $query) = @_;
	return [ split /\n/, $self->sql($query) ];
}

=pod

=item $shop->random_statements

Makes the procedure C<statements(number, seed)> of a procedure C<statement()>
that the test has made: it calls that one so many times, in transactions some of
which are rolled back as a whole or in part.

=cut

sub random_statements
{
	my ($self) = @_;

	$self->sql(<<'EOC');
CREATE PROCEDURE statements(n int, seed float) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(seed);
	FOR i IN 1 .. n LOOP
		BEGIN
			CALL statement();
			IF random() < 0.2 THEN
				CALL statement();
				CALL statement();
			END IF;
			IF random() < 0.1 THEN
				RAISE EXCEPTION 'back' USING ERRCODE = 'BCD00';
			END IF;
		EXCEPTION WHEN unique_violation OR deadlock_detected OR SQLSTATE 'BCD00' OR foreign_key_violation
			OR serialization_failure OR lock_not_available THEN
		END;
		IF random() < 0.3 THEN
			COMMIT;
		ELSIF random() < 0.05 THEN
			ROLLBACK;
		ELSIF random() < 0.02 THEN
			PERFORM pg_sleep(0.05);
		END IF;
	END LOOP;
END
$$;
EOC
	return;
}

=pod

=item $shop->push(arguments), $shop->link(arguments), $shop->verify(arguments), $shop->run(id)

Calls the function, whose arguments are SQL, and returns the row of the run as
a hash.  start does the same in the background, see C<psql_start>.

=cut

sub push { return $_[0]->_run('push', $_[1]); }
sub link { return $_[0]->_run('link', $_[1]); }
sub verify { return $_[0]->_run('verify', $_[1]); }

sub _run
{
	my ($self, $function, $arguments) = @_;
	$arguments //= '';
	return $self->value("SELECT * FROM bcdelta.$function($arguments)");
}

sub run
{
	my ($self, $id) = @_;
	return $self->value("SELECT * FROM bcdelta.run WHERE run_id = $id");
}

sub last_run { return $_[0]->value('SELECT * FROM bcdelta.run ORDER BY run_id DESC LIMIT 1'); }

sub start
{
	my ($self, $sql) = @_;
	return psql_start($self->{node}, $self->{db}, $sql // 'SELECT * FROM bcdelta.push()');
}

=pod

=item $shop->wait_for(query, expected), $shop->wait_held(number)

Wait until a query gives this text (default: t), or until the store holds so
many requests.

=cut

sub wait_for
{
	my ($self, $query, $expected) = @_;
	my $found;
	$expected //= 't';
	eval {
		poll_until(sub { $found = eval { $self->sql($query) } // "error: $@"; $found eq $expected }, 'it');
	} or croak "timed out waiting for: $query\nexpected: $expected\nlast result: $found";
	return;
}

sub wait_held
{
	my ($self, $number) = @_;
	poll_until(sub { $self->{store}->counts->{held} >= $number }, "$number held requests");
	return;
}

=pod

=item $shop->stop_at(point), $shop->wait_stopped

From now on the worker stops at this point (see src/base/debug.h), for as long as
the session that is returned is open; wait until it has.  has_points says
whether the extension was built with such points.

=cut

sub has_points { return $_[0]->sql("SELECT current_setting('bcdelta.debug_points', true) = 'on'") eq 't'; }

sub stop_at
{
	my ($self, $point) = @_;
	my $session = BCDelta::Session->open($self->{node}, $self->{db});
	$session->sql("SELECT pg_advisory_lock(64021, hashtext('$point'))");
	return $session;
}

sub wait_stopped
{
	my ($self) = @_;
	$self->wait_for("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 64021 AND NOT granted");
	return;
}

=pod

=item $shop->pending, $shop->errors, $shop->outcomes(run_id)

The pending rows as a hash, "feed key" => state; the same with last_error; the
results of a run (default: the last one), "feed key" => outcome, of several the
last.

=cut

sub pending { return $_[0]->_pairs("SELECT feed || ' ' || key, state FROM bcdelta.pending"); }

sub errors
{
	return $_[0]->_pairs(
		"SELECT feed || ' ' || key, last_error FROM bcdelta.pending WHERE last_error IS NOT NULL");
}

sub outcomes
{
	my ($self, $id) = @_;
	$id //= '(SELECT max(run_id) FROM bcdelta.run)';
	return $self->_pairs("SELECT DISTINCT ON (feed, key) feed || ' ' || key, outcome
		FROM bcdelta.result WHERE run_id = $id ORDER BY feed, key, attempted_at DESC");
}

sub discrepancies
{
	my ($self, $id) = @_;
	$id //= '(SELECT max(run_id) FROM bcdelta.run)';
	return $self->list("SELECT concat_ws('|', feed, coalesce(key, '#' || store_id), kind, field,
		source_value, store_value) FROM bcdelta.discrepancy WHERE run_id = $id ORDER BY 1");
}

sub _pairs
{
	my ($self, $query) = @_;
	my ($name, $value) = ('name', 'value');
	return $self->value("SELECT coalesce(jsonb_object_agg(q.$name, q.$value), '{}') AS o
		FROM ($query) AS q ($name, $value)")->{o};
}

=pod

=item $shop->id(feed, key), $shop->records(kind, field), $shop->record(kind, id)

The store's id that a row is linked to; the records of a kind by one of their
fields, as a hash of hashes; one record.

=cut

sub id
{
	my ($self, $feed, $key) = @_;
	return $self->sql("SELECT store_id FROM bcdelta.link WHERE feed = '$feed' AND key = '$key'");
}

sub records
{
	my ($self, $kind, $field) = @_;
	return { map { $_->{$field} => $_ } @{ $self->{store}->state($kind) } };
}

sub record
{
	my ($self, $kind, $id) = @_;
	my ($record) = grep { ($_->{id} // $_->{category_id}) == $id } @{ $self->{store}->state($kind) };
	return $record;
}

=pod

=item $shop->hurry

Rows that wait are due now.

=cut

sub hurry
{
	my ($self) = @_;
	$self->sql(<<'EOC');
BEGIN;
LOCK TABLE bcdelta.pending IN SHARE ROW EXCLUSIVE MODE;
UPDATE bcdelta.pending SET next_attempt_at = clock_timestamp(), not_before = NULL WHERE state = 'waiting';
COMMIT;
EOC
	return;
}

=pod

=item $shop->calls, $shop->writes, $shop->requests, $shop->clear

The requests in the store's journal as a list of "METHOD path"; those that
write as the journal has them, and as a list of "METHOD path", with {id} for
ids, and the number of records if the body is an array; forget the journal.

=back

=cut

sub calls { return [ map { "$_->{method} $_->{path}" } $_[0]->{store}->journal ]; }
sub writes { return grep { $_->{method} ne 'GET' } $_[0]->{store}->journal; }
sub requests
{
	my ($self) = @_;
	return [
		map {
			my $path = $_->{path} =~ s/\d+/{id}/gr;
			ref $_->{body} eq 'ARRAY' ? "$_->{method} $path " . @{ $_->{body} } : "$_->{method} $path"
		} $self->writes
	];
}

sub clear { $_[0]->{store}->clear; return; }

1;
