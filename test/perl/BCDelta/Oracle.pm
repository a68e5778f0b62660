
=pod

=head1 NAME

BCDelta::Oracle - says what a field must have after it was changed on both sides

=head1 SYNOPSIS

  my $oracle = BCDelta::Oracle->new('review', 'old');
  $oracle->source('new');
  $oracle->store('by an editor');
  $oracle->pushed(1);
  ok($oracle->allows('by an editor'));
  is($oracle->is_open, 1);

=head1 DESCRIPTION

It knows the tables of docs/conflicts.md, and nothing of how bcdelta carries
them out.  While a push is disturbed, nobody can tell which of its requests were
carried out when, so the oracle has a set of states: one for each course that
things may have taken.  As long as nothing was changed during the push, the set
has one value in the end.

A state is what source and store had when they last agreed, or when a person
decided (C<bs>, C<bt>), the store's value (C<t>), a value that a request without
a known outcome may have written (C<sent>), a request that is still under way
(C<fly>), one that repeats what was read (C<echo>), a decision that is not carried out yet (C<choice>), whether it is left
to a person (C<open>), and the two values for which the policy has kept the store's
(C<kept>): it is not asked about these again.

=cut

package BCDelta::Oracle;

use strict;
use warnings;

my @PARTS = qw(bs bt t sent fly echo open kept);

=pod

=head1 METHODS

=over

=item BCDelta::Oracle->new(policy, value, repeated)

A field whose value both sides have.  The policy is its name, or a function that,
given the oracle and a state, returns what may be decided: C<source>, C<store> or
C<review>; without arguments, it returns a name.  Repeated: updates of other fields
repeat this one, as it was read before.

=cut

sub new
{
	my ($class, $policy, $value, $repeated) = @_;
	my $self = bless { repeated => $repeated, s => $value, pushed => $value, recent => [$value] }, $class;
	$self->{policy} = ref $policy ? $policy : sub { return $policy };
	$self->{states} = [ { bs => $value, bt => $value, t => $value, sent => '', fly => '', echo => '', open => 0, kept => '' } ];
	return $self;
}

