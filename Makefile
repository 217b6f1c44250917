# Thin targets: each sets up .venv when it is missing or the lock changed, and calls one command.
# make turns any failure into its own exit 2; bench's own exit codes are in `bench --help`.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := $(BIN)/bench

PROFILE ?= quick
ARGS ?=

.PHONY: help
help: ## print the targets
	@printf 'implicit-bench: what makes a neural network generalize?\n\n'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@printf '\nsuites: %s\n' "$(notdir $(basename $(wildcard suites/*.yaml)))"

.PHONY: install
install: $(STAMP) ## set up .venv from the lock (the other targets do it too)

$(STAMP): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or later is needed; set PYTHON=/path/to/python3'; exit 1; }
	@cmp -s requirements.lock $(STAMP) || { \
	  echo 'setting up $(VENV) (some minutes, once)'; \
	  $(PYTHON) -m venv --clear $(VENV) \
	  && $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock \
	  && $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . ; }
	@cp requirements.lock $(STAMP)

.PHONY: bench
bench: $(STAMP) ## train a suite and print its tables: make bench SUITE=generalization [PROFILE=paper] [ARGS="--set seeds=5"]
	@if [ -z "$(SUITE)" ]; then echo 'Which suite? make bench SUITE=NAME'; $(BENCH) list suites; exit 1; fi
	@$(BENCH) run "$(SUITE)" --profile "$(PROFILE)" $(ARGS)

.PHONY: compare
compare: $(STAMP) ## say what changed between two commits: make compare BASE=HEAD~1 HEAD=HEAD
	@if [ -z "$(BASE)" ] || [ -z "$(HEAD)" ]; then echo 'Which commits? make compare BASE=HEAD~1 HEAD=HEAD'; exit 1; fi
	@$(BENCH) compare "$(BASE)" "$(HEAD)" $(ARGS)

.PHONY: report
report: $(STAMP) ## rebuild every table and figure from the registry
	@$(BENCH) report $(ARGS)

.PHONY: test
test: $(STAMP) ## everything that CI runs: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

.PHONY: faults
faults: $(STAMP) ## run the tests of crashes, kills, full disks, hostile input; print what became of each fault
	BENCH_SLOW=1 $(BIN)/python -m pytest -p tests.faults -m fault --numprocesses 2 --dist worksteal $(ARGS)

.PHONY: fuzz
fuzz: $(STAMP) ## try 100,000 hostile suites and overrides, and files, archives, revisions besides
	nice -n 19 $(BIN)/python -m benchmarks.fuzz $(ARGS)

.PHONY: perf
perf: $(STAMP) ## measure speed, as ratios to plain references
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-autosave --capture=no

.PHONY: soak
soak: $(STAMP) ## half an hour of suites under kills, a full disk, a worker that stands still: make soak [ARGS="--minutes 3"]
	$(BIN)/python -m benchmarks.soak $(ARGS)

.PHONY: simulate
simulate: $(STAMP) ## simulate what the statistics hold at few seeds, and renew the tables of docs/statistics.md
	$(BIN)/python -m benchmarks.simulations $(ARGS)

.PHONY: lock
lock: ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra train --extra duckdb --group dev \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet --output-file requirements.lock

.PHONY: clean
clean: ## remove .venv and caches; results stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis report
