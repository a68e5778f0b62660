
=pod

=head1 NAME

BCDelta::Session - a database session that stays open

=head1 SYNOPSIS

  my $one = BCDelta::Session->open($node, 'shop');
  $one->sql('BEGIN');
  $one->send('UPDATE item SET name = $$x$$ WHERE id = 1');    # may block
  is($two->value('SELECT count(*) FROM item'), 3);
  $one->wait;
  $one->close;

=head1 DESCRIPTION

A psql in the background that takes one statement after the other, for tests
with transactions of several sessions that overlap.  Made of IPC::Run, since
the servers' own test modules have something like it from PostgreSQL 16 on
only.

=cut

package BCDelta::Session;

use strict;
use warnings;

use Carp;
use IPC::Run ();

our $timeout = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 180;

=pod

=head1 METHODS

=over

=item BCDelta::Session->open(node, database, stop)

With C<stop>, the session ends with the first error, as that of a script does.

=cut

sub open
{
	my ($class, $node, $database, $stop) = @_;
	my $self = bless { in => '', out => '', err => '', n => 0, node => $node, database => $database }, $class;

	$self->{timer} = IPC::Run::timer($timeout);
	$self->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=' . ($stop ? 1 : 0), '-d', $node->connstr($database) ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, $self->{timer});
	return $self;
}

=pod

=item BCDelta::Session->once(session, node, database), $session->as_new(sql)

once opens a session, unless the one given is of this node and database, and the
server has not ended it. as_new runs statements as a session of their own would,
and returns what they print: it ends with the first error, which it dies of, and
keeps no setting, role, temporary table or lock.  A session of their own takes
ten times as long as most statements.

=cut

# The server that runs, by its process and its start
sub server_of
{
	my ($node) = @_;
	CORE::open(my $file, '<', $node->data_dir . '/postmaster.pid') or return '';
	return join('', (<$file>)[ 0 .. 2 ]);
}

sub once
{
	my ($class, $self, $node, $database) = @_;
	# A backend may be dead, but not waited for yet, only if its server is gone
	my $server = server_of($node);
	return $self
	  if $self && $self->{node} == $node && $self->{database} eq $database && $self->{backend} && $self->{server} eq $server && kill(0, $self->{backend});
	$self = $class->open($node, $database, 1);
	$self->{backend} = $self->as_new('SELECT pg_backend_pid()');
	$self->{server} = $server;
	return $self;
}

sub as_new
{
	my ($self, $sql) = @_;
	my $end = 'done-' . ++$self->{n} . "\n";
	my $ended = sub { length $self->{out} >= length $end && substr($self->{out}, -length $end) eq $end };
	local ($?, $SIG{PIPE}) = (0, 'IGNORE');

	$self->{out} = $self->{err} = '';
	$self->{in} .= "$sql\n;\nDISCARD ALL;\n\\echo $end";
	$self->{timer}->start($timeout);
	# It dies once psql has ended, too
	eval { $self->{run}->pump until $ended->() };
	return substr($self->{out}, 0, -length $end) =~ s/\n\z//r if $ended->();
	my $died = $@;
	delete $self->{backend};
	eval { $self->{run}->finish };
	croak "error running SQL: '" . ($self->{err} || $died) . "'\nwhile running '$sql'";
}

=pod

=item $session->send(sql), $session->wait

send starts a statement and returns at once; wait waits for the end of it and
returns what it printed, and dies of an error.  try_wait returns output and
errors instead.

=cut

sub send
{
	my ($self, $sql) = @_;
	$self->{n}++;
	$self->{out} = $self->{err} = '';
	$self->{in} .= "$sql\n;\n\\echo done-$self->{n}\n\\warn done-$self->{n}\n";
	$self->{run}->pump_nb;
	return;
}

sub try_wait
{
	my ($self) = @_;
	$self->{timer}->start($timeout);
	$self->{run}->pump until $self->{out} =~ /^done-$self->{n}$/m && $self->{err} =~ /^done-$self->{n}$/m;
	my ($out, $err) = ($self->{out}, $self->{err});
	s/^done-$self->{n}\n//m foreach $out, $err;
	chomp($out, $err);
	return ($out, $err);
}

sub wait
{
	my ($self) = @_;
	my ($out, $err) = $self->try_wait;
	croak $err if $err =~ /^(ERROR|FATAL|PANIC|psql):/m || $err =~ /server closed/;
	return $out;
}

=pod

=item $session->sql(text), $session->try(text)

send and wait; the latter returns output and errors.

=item $session->close

=back

=cut

sub sql
{
	my ($self, $sql) = @_;
	$self->send($sql);
	return $self->wait;
}

sub try
{
	my ($self, $sql) = @_;
	$self->send($sql);
	return $self->try_wait;
}

sub close
{
	my ($self) = @_;
	$self->{in} .= "\\q\n";
	$self->{timer}->start($timeout);
	$self->{run}->finish;
	return;
}

1;
