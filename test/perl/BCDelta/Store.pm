
=pod

=head1 NAME

BCDelta::Store - the simulated BigCommerce store of bcdelta's TAP tests

=head1 SYNOPSIS

  my $store = BCDelta::Store->start;
  $store->control('seed', { ... });
  my @posts = $store->journal(method => 'POST');
  $store->stop;

=head1 DESCRIPTION

Runs test/store/bcstore.py on a free port.  It ends with this object, and when
this process ends in whatever way.

=cut

package BCDelta::Store;

use strict;
use warnings;

use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);

my $program = abs_path(dirname(__FILE__) . '/../../store/bcstore.py');
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $decoder = decoder();
my $number = 0;

# JSON::XS, if it is there, is a hundred times faster. But it takes numbers for
# text that have been printed.
sub decoder { return (eval { require JSON::XS } ? 'JSON::XS' : 'JSON::PP')->new->utf8->allow_nonref; }

# HTTP::Tiny sends the body after the header. Without this option, the system
# keeps the body until the header is acknowledged, which takes 40 ms.
{
	no warnings 'redefine';
	my $connect = \&HTTP::Tiny::Handle::connect;
	*HTTP::Tiny::Handle::connect = sub {
		my $handle = $connect->(@_);
		setsockopt($handle->{fh}, IPPROTO_TCP, TCP_NODELAY, 1);
		return $handle;
	};
}

=pod

=head1 METHODS

=over

=item BCDelta::Store->start(token => ..., hash => ..., port => ..., args => [...])

=cut

