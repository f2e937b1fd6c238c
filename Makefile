# make rehearse   release the bundled example on this machine, from tag to verified release
# make test       everything, including what needs Docker where an engine is or can be installed
# make check      format, lint, types, layout tests: before each commit
# make bench      speed, as ratios in one run          make promise   each promised row and its tests
# make docs       rewrite generated documentation      make lock      renew the hash-locked requirements
# make interop    peers and real servers that take minutes to build

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= rehearsal
PYTEST_ARGS ?=
INSTALL := $(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python

.PHONY: rehearse test check bench promise docs lock peers interop dev clean
.DELETE_ON_ERROR:

rehearse: $(VENV)/.rehearse
	$(BIN)/tagseal rehearse --out $(OUT) $(ARGS)

test: dev peers
	$(BIN)/python tests/tools/run_tests.py $(PYTEST_ARGS)

check: dev
	$(BIN)/ruff format --check src tests entrypoint.py
	$(BIN)/ruff check src tests entrypoint.py
	$(BIN)/mypy
	$(BIN)/interrogate --quiet src entrypoint.py
	$(BIN)/python -m pytest -q tests/layout
	$(BIN)/python tests/tools/promise.py --check

bench: dev
	$(BIN)/python tests/tools/bench.py $(ARGS)

promise: dev
	$(BIN)/python tests/tools/promise.py $(ARGS)

docs: dev
	$(BIN)/python tests/tools/docs.py

peers:
	$(PYTHON) tests/tools/peers.py

interop: dev peers
	$(BIN)/python -m pytest -q -m peer tests

dev: $(VENV)/.dev

$(VENV)/.setup: requirements/setup.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tagseal needs Python 3.11 or newer; name one: make PYTHON=python3.13 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/setup.txt
	touch $@

# The development requirements hold all of the rehearsal's: whoever has them need not go back.
$(VENV)/.rehearse: $(VENV)/.setup requirements/rehearse.txt pyproject.toml
	test -e $(VENV)/.dev || $(INSTALL) requirements/setup.txt requirements/rehearse.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.setup requirements/dev.txt pyproject.toml
	$(INSTALL) requirements/setup.txt requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

lock: dev
	$(BIN)/python tests/tools/lock_requirements.py

clean:
	rm -rf $(VENV) rehearsal .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
