
# PostgreSQL 13 and 14 call this module TestLib.  Newer majors have one of
# this name, which comes first in the search path.
package PostgreSQL::Test::Utils;

use strict;
use warnings;

use Exporter 'import';
use TestLib;

our @EXPORT = @TestLib::EXPORT;

*tempdir = \&TestLib::tempdir;
*tempdir_short = \&TestLib::tempdir_short;
our $timeout_default = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 180;

1;
