# Each target sets up what it needs in .venv; a machine needs Python >= 3.11 with venv, and make.
#   make test      all tests but the slow ones        make check     lint, types, imports, docs, test
#   make test-all  the slow ones too                  make demo      the story so far, in a new folder
#   make bench     measure, write bench/results.json  make docs      write the generated reference
#   make clean     remove everything that make made
# PYTHON=python3.12 chooses the interpreter, PYTEST_ARGS="-k note" is handed to pytest.

PYTHON ?= python3
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := check
.PHONY: bench check clean demo docs imports lint static test test-all types

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "muniment needs Python 3.11 or newer; name one with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp is younger than the packages it stands for; a changed pyproject.toml outdates it.
$(VENV)/core.stamp: pyproject.toml | $(VENV)/pyvenv.cfg
	$(PIP) --editable '.[fast,ingest]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/pyvenv.cfg
	$(PIP) --editable '.[fast,hsm,age,s3,pdf,ingest,dev]'
	@touch $(VENV)/core.stamp $@

$(VENV)/bench.stamp: pyproject.toml | $(VENV)/pyvenv.cfg
	$(PIP) --editable '.[fast,bench]'
	@touch $(VENV)/core.stamp $@

check: static test

static: lint types imports docs

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

imports: $(VENV)/dev.stamp
	$(BIN)/lint-imports

docs: $(VENV)/dev.stamp
	@if [ -f docs/build.py ]; then $(BIN)/python docs/build.py; fi
	@if [ -f docs/gallery.py ]; then $(BIN)/python docs/gallery.py; fi

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n auto -m "not slow" $(PYTEST_ARGS)

test-all: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

demo: $(VENV)/core.stamp
	$(BIN)/muniment demo

bench: $(VENV)/bench.stamp
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build dist bench/work .hypothesis .import_linter_cache .mypy_cache \
	  .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
