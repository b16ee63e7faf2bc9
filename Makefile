# make demo    the main picture: minibatch SGD on real data against its Fokker-Planck steady state
# make test    the fast tests
# make check   everything: style, types, all tests, kernels once more with index checks
# make test-portable  the fast tests in another processor's arithmetic
# make fuzz    random problems against dense references, new ones every time (CASES=500 SEED=...)
# make bench   time and memory against scipy by hand and other libraries: docs/benchmarks.md
#              (make bench-quick: three minutes, printed; make bench-docs: the page only)
# make talk    every slide of the talk, computed: talk/index.html (make talk-docs: docs/talk.md)
# make docs    the site: build/site/index.html, which needs no network
# make wheel-test  build wheel and source archive into dist/, try the wheel in an empty environment
# make clean   remove what these made, the environment included
#
# Each sets up $(VENV) by itself. Another Python: make PYTHON=python3.12 test
# Other versions: make VENV=.venv-minimal CONSTRAINTS=constraints-minimal.txt test

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint $(CONSTRAINTS)
BOUNDS_CACHE := $(CURDIR)/.cache/numba-boundscheck

.PHONY: demo test check lint types tests-slow tests-bounds test-portable fuzz bench bench-quick bench-docs talk talk-docs docs wheel-test clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	$(BIN)/fokkerplanck demo sgd

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto

check: lint types test tests-slow tests-bounds

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

tests-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto -m "slow and not bench"

# An index out of range reads garbage in silence. numba ignores the switch where it finds compiled
# code, hence an empty cache of its own.
tests-bounds: $(VENV)/.installed-dev
	rm -rf "$(BOUNDS_CACHE)"
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR="$(BOUNDS_CACHE)" $(BIN)/python -m pytest -n auto -m "not bench" tests/kernels

# The fast tests once more in the plainest arithmetic that this processor has.
test-portable: $(VENV)/.installed-dev
	$(BIN)/python -m tests.portable -n auto

# Prints the seed that makes the same cases again.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m tests.fuzz $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED))

# QUICK=1 and WORDS='only="double well" fresh' reach the runner.
bench: $(VENV)/.installed-bench
	$(BIN)/python -m tests.benchmarks $(if $(QUICK),quick) $(WORDS)

bench-quick: $(VENV)/.installed-bench
	$(BIN)/python -m tests.benchmarks quick $(WORDS)

bench-docs: $(VENV)/.installed
	$(BIN)/python -m tests.benchmarks.render

talk: $(VENV)/.installed
	$(BIN)/fokkerplanck talk

talk-docs: $(VENV)/.installed
	$(BIN)/fokkerplanck talk --markdown docs/talk.md

# Warnings are errors, and so is a page that loads anything from outside.
docs: $(VENV)/.installed-docs
	MPLBACKEND=agg $(BIN)/python docs/landing.py docs/_made
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/site

# TAG=v1.2.3 asks for that version.
wheel-test: $(VENV)/.installed
	.ci/wheel-test "$(abspath $(BIN))/python" "$(CONSTRAINTS)" $(TAG)

clean:
	rm -rf "$(VENV)" .cache .mypy_cache .pytest_cache .ruff_cache build dist talk docs/api docs/_made docs/lessons *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is too old or missing: Python 3.11 or newer is needed, e.g. make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv "$(VENV)"

$(VENV)/.installed: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP) setuptools
	$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --no-build-isolation --editable ".[dev]"
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) --no-build-isolation --editable ".[docs]"
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	$(PIP) --no-build-isolation --editable ".[bench]"
	@touch $@
