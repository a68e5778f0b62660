
=pod

=head1 NAME

BCDelta::Faults - a store that fails at random, in every way there is, and a full disk

=head1 SYNOPSIS

  random_faults($store, $seed);
  random_faults($store, $seed, 0.2);
  ...
  $store->unfault;

  disk_may_fill($shop, 'result', 'run');
  $shop->sql("INSERT INTO full_disk VALUES ('result')");

=cut

package BCDelta::Faults;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

our @EXPORT = qw(disk_may_fill random_faults);

# Possible faults of a request, and their frequency per thousand; "times" limits
# those that take long.
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

sub status { return { status => $_[0], body => { status => $_[0], title => 'Trouble', errors => {} } }; }

my @faults = (
	(map { [ 9, "status $_", status($_) ] } 500, 502, 503, 504, 499),
	[ 9, 'HTML', { status => 502, html => $true } ],
	[ 16, 'lost before', { lose => 'before' } ],
	[ 16, 'lost after', { lose => 'after' } ],
	[ 16, 'cut', { cut => 20 } ],
	[ 10, 'malformed', { malformed => $true } ],
	[ 10, 'empty', { empty => $true } ],
	[ 10, 'closed', { close => $true } ],
	[ 10, 'HTML instead', { status => 200, html => $true } ],
	[ 10, 'HTML after', { html => $true, process => $true } ],
	[ 10, 'wrong type', { headers => { 'Content-Type' => 'text/html' } } ],
	[ 5, 'late', { delay_ms => 1300 }, { times => 3 } ],
	[ 8, 'status 413', status(413), { match => { method => 'PUT' } } ],
	[ 12, 'status 422', status(422), { match => { method => 'PUT' } } ],
	[ 50, 'stock trouble', status(503), { match => { path => 'absolute' } } ],
	[ 50, 'stock refused', { partial => { fail => [ 0, 2 ] } }, { match => { path => 'absolute' } } ],
	[ 50, 'stock refused without a reason', status(409), { match => { path => 'absolute' } } ],
	[ 12, 'partial', { partial => { fail => [1] } }, { match => { method => 'PUT', path => 'products', body => '\}.*\}' } } ],
	[ 12, 'partly saved', { partial => { fields => ['search_keywords'] } }, { match => { method => 'POST', path => 'products' } } ],
	[ 8, 'status 409', status(409), { match => { method => 'POST' } } ],
	[ 5, '429 with headers', { status => 429 }, { times => 1 } ],
	[ 5, '429 with a time', { status => 429, headers => { 'X-Retry-After' => '1' }, rate_headers => $false }, { times => 1 } ],
	[ 5, '429 with both', { status => 429, headers => { 'X-Retry-After' => '1' } }, { times => 1 } ],
	[ 5, '429 without', { status => 429, rate_headers => $false }, { times => 1 } ]);

=pod

=head1 FUNCTIONS

=over

=item random_faults(store, seed, part)

From now on each request meets each of the faults with its frequency, or with a
part of it.

=item disk_may_fill(shop, table, ...)

From now on writes to these tables of the extension fail while table C<full_disk>
has their names, as on a disk that is full.

=back

=cut

# The first matching fault is applied, so each gets its share of the remainder.
sub random_faults
{
	my ($store, $seed, $part) = @_;
	my $left = 1000;
	$store->control('faults', [
		map {
			my ($share, $name, $do, $more) = @$_;
			my $probability = $share * ($part // 1) / $left;
			$left -= $share;
			{ name => $name, do => $do, probability => $probability, seed => $seed++, %{ $more || {} } };
		} @faults ]);
	return;
}

sub disk_may_fill
{
	my ($shop, @tables) = @_;
	$shop->sql(<<'EOC');
CREATE TABLE public.full_disk (relation text);
CREATE FUNCTION public.write_to_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM public.full_disk WHERE relation = TG_TABLE_NAME) THEN
		RAISE disk_full USING MESSAGE = format('could not extend file of %s: No space left on device', TG_TABLE_NAME);
	END IF;
	RETURN NULL;
END
$$;
EOC
	$shop->sql("CREATE TRIGGER disk AFTER INSERT OR UPDATE OR DELETE ON bcdelta.$_ FOR EACH ROW EXECUTE FUNCTION public.write_to_disk()") foreach @tables;
	return;
}

1;
