# Everything runs in .venv, which the first target makes from the versions in constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Without what `make test` sets for its own tests: real images are read from $DEMOGEN_IMAGES.
PYTEST_ALONE := $(BIN)/python -m pytest -o addopts=--import-mode=importlib
# One thread a process: pools of single-threaded workers use the cores.
export OMP_NUM_THREADS := 1
# Compiled tests are kept: to compile them anew takes each worker five seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint style bench bench-against soak docs clean
.DEFAULT_GOAL := help

help:  ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: $(VENV)/ready  ## Train, publish, measure and rank the digits zoo; prints where the page is
	$(BIN)/demogen demo --folder demo

test: style  ## Formatter, linter, types, doctests and tests, warnings as errors
	@# Types beside the tests, and printed below them.
	@$(BIN)/mypy >$(VENV)/mypy.txt 2>&1 & mypy=$$!; trap "kill $$mypy" INT TERM; \
	echo $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder; \
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder; tests=$$?; \
	wait $$mypy; types=$$?; echo $(BIN)/mypy; cat $(VENV)/mypy.txt; exit $$((tests | types))

lint: style  ## Formatter check, linter and types only
	$(BIN)/mypy

style: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

bench: $(VENV)/ready  ## Benchmarks, as ratios taken side by side in one run, beside other packages too
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[peers]"
	$(PYTEST_ALONE) --confcutdir tests/benchmarks tests/benchmarks

bench-against: $(VENV)/ready  ## What measuring and scoring cost beside an earlier commit: make bench-against COMMIT=...
	$(BIN)/python -m tests.benchmarks.against $(COMMIT)

soak: $(VENV)/ready  ## Long fault runs, kept out of `make test`
	$(PYTEST_ALONE) --confcutdir tests/soak tests/soak --timeout 3600

docs: $(VENV)/ready  ## The API reference, from the docstrings, into site/; a broken reference is an error
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	$(BIN)/python -m pytest -q tests/test_references.py
	rm -rf site
	$(BIN)/python docs/reference.py site

clean:  ## Remove what the other targets made
	rm -rf $(VENV) demo site .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "demogen needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
