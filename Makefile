# What to do with cscd, without knowing how: `make` lists it.
# It needs git, make and Python 3.11 or later with pip and venv; everything else is installed into .venv,
# in exactly the versions of requirements/*.txt.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DELETE_ON_ERROR:
.ONESHELL:
.SILENT:

# The first Python on this machine that is new enough and can make environments; or say which: PYTHON=python3.12
CANDIDATES := python3 python3.11 python3.12 python3.13 python3.14
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES) /usr/bin/python3; do $$p -c "$(SUITABLE)" 2>/dev/null && echo $$p && break; done)

# The one that the service stands on must be there for every user: not one in somebody's home directory.
SERVICE_CANDIDATES := $(addprefix /usr/bin/,$(CANDIDATES)) $(addprefix /usr/local/bin/,$(CANDIDATES))
SERVICE_PYTHON ?= $(shell for p in $(SERVICE_CANDIDATES); do $$p packaging/suitable.py 2>/dev/null && echo $$p && break; done)

# Where make install puts things: below the prefix, with everything below DESTDIR.
prefix ?= /usr/local
DESTDIR ?=
export prefix DESTDIR

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := requirements/build.txt requirements/run.txt requirements/test.txt

# Arguments for pytest: make test TESTS="tests/age -k bech32"
TESTS ?=
# Arguments for the benchmarks: make bench BENCH="speed --scale 0.01"
BENCH ?=
# Seconds for each fuzz target
FUZZ_SECONDS ?= 60

.PHONY: help demo test lint bench fuzz lock install uninstall deb clean

help: ## list what make can do
	echo "make …"
	sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 10

demo: .venv/installed ## show cscd at work on a small cache of its own (under 30 seconds, no root)
	$(BIN)/cscd demo

test: .venv/installed ## install what the tests need (where root and apt are there), check the code, run every test
	tests/provision
	$(MAKE) lint
	echo "Running the tests; the races, crashes and power cuts among them take minutes."
	$(BIN)/python -m pytest $(TESTS)

lint: .venv/installed ## check style, format and types
	echo "Checking style, format and types."
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet || { echo "Not formatted; run: $(BIN)/ruff format"; exit 1; }
	$(BIN)/mypy --no-error-summary

bench: .venv/installed ## measure against other programs (takes many minutes; BENCH=--help lists what can be chosen)
	bench/provision || echo "Going on with the programs that are there; the report says which are missing."
	$(BIN)/python -m bench $(BENCH)

fuzz: .venv/fuzz ## feed random input to every target in tests/fuzz, each for FUZZ_SECONDS
	for target in $$(find tests/fuzz -name 'fuzz_*.py' -printf '%f\n' | sort); do
		name=$${target%.py}
		found=build/fuzz/$$name
		mkdir -p "$$found"
		echo "Fuzzing tests/fuzz/$$target for $(FUZZ_SECONDS) seconds; what it finds goes to $$found."
		$(BIN)/python -m "tests.fuzz.$$name" -max_total_time=$(FUZZ_SECONDS) -artifact_prefix="$$found/" "$$found"
	done

lock: ## choose the newest versions that pyproject.toml allows and write them to requirements/
	lock=$$(mktemp -d)
	trap 'rm -rf "$$lock"' EXIT
	echo "Resolving the dependencies; this takes minutes, because every file of every package is hashed."
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
		echo "The lock must hold for the oldest Python that we support: make lock PYTHON=python3.11"
		exit 1
	}
	"$(PYTHON)" -m venv "$$lock"
	"$$lock/bin/python" -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/lock.txt
	compile() {
		CUSTOM_COMPILE_COMMAND="make lock" "$$lock/bin/pip-compile" --quiet --upgrade --generate-hashes \
			--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
			--strip-extras --allow-unsafe "$$@" pyproject.toml
	}
	compile --output-file requirements/build.txt --only-build-deps --all-build-deps
	compile --output-file requirements/run.txt
	for extra in test fuzz lock; do
		compile --output-file "requirements/$$extra.txt" --extra "$$extra"
	done

install: ## install the service for this machine, as root (prefix=/usr/local DESTDIR=)
	PYTHON="$(SERVICE_PYTHON)" packaging/install

uninstall: ## remove it again; configuration, keys and logs stay
	packaging/uninstall

deb: ## make a Debian package of it, in dist/
	PYTHON="$(SERVICE_PYTHON)" packaging/deb

clean: ## remove everything that make has made here
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist tests/age/typage/node_modules
	find cscd tests bench -name __pycache__ -prune -exec rm -rf {} +

# The environment is made anew whenever what is locked changes, so that nothing is in it that is not locked.
.venv/installed: pyproject.toml $(LOCKED)
	[ -n "$(PYTHON)" ] || {
		echo "No Python 3.11 or later with pip and venv found (Debian: apt-get install python3-venv)." >&2
		exit 1
	}
	echo "Setting up .venv with $$("$(PYTHON)" --version) and the locked packages; a minute, once."
	"$(PYTHON)" -m venv --clear .venv
	$(PIP) install --require-hashes $(addprefix -r ,$(LOCKED))
	$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	touch $@

.venv/fuzz: .venv/installed requirements/fuzz.txt
	echo "Adding the fuzzer to .venv."
	$(PIP) install --require-hashes -r requirements/fuzz.txt
	touch $@
