# Every parameter that limits a list: what the store evaluates is never less
# than what the condition says, whatever the store leaves open.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('filters', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;

# Some records of each kind, with values that are alike, empty, or not there
my @seed = (
	brands => [ map { { id => 40 + $_, name => $_ == 3 ? 'Ärger, 50 % & mehr' : "Maker $_", page_title => $_ % 2 ? 'Title' : '' } } 1 .. 5 ],
	categories => [ map { { category_id => 30 + $_, name => "Group $_", parent_id => $_ > 2 ? 31 : 0, is_visible => $_ % 2 ? JSON::PP::true : JSON::PP::false } } 1 .. 5 ],
	products => [ map { {
			id => 100 + $_, name => "Chair $_", sku => $_ == 4 ? '' : $_ == 5 ? 'A,5' : "a-$_", brand_id => $_ % 3 ? 40 + $_ % 3 : 0, mpn => $_ % 2 ? 'M' : '', upc => $_ % 3 ? '12' : '',
			type => $_ % 2 ? 'physical' : 'digital', availability => $_ % 4 ? 'available' : 'disabled', is_visible => $_ % 2 ? JSON::PP::true : JSON::PP::false,
			date_modified => "2026-01-0$_" . 'T10:00:00+00:00' } } 1 .. 7 ],
	customer_groups => [ map { { id => $_, name => "Group $_" } } 1 .. 2 ],
	customers => [ map { { id => $_, email => "Person$_\@example.org", first_name => 'P', last_name => 'Q', company => $_ % 2 ? 'ACME, Inc' : 'Bolt', phone => "+1 $_", customer_group_id => $_ % 3 } } 1 .. 5 ],
	addresses => [ map { { id => $_, customer_id => 1 + $_ % 3, first_name => 'P', last_name => 'Q', company => $_ % 2 ? 'ACME' : '', address1 => "Street $_", city => 'Oslo', state_or_province => 'X', postal_code => '1', country_code => 'NO' } } 1 .. 5 ],
	attributes => [ map { { id => $_, name => "Attribute $_", type => 'string' } } 1 .. 3 ],
	attribute_values => [ map { { customer_id => $_, attribute_id => 1 + $_ % 3, attribute_value => "v$_" } } 1 .. 4 ],
	price_lists => [ map { { id => $_, name => "List $_" } } 3 .. 5 ],
	redirects => [ map { { id => $_, site_id => 1000, from_path => "/old-$_", to => { type => 'url', url => "https://example.org/$_" } } } 1 .. 4 ],
	product_metafields => [ map { { id => $_, resource_id => 101, namespace => $_ % 2 ? 'erp' : 'pim', key => "k$_", value => 'v', permission_set => 'read' } } 1 .. 4 ],
	brand_metafields => [ map { { id => $_, resource_id => 41, namespace => 'erp', key => "k$_", value => 'v', permission_set => 'read' } } 1 .. 2 ]);
while (my ($what, $records) = splice(@seed, 0, 2))
{
	$store->seed($what, $records);
}
$store->settings({ locations => [ { id => 1 }, { id => 2, code => 'WEST', label => 'West' }, { id => 3, code => 'EAST', label => 'East' } ] });
$shop->sql(<<'EOC');
SET bcdelta.max_calls = 0;
CREATE SCHEMA store;
CREATE SCHEMA copy;
IMPORT FOREIGN SCHEMA bigcommerce FROM SERVER shop INTO store;
DO $$
DECLARE t name;
BEGIN
	FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'store'::regnamespace LOOP
		EXECUTE format('CREATE TABLE copy.%I AS TABLE store.%1$I', t);
	END LOOP;
END $$;
-- conditions that the store evaluates
CREATE FUNCTION conditions(t name) RETURNS TABLE (condition text) LANGUAGE plpgsql AS $$
DECLARE
	c record;
	o text;
	vals text[];
BEGIN
	FOR c IN SELECT attname, format_type(atttypid, atttypmod) AS type,
			string_to_array(substring(col_description(attrelid, attnum) FROM 'conditions with (.*) are evaluated'), ', ') AS ops
		FROM pg_attribute WHERE attrelid = format('store.%I', t)::regclass AND attnum > 0
	LOOP
		CONTINUE WHEN c.ops IS NULL;
		EXECUTE format('SELECT array_agg(DISTINCT quote_literal(v::text)) FROM (SELECT %1$I AS v FROM copy.%2$I WHERE %1$I IS NOT NULL
			UNION ALL SELECT CASE WHEN %3$L LIKE ''time%%'' THEN ''2026-01-03 10:00:00.5+00'' WHEN %3$L = ''bigint'' THEN ''0'' WHEN %3$L = ''boolean'' THEN ''t'' ELSE ''nothing'' END::%3$s
			UNION ALL SELECT upper(%1$I::text)::%3$s FROM copy.%2$I WHERE %3$L = ''text'') AS v', c.attname, t, c.type) INTO vals;
		FOREACH o IN ARRAY c.ops LOOP
			IF o = 'IN' THEN
				RETURN QUERY SELECT format('%I IN (%s)', c.attname, array_to_string(vals[1:3], ', '));
				RETURN QUERY SELECT format('%I IN (%s)', c.attname, string_agg(v, ', ')) FROM unnest(vals) AS v WHERE v NOT LIKE '%,%' AND v NOT IN (quote_literal(''), quote_literal('0'));
				RETURN QUERY SELECT format('%I = ANY (ARRAY(SELECT %1$I FROM copy.%I))', c.attname, t);
			ELSE
				RETURN QUERY SELECT format('%I %s %s', c.attname, o, v) FROM unnest(vals) AS v;
				RETURN QUERY SELECT format('%1$I %2$s %3$s AND %1$I %2$s %4$s', c.attname, o, vals[1], vals[2]) WHERE cardinality(vals) > 1;
			END IF;
		END LOOP;
	END LOOP;
