# What queries on foreign tables ask the store for, as in test/foreign/requests,
# and that their rows are those of the same queries on local tables with the
# records of the store.

use strict;
use warnings;

use BCDelta::Foreign;
use BCDelta::Test;
use File::Basename qw(dirname);
use Test::More;

my $foreign = BCDelta::Foreign->open('requests');
my $file = dirname(__FILE__) . '/../foreign/requests';

sub read_file
{
	my ($path) = @_;
	open my $f, '<:encoding(UTF-8)', $path or die "$path: $!";
	local $/;
	return <$f>;
}

# Each statement as it is in the file, and the lines with its requests
my ($head, @blocks) = split /^(?=[^\t\n-])/m, read_file($file);
my $found = $head;
my %wrong;
foreach my $block (@blocks)
{
	my ($line, $rest) = split /\n/, $block, 2;
	my $blank = ($rest // '') =~ /\n\n\z|^\n\z/ ? "\n" : '';
	my ($unlike, $sql) = $line =~ /^(# )?(.*)/;
	$sql = $foreign->with_ids($sql);
	my ($rows, @requests) = $foreign->ask($sql);
	# tables that are read side by side
	@requests = sort @requests if $sql =~ /UNION ALL/;
	$found .= "$line\n" . join('', map { "\t" . $foreign->without_ids($_) . "\n" } @requests) . $blank;
	next if $unlike;
	my $local = $foreign->local($sql);
	$wrong{$line} = { foreign => $rows, local => $local } if $rows ne $local;
}
is_deeply(\%wrong, {}, scalar(@blocks) . ' statements have the rows of the same ones on local tables') or diag(explain(\%wrong));
is($foreign->store->counts->{violations} && join(' ', %{ $foreign->store->counts->{violations} }), '', 'no rule of the API was broken');
if ($ENV{ACCEPT_REQUESTS})
{
	open my $f, q(>:encoding(UTF-8)), $ENV{ACCEPT_REQUESTS} or die "$ENV{ACCEPT_REQUESTS}: $!";
	print $f $found;
	close $f;
}
SKIP:
{
	skip 'the planner chooses other joins before PostgreSQL 14', 1 if $foreign->shop->sql('SHOW server_version_num') < 140000;
	is($found, read_file($file), 'and ask for what they should');
}

done_testing();
