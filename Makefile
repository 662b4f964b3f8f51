# `make run` and `make test` work in a fresh clone: they make .venv and install what is needed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: run docs test test-all messages changelog lint types collected unit coverage soak fuzz clients format lock clean

# ARGS are options: make run ARGS="--port 9100 --web-port 9180"
run: $(VENV)/run.stamp
	$(BIN)/cletus run example_service $(ARGS)

# Collecting writes the bytecode of the tests, on the core that the type checker leaves idle.
test: $(VENV)/test.stamp clients
	$(MAKE) --no-print-directory -j 2 types collected lint
	$(MAKE) --no-print-directory unit

lint: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/test.stamp
	$(BIN)/mypy
	cd cletus/cli/templates/data && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --no-namespace-packages \
		--cache-dir $(CURDIR)/.mypy_cache/templates echo/example_echo chat/example_chat mud/example_mud

collected: $(VENV)/test.stamp
	@mkdir -p build
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --collect-only -q >build/collected.txt \
		|| { tail -n 50 build/collected.txt; exit 1; }

# Those with real processes, sockets and clients come after the others; they wait more than they compute.
# Hundreds of those processes import Cletus: not from its sources, even where Python may not write bytecode.
unit: $(VENV)/test.stamp
	$(BIN)/python -m compileall -q cletus example_service
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/e2e
	$(BIN)/python -m pytest -n 3 --dist loadfile tests/e2e

# Which lines the tests run. It takes a quarter longer than without.
coverage: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/e2e --cov --cov-report=term

# The same tests on every CPython from 3.11 on that this machine has, each in a .venv-3.N of its own.
# ARGS are other arguments for pytest.
test-all: clients
	@$(PYTHON) .ci/test_all.py $(ARGS)

# These pages, as HTML in build/docs. A warning fails; the network is not needed.
docs: $(VENV)/test.stamp
	$(BIN)/python -m sphinx -W --keep-going -n -E -q -b html docs build/docs
	@echo "build/docs/index.html"

# The texts that contrib says to people: extracts them, adds new ones to each language, and compiles those.
# See docs/translation.md.
LOCALE := cletus/text/locale
messages: $(VENV)/test.stamp
	$(BIN)/python -m babel.messages.frontend -q extract --no-location --sort-output --omit-header \
		-F pyproject.toml -k gettext_noop -k N_ -o $(LOCALE)/cletus.pot cletus/contrib
	for file in $(LOCALE)/*/LC_MESSAGES/cletus.po; do \
		language=$$(basename $$(dirname $$(dirname $$file))) && \
		$(BIN)/python -m babel.messages.frontend -q update --no-fuzzy-matching --ignore-obsolete -w 96 \
			--ignore-pot-creation-date -i $(LOCALE)/cletus.pot -l $$language -o $$file && \
		$(BIN)/python -m babel.messages.frontend -q compile -i $$file -o $${file%.po}.mo || exit 1; \
	done

# What has changed since the last release, as it will stand in CHANGELOG.md. See CONTRIBUTING.md.
changelog: $(VENV)/test.stamp
	@$(BIN)/towncrier build --draft

# What a deployment needs, with versions and hashes, for this Python and system: see docs/deploy.md.
LOCKED ?= tls metrics
lock: $(VENV)/test.stamp
	@$(BIN)/python .ci/lock.py requirements.lock $(LOCKED)

# What takes minutes, or root: thousands of kills, power cuts on a mounted image.
soak: $(VENV)/test.stamp clients
	$(BIN)/python -m pytest -m soak

# Bytes that nobody would think of, for the telnet parser and door. SECONDS=600 is a good long run.
SECONDS ?= 60
fuzz: $(VENV)/test.stamp
	$(BIN)/python .ci/install.py fuzz
	$(BIN)/python fuzz/telnet.py -max_total_time=$(SECONDS) -max_len=2048 -timeout=10

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The real clients of the end-to-end tests. Where they cannot be installed, those tests say so and skip.
clients:
	@sh .ci/install-clients

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Cletus needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@sh .ci/make-venv $(PYTHON) $(VENV)

$(VENV)/run.stamp: pyproject.toml $(VENV)/bin/python
	@echo "Installing what Cletus needs into $(VENV): a minute, the first time."
	$(BIN)/python .ci/install.py
	@touch $@

$(VENV)/test.stamp: pyproject.toml $(VENV)/bin/python
	$(BIN)/python .ci/install.py test
	@touch $@ $(VENV)/run.stamp

clean:
	rm -rf $(VENV) $(VENV)-3.* .mypy_cache .ruff_cache .hypothesis .coverage build dist
