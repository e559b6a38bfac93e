# The doors of pg_strata. `make` alone lists them.
#
# PG_CONFIG chooses the server: PostgreSQL 14 to 18, by default Debian's 15.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Cargo has one target directory and its own parallelism.
.NOTPARALLEL:

# Without apt-get there is no Debian package to wait for: then whatever is on PATH.
DEBIAN_PG_CONFIG := /usr/lib/postgresql/15/bin/pg_config
PG_CONFIG ?= $(if $(wildcard $(DEBIAN_PG_CONFIG))$(shell command -v apt-get),$(DEBIAN_PG_CONFIG),$(shell command -v pg_config))
export PG_CONFIG
export DESTDIR
# Where pgrx looks for the server's headers, without cargo-pgrx and ~/.pgrx.
export PGRX_PG_CONFIG_PATH = $(PG_CONFIG)
export CARGO_TARGET_DIR ?= $(CURDIR)/target

# Recursive on purpose: read in recipes, when `dependencies` has run.
PG_MAJOR = $(shell $(PG_CONFIG) --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
PKGLIBDIR = $(shell $(PG_CONFIG) --pkglibdir)
EXTENSIONDIR = $(shell $(PG_CONFIG) --sharedir)/extension
FEATURES = --no-default-features --features pg$(PG_MAJOR)

VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" pg_strata.control)
SCRIPT := sql/install/pg_strata--$(VERSION).sql

# What is built: `release`, or `fast` where waiting for the compiler costs more than the queries.
PROFILE ?= release
LIBRARY = $(CARGO_TARGET_DIR)/$(PROFILE)/libpg_strata.so

# What is tested: `core` (no server), `server` (all of tests/tests), or single files of tests/tests by name.
TESTS ?= core server
TEST_TARGETS = $(if $(filter server,$(TESTS)),,$(addprefix --test ,$(filter-out core,$(TESTS))))

# Where the data sets outside of the repository lie. Tests that need what is not there are ignored.
export STRATA_DATA ?= $(wildcard $(abspath ../shared/data))

# Tests want to be linked soon rather than to run a little faster.
CARGO_TEST = CARGO_PROFILE_RELEASE_LTO=off cargo test --release --no-fail-fast

.PHONY: help demo demo-stop test bench bench-against install lint schema schema-check build dependencies

help: ## list the doors
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 24
	@echo
	@echo "  PG_CONFIG=$(PG_CONFIG)"

demo: install ## a year of real orders, segmented (leaves a server running)
	@scripts/cluster stop demo
	@demo/run

demo-stop: ## stop the demo's server and remove its data
	@scripts/cluster stop demo
	@echo "== The demo's server is stopped"

test: install ## all tests; some: TESTS="core regress"; one SQL file: REGRESS=name
ifneq ($(filter core,$(TESTS)),)
	@echo "== Testing the core (no server)"
	$(CARGO_TEST) --package strata-core
endif
ifneq ($(filter-out core,$(TESTS)),)
	@echo "== Testing the extension in $$($(PG_CONFIG) --version), in a throwaway cluster"
	scripts/cluster run -- env $(CARGO_TEST) --package strata-tests $(TEST_TARGETS)
endif

bench: install ## benchmarks against the peers; SIZE= for more orders
	scripts/cluster run --conf pg_test_config/bench.conf -- bench/run

bench-against: build schema-check ## this tree beside another version: BASE=commit; SIZE= for more orders
	@scripts/beside "$(BASE)" -- env BASE="$(BASE)" bench/against

install: build schema-check ## build, and install into the server of PG_CONFIG (below DESTDIR, if that is set)
	@scripts/install "$(LIBRARY)" "$(PKGLIBDIR)" "$(EXTENSIONDIR)"

lint: dependencies ## rustfmt and clippy, warnings are errors
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets $(FEATURES) -- --deny warnings

schema: ## put the install script together from sql/public and sql/internal
	@scripts/assemble >$(SCRIPT).new
	@mv $(SCRIPT).new $(SCRIPT)

schema-check:
	@scripts/assemble | diff -u $(SCRIPT) - || \
		{ echo "$(SCRIPT) is not what sql/ says: run make schema, and commit it" >&2; exit 1; }
	@echo "$(SCRIPT) is up to date"

build: dependencies
	@echo "== Building for $$($(PG_CONFIG) --version) (the first time takes a minute or two)"
	cargo build --profile $(PROFILE) --package pg_strata $(FEATURES)

dependencies:
	@scripts/dependencies
