
=pod

=head1 NAME

BCDelta::Test - servers and stores for bcdelta's TAP tests

=head1 SYNOPSIS

  use BCDelta::Test;

  my $store = BCDelta::Store->start;
  my $node = bcdelta_node('main', databases => ['shop']);
  $node->safe_psql('shop', create_server_sql($store));
  ...
  my $push = psql_start($node, 'shop', 'SELECT * FROM bcdelta.push()');
  kill_worker($node, 'shop', 'KILL');
  my ($rc, $out, $err) = $push->finish;
  is(scalar $store->journal(method => 'POST'), 1, 'sent once');

=head1 DESCRIPTION

Everything works with the TAP modules of PostgreSQL 13 and newer.  Nothing
here sleeps for a fixed time; wait with C<poll_until> or
C<< $node->poll_query_until >>.

=cut

package BCDelta::Test;

use strict;
use warnings;

use Carp;
use Exporter 'import';
use IPC::Run ();
use Time::HiRes qw(sleep time);

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use BCDelta::Store;

our @EXPORT = qw(
  bcdelta_node
  crash_server
  create_server_sql
  kill_worker
  poll_until
  psql_open
  psql_start
  restore_some
  standby_of
  try_sql
  wait_for_worker
  worker_pid
);

our $timeout = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 180;

=pod

=head1 FUNCTIONS

=over

=item bcdelta_node(name, databases => [...], conf => text, extension => 0)

A running server with bcdelta preloaded.  The databases (default: shop) exist,
have the extension unless C<< extension => 0 >>, and are served by a worker.
C<init> may hold arguments for the node's C<init>, C<create> options of
C<CREATE DATABASE>, C<install_path> another installation of PostgreSQL.

=cut