END $$;
EOC

# The same conditions of the foreign table and of a copy
sub same_as_copy
{
	my ($what) = @_;
	foreach my $table (@{ $shop->list("SELECT relname FROM pg_class WHERE relnamespace = 'store'::regnamespace ORDER BY 1") })
	{
		my $n = $shop->sql(<<"EOC");
SET bcdelta.max_calls = 0;
DO \$\$
DECLARE
	c text;
	got text;
	want text;
	n int := 0;
BEGIN
	FOR c IN SELECT condition FROM conditions('$table') LOOP
		EXECUTE format('SELECT count(*) || '' '' || coalesce(sum(hashtext(t::text)), 0) FROM store.$table t WHERE %s', c) INTO got;
		EXECUTE format('SELECT count(*) || '' '' || coalesce(sum(hashtext(t::text)), 0) FROM copy.$table t WHERE %s', c) INTO want;
		IF got <> want THEN RAISE WARNING '%: % rather than %', c, got, want; END IF;
		EXECUTE format('SELECT count(*) FROM store.$table WHERE %s', c) INTO got;
		EXECUTE format('SELECT count(*) FROM copy.$table WHERE %s', c) INTO want;
		IF got <> want THEN RAISE WARNING 'count(*) with %: % rather than %', c, got, want; END IF;
		n := n + 1;
	END LOOP;
	CREATE TEMP TABLE tried AS SELECT n;
END \$\$;
SELECT n FROM tried;
EOC
		ok(defined $n && $n > 0 || $shop->sql("SELECT count(*) FROM copy.$table") == 0, "$what: $table, $n conditions");
	}
	return;
}

subtest 'each condition has the rows that it has for a copy' => sub {
	$shop->clear;
	my $log = $shop->node->logfile;
	my $before = -s $log;
	same_as_copy('documented');
	is_deeply([ grep { $_->{status} >= 400 } $store->journal ], [], 'the store refuses nothing');
	my %sent;
	foreach my $call ($store->journal)
	{
		(my $path = $call->{path}) =~ s{^/v3}{};
		$sent{"$path $1"} = 1 while ($call->{query} // '') =~ /([a-z_]+(?::[a-z]+)?)=/g;
	}
	foreach my $expected (map { "/catalog/products $_" } qw(id id:in id:min id:max id:greater id:less availability brand_id date_modified:min date_modified:max is_visible mpn name sku sku:in type upc))
	{
		ok($sent{$expected}, "$expected is used");
	}
	$store->settings({ date_bounds => 'excluded', names_ignore_case => JSON::PP::true, variant_sku_exact => JSON::PP::false, comma_escape => JSON::PP::true });
	same_as_copy('otherwise');
	my $differences = slurp_from($log, $before);
	is($differences, '', 'the same rows and counts');
};

subtest 'compared with a copy of itself, a table agrees in every field' => sub {
	$store->settings({ date_bounds => 'included' });
	foreach my $table (@{ $shop->list("SELECT relname FROM pg_class WHERE relnamespace = 'store'::regnamespace ORDER BY 1") })
	{
		my $key = $table eq 'category' ? 'category_id' : 'id';
		my ($rc, $out, $err) = $shop->try(<<"EOC");
ALTER TABLE copy.$table ADD PRIMARY KEY ($key);
SET client_min_messages = warning;
SELECT bcdelta.track('copy.$table', 'shop', '$table', feed => '$table', capture => 'none');
INSERT INTO bcdelta.link (feed, key, store_id, address) SELECT '$table', $key, $key, $key FROM copy.$table;
SET bcdelta.max_calls = 0;
SELECT 'SELECT key, verdict, differing FROM (' || bcdelta.compare('$table') || E'\\n) AS c WHERE verdict <> ''same''' \\gexec
SELECT 'SELECT ''rows '' || count(*) FROM (' || bcdelta.compare('$table') || E'\\n) AS c' \\gexec
EOC
		is($err, '', "$table: no error");
		is($out, "$table\nrows " . $shop->sql("SELECT count(*) FROM copy.$table"), "$table: it agrees");
	}
};

sub slurp_from
{
	my ($file, $from) = @_;
	open(my $in, '<', $file) or die "$file: $!";
	seek($in, $from, 0);
	return join('', map { /WARNING:  (.*)/s ? $1 : () } <$in>);
}

done_testing();
