# A machine with Python 3.11 or later, make and a network needs nothing else: each target sets up what it uses.

PYTHON ?= $(firstword $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p; done) python3)
ARGS ?=
PYTEST_ARGS ?=

BIN := .venv/bin
SOURCES := gateway strategies schemas tests
INSTALL = $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input install
# What `make check` leaves out: tests with real servers, other people's clients, and time itself.
SLOW := $(addprefix tests/,acceptance bench browser clients cockpit docs end_to_end fuzz load promises security services soak)
# What measures time, and therefore has the machine for itself.
TIMED := $(addprefix tests/,bench/test_bare.py end_to_end/test_timing.py end_to_end/test_overload.py load promises/test_r02_deadline.py promises/test_r07_pushback.py promises/test_r16_reload.py)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test most-tests browser-tests check bench scale docs pictures faults promises load fuzz soak lock clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /|/' | awk -F'|' '{printf "make %-8s %s\n", $$1, $$2}'

# The examples name keys that only their owner has; without them these examples load, and providers refuse them.
define STAND_IN
run: export $(1) ?= set-$(1)-to-use-this-example
endef
EXAMPLE_KEYS := $(shell sed -n 's/.*"$${\([A-Z_]*\)}".*/\1/p' examples/configs/gateway.yaml)
$(foreach key,$(sort $(EXAMPLE_KEYS)),$(eval $(call STAND_IN,$(key))))
run: .venv/.run ## serve examples/configs on http://127.0.0.1:8787 (more flags: ARGS="--port 9000")
	$(BIN)/beamsplitter serve --configs examples/configs $(ARGS)

test: .venv/.test ## every check: format, lint, types, import contracts, all tests
	$(LOOKS)
	@$(MAKE) --no-print-directory --jobs 2 most-tests browser-tests
	$(call step,tests that watch the clock,pytest $(TIMED) $(PYTEST_ARGS))

# One browser and one gateway serve all pages: three of each would cost more than they save.
most-tests: .venv/.test
	$(call step,tests four at a time,pytest --numprocesses 4 --dist worksteal --ignore=tests/browser $(addprefix --ignore=,$(TIMED)) $(PYTEST_ARGS))

browser-tests: .venv/.test
	$(TYPES)
	$(call step,the console in a browser,pytest tests/browser $(PYTEST_ARGS))

check: .venv/.test ## the fast part: format, lint, types, import contracts, unit tests
	$(LOOKS)
	$(TYPES)
	$(call step,unit tests,pytest $(addprefix --ignore=,$(SLOW)) $(PYTEST_ARGS))

bench: .venv/.test ## measure beside a bare pass-through, Portkey and LiteLLM; writes docs/benchmarks.md (ARGS=--quick)
	$(BIN)/python -m tests.bench $(ARGS)

scale: .venv/.test ## measure what a request takes of workers, PostgreSQL and Redis; writes the figures of docs/scale-out.md
	$(BIN)/python -m tests.bench.scale $(ARGS)

docs: .venv/.test ## write what is made of code in docs/: providers, lints, telemetry, config-reference
	$(BIN)/python -m tests.providers.page
	$(BIN)/python -m tests.lint.page
	$(BIN)/python -m tests.telemetry.page
	$(BIN)/python -m tests.docs.reference

pictures: .venv/.test ## paint the pictures of the console in docs/ (needs chromium)
	$(BIN)/python -m tests.browser.pictures

faults: .venv/.test ## play the wall of faults against a running gateway, and write docs/faults.md
	$(BIN)/python -m tests.end_to_end.wall.page

promises: .venv/.test ## measure what docs/reliability.md promises, in full: deadlines, money, pushback, reloads, telling
	$(BIN)/python -m tests.promises $(ARGS)

load: .venv/.test ## overload, slow clients, drain and large answers, in full: about four minutes
	LOAD=full $(BIN)/pytest -s --timeout 300 tests/load tests/end_to_end/test_overload.py $(PYTEST_ARGS)

fuzz: .venv/.test ## 20,000 requests from our own description, 5,000 cut answers, every parser
	FUZZ=long $(BIN)/pytest tests/fuzz --timeout 3600 -s $(PYTEST_ARGS)

soak: .venv/.test ## ten minutes of mixed traffic: memory, descriptors and tasks stay where they are
	SOAK_SECONDS=600 $(BIN)/pytest tests/soak --timeout 1200 -s $(PYTEST_ARGS)

lock: ## renew requirements*.lock from pyproject.toml (needs Python 3.11, the oldest we support)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo 'make lock must run on Python 3.11, so that nothing only 3.11 needs is missed: make lock PYTHON=python3.11'; exit 1; }
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip --quiet --disable-pip-version-check install 'pip-tools>=7.5'
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra test --constraint requirements.lock --output-file requirements-test.lock pyproject.toml

clean: ## remove the environment, caches and build products
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find $(SOURCES) -name '.*' -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# Hashes make the lock the only judge of what is installed, so it names no index; setuptools is in it to build ourselves.
COMPILE = build/lock/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --all-build-deps \
	--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options

step = @printf '\n== %s\n' '$(1)' && $(BIN)/$(2)

define LOOKS
$(call step,format,ruff format --check $(SOURCES))
$(call step,lint,ruff check $(SOURCES))
endef

define TYPES
$(call step,types,mypy)
$(call step,import contracts,lint-imports)
endef

# A new lock starts a new environment, so that nothing it no longer names stays importable.
.venv/pyvenv.cfg: requirements.lock requirements-test.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Beamsplitter needs Python 3.11 or later, which "$(PYTHON)" is not: install one, or name it: make PYTHON=/path/to/python3.'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo 'This Python cannot make virtual environments: install its venv package (Debian and Ubuntu: apt install python3-venv).'; exit 1; }
	@echo 'Setting up .venv'
	@$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.run: .venv/pyvenv.cfg pyproject.toml
	@echo 'Installing what the gateway needs'
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.test: .venv/.run
	@echo 'Installing what the tests need'
	@$(INSTALL) --no-compile --require-hashes -r requirements-test.lock # most of it is never read
	@touch $@