sub bcdelta_node
{
	my ($name, %params) = @_;
	my @databases = @{ $params{databases} || ['shop'] };
	my $extension = $params{extension} // 1;

	my $node = PostgreSQL::Test::Cluster->new($name, $params{install_path} ? (install_path => $params{install_path}) : ());
	{
		# To copy what initdb has made takes a tenth of the time
		my $program = \&PostgreSQL::Test::Utils::system_or_bail;
		my $template = $params{install_path} ? undef : $ENV{BCDELTA_TEMPLATE};
		no warnings 'redefine';
		local *PostgreSQL::Test::Utils::system_or_bail = sub { $program->($_[0] eq 'initdb' ? ('cp', '-R', $template, $node->data_dir) : @_) }
		  if $template;
		$node->init(extra => [ '--encoding=UTF8', '--locale=C' ], @{ $params{init} || [] });
	}
	$node->append_conf('postgresql.conf', <<"EOC");
shared_preload_libraries = 'bcdelta'
max_worker_processes = 16
restart_after_crash = on
log_line_prefix = '%m [%p] %b %q%a '
bcdelta.confirm_after = 0
EOC
	$node->append_conf('postgresql.conf', $params{conf}) if defined $params{conf};
	$node->start;

	foreach my $database (@databases)
	{
		$node->safe_psql('postgres', "CREATE DATABASE \"$database\" " . ($params{create} // ''))
		  unless $database eq 'postgres';
		$node->safe_psql($database, 'CREATE EXTENSION bcdelta') if $extension;
	}

	# A worker that finds no database waits before it tries again, so they are
	# named only now.
	$node->append_conf('postgresql.conf', "bcdelta.databases = '" . join(', ', @databases) . "'");
	$node->reload;
	wait_for_worker($node, $_) foreach $extension ? @databases : ();
	return $node;
}

=pod

=item create_server_sql(store, name => 'shop', token => ..., option => value, ...)

SQL that makes a foreign server and a user mapping for a store.  Options other
than C<name> and C<token> are server options.

=cut

sub create_server_sql
{
	my ($store, %options) = @_;
	my $name = delete $options{name} // 'shop';
	my $token = delete $options{token} // $store->token;

	%options = (store_hash => $store->hash, api_url => $store->url, %options);
	my $list = join(', ', map { "$_ " . quote_literal($options{$_}) } sort keys %options);
	$token = quote_literal($token);
	return <<"EOC";
CREATE SERVER "$name" FOREIGN DATA WRAPPER bcdelta OPTIONS ($list);
CREATE USER MAPPING FOR CURRENT_USER SERVER "$name" OPTIONS (access_token $token);
EOC
}

sub quote_literal
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	return "'$text'";
}

=pod

=item poll_until(sub, what, seconds)

Call the sub until it returns something true, and return that.  Dies after
some time, saying what was waited for.

=cut

sub poll_until
{
	my ($sub, $what, $seconds) = @_;
	my $end = time() + ($seconds // $timeout);

	while (1)
	{
		my $result = $sub->();
		return $result if $result;
		croak "timed out waiting for $what" if time() > $end;
		sleep(0.05);
	}
}

=pod

=item try_sql(node, database, sql)

Returns (exit status, output, errors) of psql.  Unlike the node's own psql it
does not die when the server is down or goes away.

=cut

sub try_sql { return psql_start(@_)->finish; }

=pod

=item worker_pid(node, database)

Process id of the database's worker, undef when there is none or the server
does not answer.

=cut

sub worker_pid
{
	my ($node, $database) = @_;
	my ($rc, $out) = try_sql($node, 'postgres',
		"SELECT pid FROM pg_stat_activity
		 WHERE backend_type = 'bcdelta worker' AND datname = '$database'");
	return $rc == 0 && $out =~ /^\d+$/ ? $out : undef;
}

=pod

=item standby_of(node, name)

A standby of a node that was initialized with C<allows_streaming>; it streams,
and knows that it does.

=cut

sub standby_of
{
	my ($primary, $name) = @_;
	$primary->backup($name);
	my $standby = PostgreSQL::Test::Cluster->new($name);
	$standby->init_from_backup($primary, $name, has_streaming => 1);
	$standby->start;
	# one without the note that it streams is no standby once its primary is
	# gone; that of its primary was copied
	my $note = $standby->data_dir . '/bcdelta_place';
	poll_until(sub { -f $note && index(slurp_file($note), $standby->data_dir) > 0 }, 'the note that it streams');
	return $standby;
}

=pod

=item restore_some(node, database, dump, which)

Restore those entries of a dump whose line in its list matches.

=cut

sub restore_some
{
	my ($node, $database, $dump, $which) = @_;
	my ($list) = run_command([ 'pg_restore', '-l', $dump ]);
	my $file = $node->basedir . '/restore_list';

	unlink $file;
	append_to_file($file, join('', map { "$_\n" } grep { $_ =~ $which } split(/\n/, $list)));
	return $node->command_ok([ 'pg_restore', '--exit-on-error', '-L', $file, '-d', $node->connstr($database), $dump ],
		"restore a part into $database");
}

=pod

=item wait_for_worker(node, database, not_pid)

Wait until a worker serves the database, one with another process id than the
given one if any, and return its process id.

=cut

sub wait_for_worker
{
	my ($node, $database, $not_pid) = @_;
	return poll_until(
		sub {
			my $pid = worker_pid($node, $database);
			return undef if !defined $pid || (defined $not_pid && $pid == $not_pid);
			my ($rc, $out) = try_sql($node, $database, 'SELECT bcdelta.worker_state()');
			return $rc != 0 || $out eq 'running' ? $pid : undef;
		},
		"a worker for database $database");
}

=pod

=item kill_worker(node, database, signal)

Send a signal (default KILL, which makes the server restart all its processes)
to the database's worker, and wait until a new one is there.  Returns its
process id.

=cut

sub kill_worker
{
	my ($node, $database, $signal) = @_;
	my $pid = worker_pid($node, $database);

	croak "there is no worker for database $database" unless defined $pid;
	kill($signal // 'KILL', $pid) or croak "could not signal process $pid: $!";
	poll_until(sub { !kill(0, $pid) }, "process $pid to end");
	return wait_for_worker($node, $database, $pid);
}

=pod

=item crash_server(node, database)

Kill the whole server, postmaster and all, start it again, and wait for the
database's worker.

=cut

sub crash_server
{
	my ($node, $database) = @_;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @children = map { /^\s*(\d+)\s+$postmaster\s*$/ ? $1 : () } split /\n/, `ps -A -o pid= -o ppid=`;
	my $all = join(',', $postmaster, @children);

	# The postmaster first, so that it sees none of its children die.
	$node->kill9;
	kill('KILL', @children);
	# A dead process that nobody has waited for yet would pass for alive, to us
	# and to the next postmaster.
	poll_until(sub { `ps -o stat= -p $all` !~ /^[^Z\n]/m }, 'all processes of the server to end');
	unlink($node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock');
	$node->start;
	return wait_for_worker($node, $database);
}

=pod

=item psql_start(node, database, sql)

Run SQL in a psql of its own, in the background.  The object returned has
C<finish>, which waits and returns (exit status, output, errors), C<running>,
and C<cancel>, which does what Ctrl-C does.

=item psql_open(node, database)

A session that stays open: the object has C<query>, which runs SQL, waits for
its end and returns its output, and C<finish>.

=back

=cut

sub psql_open
{
	my ($node, $database) = @_;
	my $self = { in => '', out => '', err => '' };

	$self->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database) ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, IPC::Run::timer($timeout));
	return bless $self, 'BCDelta::Psql';
}

sub psql_start
{
	my ($node, $database, $sql) = @_;
	my $self = { out => '', err => '' };

	$self->{run} = IPC::Run::start(
		[
			'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-c', $sql
		],
		'<', \undef, '>', \$self->{out}, '2>', \$self->{err},
		IPC::Run::timer($timeout));
	return bless $self, 'BCDelta::Psql';
}

package BCDelta::Psql;

sub running
{
	my ($self) = @_;
	# dies if the process has ended meanwhile
	return eval { $self->{run}->pump_nb; 1 } && $self->{run}->pumpable;
}

sub query
{
	my ($self, $sql) = @_;
	$self->{out} = '';
	$self->{in} .= "$sql;\n\\echo <done>\n";
	$self->{run}->pump until $self->{out} =~ s/<done>\n$//;
	chomp $self->{out};
	return $self->{out};
}

sub cancel { $_[0]->{run}->signal('INT'); return; }

sub finish
{
	my ($self) = @_;
	$self->{run}->finish;
	chomp($self->{out}, $self->{err});
	return ($self->{run}->result(0), $self->{out}, $self->{err});
}

1;
