# Every target makes .venv when it is not there; nothing else is done by hand.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= auto

.PHONY: help demo test check bench format clean

help:
	@echo "make demo    a launch loses its process and is finished all the same (no ReportPortal needed)"
	@echo "make test    all tests"
	@echo "make check   format, lint, types, layers"
	@echo "make bench   what finishing costs, as tables"
	@echo "make format  put the code into the project's format"

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "rp-finalizer needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	@echo "making .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: .venv/ready
	@$(BIN)/rp-finalize demo

test: .venv/ready
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/ready
	@$(BIN)/python -m tests.bench

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