sub start
{
	my ($class, %params) = @_;
	my $self = bless {
		token => $params{token} // 'test-token',
		hash => $params{hash} // 'teststore',
		port => $params{port} // 0,
		args => $params{args} // [],
		log => ($ENV{TESTLOGDIR} // ($ENV{TESTDIR} // '.') . '/tmp_check/log')
		  . '/' . ($0 =~ m{([^/]+?)(?:\.pl)?$})[0] . '_store' . (++$number) . '.log',
	}, $class;
	$self->{http} = HTTP::Tiny->new(timeout => $ENV{PG_TEST_TIMEOUT_DEFAULT} // 30);
	$self->_run;
	return $self;
}

sub _run
{
	my ($self) = @_;

	pipe(my $in_read, my $in_write) or croak "pipe: $!";
	pipe(my $out_read, my $out_write) or croak "pipe: $!";
	my $pid = fork() // croak "fork: $!";
	if ($pid == 0)
	{
		open(STDIN, '<&', $in_read) and open(STDOUT, '>&', $out_write) or die "dup: $!";
		open(STDERR, '>>', $self->{log}) or open(STDERR, '>', '/dev/null');
		close($in_write);
		close($out_read);
		exec('python3', $program, '--port', $self->{port}, '--token', $self->{token},
			'--store-hash', $self->{hash}, '--watch-stdin', @{ $self->{args} })
		  or die "could not run python3: $!";
	}
	close($in_read);
	close($out_write);

	# The port comes on a line of its own, then the end: ready.
	my $port = <$out_read>;
	croak "the simulated store did not start, see $self->{log}"
	  unless defined $port && $port =~ /^(\d+)$/;
	@$self{qw(port pid stdin)} = ($1, $pid, $in_write);
	close($out_read);
	return;
}

=pod

=item $store->stop, $store->kill, $store->restart

stop ends it, kill does so without any warning.  restart starts it again on
the same port, with nothing in it.

=cut

sub stop
{
	my ($self, $signal) = @_;
	return unless $self->{pid};
	CORE::kill($signal // 'TERM', $self->{pid});
	close(delete $self->{stdin});
	local $?;
	waitpid(delete $self->{pid}, 0);
	return;
}

sub kill { $_[0]->stop('KILL'); return; }

sub restart
{
	my ($self) = @_;
	$self->stop;
	$self->_run;
	return;
}

sub DESTROY { $_[0]->stop; return; }

=pod

=item $store->token, $store->hash, $store->port, $store->url, $store->pid

=cut

sub token { return $_[0]->{token}; }
sub hash { return $_[0]->{hash}; }
sub port { return $_[0]->{port}; }
sub pid { return $_[0]->{pid}; }
sub log_file { return $_[0]->{log}; }
sub url { return "http://127.0.0.1:$_[0]->{port}"; }

=pod

=item $store->control(name, data, method)

Ask the control interface (see test/store): GET without data, else POST with
data as JSON.  Returns the decoded answer.  control_text returns it as it came,
for numbers whose digits matter.

=item $store->state(kind), $store->counts, $store->settings(changes), $store->clear

Records of a kind (products, brands, categories, stock, locations); counters;
change settings; forget the journal and the counters.

=item $store->levels(product_id), $store->settle, $store->violations

The stock of a product that can be read now, as a hash from location to number;
make all adjustments that wait readable; how often the rules of adjustments were
broken, as a hash from the name of the rule (see test/store/README.md).

=item $store->fault(spec), $store->unfault, $store->hold(spec), $store->release(spec)

=item $store->seed(kind, [records]), $store->edit(resource, id, changes), $store->remove(resource, id)

Records put in, changed and removed without a request.

=cut

sub control
{
	my $text = control_text(@_);
	return length $text ? $decoder->decode($text) : undef;
}

sub control_text
{
	my ($self, $name, $data, $method) = @_;
	return $self->_request(
		$method // (defined $data ? 'POST' : 'GET'),
		"/_control/$name", {}, defined $data ? $json->encode($data) : undef);
}

sub state { return $decoder->decode($_[0]->control_text("state/$_[1]")); }
sub counts { return $_[0]->control('counts'); }
sub levels { return $_[0]->control("state/stock?ids=$_[1]")->[0]{levels}; }
sub settle { return $_[0]->control('settle', {}); }
sub violations { return $_[0]->counts->{violations}; }
sub settings { return $_[0]->control('settings', $_[1]); }
sub clear { return $_[0]->control('journal', undef, 'DELETE'); }
sub fault { return $_[0]->control('faults', $_[1]); }
sub unfault { return $_[0]->control('faults', undef, 'DELETE'); }
sub hold { return $_[0]->control('hold', $_[1]); }
sub release { return $_[0]->control('release', $_[1] // {}); }
sub seed { return $_[0]->control('seed', { kind => $_[1], records => $_[2] }); }
sub edit { return $_[0]->control('edit', { resource => $_[1], id => 0 + $_[2], set => $_[3] }); }
sub remove { return $_[0]->control('remove', { resource => $_[1], id => 0 + $_[2] }); }

=pod

=item $store->api(method, path, data)

A request as somebody else's app would make it, or the merchant in the control
panel.  The path starts after /v3.  Dies unless the answer is a success.

=cut

sub api
{
	my ($self, $method, $path, $data) = @_;
	my $text = $self->_request(
		$method, "/stores/$self->{hash}/v3$path",
		{ 'X-Auth-Token' => $self->{token} },
		defined $data ? $json->encode($data) : undef);
	return length $text ? $decoder->decode($text) : undef;
}

sub _request
{
	my ($self, $method, $path, $headers, $content) = @_;
	my $response = $self->{http}->request(
		$method,
		$self->url . $path,
		{
			headers => {
				Accept => 'application/json',
				%$headers, defined $content ? ('Content-Type' => 'application/json') : ()
			},
			defined $content ? (content => $content) : ()
		});
	croak "$method $path: $response->{status} $response->{content}" unless $response->{success};
	return $response->{content} // '';
}

=pod

=item $store->journal(key => value, ...)

The requests received, oldest first, as hashes (n, method, path, query, body,
status, created, changed, deleted, ...); only those whose entries are equal to
the values given, or match them (a qr//).

=back

=cut

sub journal
{
	my ($self, %want) = @_;
	my @entries = @{ $self->control('journal')->{entries} };

	foreach my $key (keys %want)
	{
		my $value = $want{$key};
		@entries = grep {
			my $is = $_->{$key} // '';
			ref $value eq 'Regexp' ? $is =~ $value : $is eq $value
		} @entries;
	}
	return @entries;
}

1;
