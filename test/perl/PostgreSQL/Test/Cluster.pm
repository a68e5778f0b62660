
# PostgreSQL 13 and 14 call this module PostgresNode.  Newer majors have one
# of this name, which comes first in the search path.
package PostgreSQL::Test::Cluster;

use strict;
use warnings;

use PostgresNode;

sub new
{
	my ($class, $name, %params) = @_;
	return PostgresNode->get_new_node($name, %params);
}

1;