sub _key
{
	my ($s) = @_;
	return join("\0", @$s{@PARTS}, map { $_ // '' } @{ $s->{choice} || {} }{qw(choice s t value)});
}

sub _set
{
	my ($self, @states) = @_;
	my %seen;
	$self->{states} = [ grep { !$seen{ _key($_) }++ } @states ];
	$self->{closed} = 0;
	return;
}

=pod

=item $oracle->source(value), $oracle->store(value), $oracle->resolve(choice, source, store, value)

The source, or somebody in the store, changes the field; a person decides on the
conflict that shows these values.

=cut

sub source
{
	my ($self, $value) = @_;
	$self->{s} = $value;
	push @{ $self->{recent} }, $value;
	$self->{closed} = 0;
	return;
}

sub store
{
	my ($self, $value) = @_;
	$self->_set(map { { %$_, t => $value } } @{ $self->{states} });
	return;
}

sub resolve
{
	my ($self, $choice, $s, $t, $value) = @_;
	$self->_set(map { { %$_, choice => { choice => $choice, s => $s, t => $t, value => $value } } } @{ $self->{states} });
	return;
}

# What a push decides that has read the record: the states without a request, and
# those with the value it writes, each as [state, value].
sub _decide
{
	my ($self, $s, $state) = @_;
	my %after = (%$state, open => 0, kept => '');
	my $choice = delete $after{choice};
	my $both = "$s\0$state->{t}";

	return [ { %after, bs => $s, bt => $s, sent => '' } ] if $state->{t} eq $s;
	if ($choice && $choice->{s} eq $s)
	{
		return [ { %after, bs => $s, bt => $state->{t}, sent => '' } ] if $choice->{choice} eq 'value' && $state->{t} eq $choice->{value};
		if ($choice->{t} eq $state->{t})
		{
			return [ { %after, bs => $s, bt => $state->{t}, sent => '' } ] if $choice->{choice} eq 'store';
			return [ { %after, choice => $choice }, $choice->{choice} eq 'value' ? $choice->{value} : $s ];
		}
	}
	my $ours = $state->{sent} ne '' && $state->{t} eq $state->{sent};
	my @kept = map { $_ eq 'source' ? () : [ { %after, open => $_ eq 'review' ? 1 : 0, kept => $both } ] } $self->{policy}->($self, $state);

	# a person has left them different, and only the store's value is on record
	return [ \%after ], @kept if !$ours && $state->{bs} ne $state->{bt} && $state->{t} ne $state->{bt} && ($s eq $state->{bs} || $s eq $state->{bt});
	return $ours ? [ \%after, $s ] : [ \%after ] if $s eq $state->{bs};
	return [ \%after, $s ] if $ours || $state->{t} eq $state->{bt};
	return [ { %after, open => $state->{open}, kept => $both } ] if $state->{kept} eq $both;
	return @kept, map { $_ eq 'source' ? [ \%after, $s ] : () } $self->{policy}->($self, $state);
}

# A value is written, and that is known.
sub _written { return { %{ $_[0] }, bs => $_[1], bt => $_[2], t => $_[2], sent => '', fly => '', kept => '', choice => undef }; }

=pod

=item $oracle->perhaps_pushed, $oracle->may_differ

A push that is disturbed is under way: everything that it may have done by now
becomes possible.  Called again, it adds nothing, unless something has changed
since, or what the policy may decide: C<may_differ> says that it has.

=cut

sub may_differ { $_[0]{closed} = 0; return; }

sub perhaps_pushed
{
	my ($self) = @_;
	return if $self->{closed};
	my @todo = @{ $self->{states} };
	my %seen = map { _key($_) => $_ } @todo;

	while (my $state = shift @todo)
	{
		my @next;
		if ($state->{fly} ne '')
		{
			my %done = (%$state, fly => '', t => $state->{fly});
			push @next, \%done, _written($state, $state->{fly}, $state->{fly}), { %$state, fly => '' };
		}
		push @next, { %$state, echo => '', t => $state->{echo} }, { %$state, echo => '' } if $state->{echo} ne '';
		push @next, { %$state, echo => $state->{t} } if $self->{repeated} && $state->{echo} eq '';
		foreach my $s (@{ $self->{recent} })
		{
			foreach ($self->_decide($s, $state))
			{
				my ($after, $value) = @$_;
				push @next, defined $value ? { %$after, sent => $value, fly => $value } : $after;
				push @next, _written($after, $s, $value) if defined $value;
			}
		}
		foreach (@next)
		{
			next if $seen{ _key($_) };
			$seen{ _key($_) } = $_;
			push @todo, $_;
		}
	}
	$self->{states} = [ values %seen ];
	$self->{closed} = 1;
	return;
}

=pod

=item $oracle->pushed(read)

A push has succeeded; it has read the record, unless read is false: then it need
not have.

=cut

sub pushed
{
	my ($self, $read) = @_;
	my @states = map { ({ %$_, echo => '' }, $_->{echo} ne '' ? { %$_, echo => '', t => $_->{echo} } : ()) } @{ $self->{states} };
	@states = map { ({ %$_, fly => '' }, $_->{fly} ne '' ? { %$_, fly => '', t => $_->{fly} } : ()) } @states;
	my @after;

	foreach my $state (@states)
	{
		# it may have been read before the store was changed once more
		push @after, $state if !$read && ($self->{s} eq $self->{pushed} || index($state->{kept}, "$self->{s}\0") == 0);
		push @after, map { my ($after, $value) = @$_; defined $value ? _written($after, $self->{s}, $value) : { %$after, sent => '' } } $self->_decide($self->{s}, $state);
	}
	$self->_set(@after);
	$self->{pushed} = $self->{s};
	$self->{recent} = [ $self->{s} ];
	return;
}

=pod

=item $oracle->allows(value), $oracle->values, $oracle->is_open

May the store have this value now?  Then only the states that have it remain.  The
values that it may have; whether the field is left to a person: 1, 0, or
undef if either may be.

=back

=cut

sub allows
{
	my ($self, $value) = @_;
	my @states = grep { $_->{t} eq $value } @{ $self->{states} } or return 0;
	$self->_set(@states);
	return 1;
}

sub values
{
	my ($self) = @_;
	my %values = map { $_->{t} => 1 } @{ $self->{states} };
	return sort keys %values;
}

sub is_open
{
	my ($self) = @_;
	my %open = map { $_->{open} => 1 } @{ $self->{states} };
	return keys %open == 1 ? (keys %open)[0] : undef;
}

1;
