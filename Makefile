# bcdelta: delta migration from PostgreSQL to BigCommerce

EXTENSION = bcdelta
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" $(EXTENSION).control)

MODULE_big = $(EXTENSION)
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*/*.c)))

# The full script of the newest version is made from sql/bcdelta.sql.  That of
# 0.1.0 is kept as it was released, for the test of the upgrade from it; what
# it names in the library has to stay there.
DATA = sql/$(EXTENSION)--0.1.0.sql $(sort $(wildcard sql/$(EXTENSION)--*--*.sql))
DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql

PKG_CONFIG ?= pkg-config
PG_CPPFLAGS = -I$(srcdir)/src -DEXTVERSION='"$(EXTVERSION)"' $(shell $(PKG_CONFIG) --cflags libcurl libcjson)
SHLIB_LINK = $(shell $(PKG_CONFIG) --libs libcurl libcjson)

# "make installcheck" needs a running server with
#     shared_preload_libraries = 'bcdelta'
#     bcdelta.databases = 'contrib_regression'
# where both databases exist, and EXTRA_REGRESS_OPTS=--use-existing, since a
# database that a worker is connected to cannot be dropped and made again.
# test/check does all of that in a private server.
REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test
ISOLATION_OPTS = --inputdir=test --outputdir=.
TAP_TESTS = $(if $(wildcard test/t/*.pl),1)
PROVE_TESTS ?= test/t/*.pl

EXTRA_CLEAN = results output_iso tmp_check log

# Bitcode would serve to inline functions into expressions that are evaluated for
# many rows; no function of ours is one of those, and it doubles the build.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
# PostgreSQL 13 does not install the isolation tester.
ifneq ($(wildcard $(dir $(PGXS))../test/isolation/pg_isolation_regress),)
ISOLATION = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
endif
include $(PGXS)

# Makefile.global resets this one, so it comes after the include.
PROVE_FLAGS += -I test/perl

$(OBJS): $(wildcard src/*/*.h src/*/*.inc) $(EXTENSION).control

sql/$(EXTENSION)--$(EXTVERSION).sql: sql/$(EXTENSION).sql
	cp $< $@

.PHONY: unit format format-check dist

# Tests of the pure C files, on the host, without a server.
unit:
	$(MAKE) -C test/unit PG_CONFIG=$(PG_CONFIG)

# The layout of PostgreSQL's own sources; needs pg_bsd_indent.
C_FILES = $(sort $(wildcard src/*/*.[ch] test/unit/*.[ch]))

format:
	PG_CONFIG=$(PG_CONFIG) test/format $(C_FILES)

format-check:
	PG_CONFIG=$(PG_CONFIG) test/format --check $(C_FILES)

# A release: the archives for PGXN and for Debian, of what is committed.
dist:
	test/dist $(EXTVERSION)
