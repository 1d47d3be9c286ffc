# Every target makes .venv when it is not there; nothing else is done by hand.
PYTHON ?= python3
BIN := .venv/bin
# One more than there are cores: the tests wait for processes and sockets half of the time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

# The oldest client that is supported, and the newest of each minor version after it.
CLIENTS ?= 5.5.0 5.6.* 5.7.*
CLIENT_TESTS := tests/contract tests/integration/test_promises.py tests/integration/test_finishing.py \
	--ignore tests/contract/test_outbox.py

# Many images set it. The tests start hundreds of processes, and each would compile all of our modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-clients test-endings test-browser screenshot check bench chaos format clean

help:
	@echo "make demo          a launch loses its process and is finished all the same (no ReportPortal needed)"
	@echo "make test          all tests but the slow ones"
	@echo "make test-clients  the tests of finishing, with each supported version of reportportal-client"
	@echo "make test-endings  the slow tests: every way of ending a run, with every kind of client"
	@echo "make test-browser  the page of the service, in a headless Chromium"
	@echo "make screenshot    the README's picture of that page, made again"
	@echo "make check         format, lint, types, layers"
	@echo "make bench         what finishing costs, as tables"
	@echo "make chaos         a fleet of workers comes to harm; SEED=, LAUNCHES=, WORKERS=, OUTBOX=sqlite"
	@echo "make format        put the code into the project's format"

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

test-clients:
	@for version in $(CLIENTS); do \
		echo "reportportal-client $$version"; \
		home=".venv-client/$${version%.\*}"; \
		$(PYTHON) -m venv "$$home" && \
		"$$home/bin/python" -m pip install --quiet --disable-pip-version-check \
			--editable '.[server,test]' "reportportal-client==$$version" && \
		"$$home/bin/python" -m pytest -n $(WORKERS) -p no:cacheprovider $(CLIENT_TESTS) || exit 1; \
	done

test-endings: .venv/ready
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m slow

# A browser is a large thing: it is got for these targets only.
.venv/browser: .venv/ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,browser]'
	@$(BIN)/python -c 'from tests.browser.chromium import program; program()' 2>/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { \
			echo "there is no Chromium: apt-get install chromium, or make CHROMIUM=/path/to/chrome $(MAKECMDGOALS)"; exit 1; }; \
		echo "installing chromium"; apt-get -qq update && apt-get -qq install --no-install-recommends --yes chromium >/dev/null; }
	@touch $@

test-browser: .venv/browser
	$(BIN)/pytest -n 2 -m browser tests/browser
	@echo "what was seen is in build/browser"

screenshot: .venv/browser
	@$(BIN)/python -m tests.browser.screenshot

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/ready
	@$(BIN)/python -m tests.bench

# WORKERS is also that of the tests: here it counts where somebody has set it.
chaos: .venv/ready
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(LAUNCHES),--launches $(LAUNCHES)) \
		$(if $(filter command environment,$(origin WORKERS)),--workers $(WORKERS)) $(if $(OUTBOX),--outbox $(OUTBOX))

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .venv-client .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
