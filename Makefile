# make audit: audit the demonstration company. make test: run everything. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
FRENCH := lib/carnet/locale/fr/LC_MESSAGES/carnet.po
BIN := $(VENV)/bin
UV_VERSION := $(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.txt)
export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never

.PHONY: help setup audit test check lab lint spark wheel bench notebooks demo wording lock clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## / - /'

setup: $(VENV)/.done  ## create .venv with the locked versions

$(VENV)/.done: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

audit: setup  ## audit data/demo; the last line printed is the dated report
	@$(BIN)/python -m compileall -q lib/carnet
	@$(BIN)/carnet run data/demo || [ $$? -eq 1 ]

test: setup lint  ## lint, unit tests, doctests, notebooks
	@$(BIN)/python -m compileall -q lib/carnet
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: setup  ## style, types and the unit tests that need no report: a minute and a half, while working
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 -q -m "not report and not long" tests lib

lint: setup  ## style, types, the one-way order of imports, known vulnerabilities, licences
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/supply_chain.py

spark: setup  ## add PySpark, for `engine: spark` (half a gigabyte; Java 17 or newer comes from the system)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements-spark.txt

lab: setup  ## JupyterLab on the demonstration company, parameters set; for a client: .venv/bin/carnet lab data/client
	$(BIN)/carnet lab data/demo

wheel: setup  ## build the wheel and try it in a fresh environment, without the checkout
	$(BIN)/python tools/try_wheel.py

bench: setup  ## time the audit of generated books
	$(BIN)/python tools/bench.py

notebooks: setup  ## run the notebooks again and store their outputs, which nbval compares
	$(BIN)/python tools/refresh_notebooks.py

demo: setup  ## write the demonstration company again (same seed, same bytes)
	$(BIN)/python data/demo/generate.py

wording: setup  ## bring new sentences into the French catalogue; translate the empty ones by hand
	$(BIN)/pybabel -q extract -F babel.cfg -k _ -k sentences -k N_ -k Message -k ngettext:1,2 --sort-output --no-location --no-wrap -o carnet.pot .
	@sed '/^$$/q' $(FRENCH) > carnet.po
	$(BIN)/pybabel -q update -i carnet.pot -o $(FRENCH) -l fr --no-fuzzy-matching --ignore-obsolete --no-wrap --omit-header
	@cat $(FRENCH) >> carnet.po && mv carnet.po $(FRENCH) && rm carnet.pot

lock: setup  ## resolve the versions again into requirements.txt and environment.yml
	$(BIN)/python tools/lock.py

clean:  ## remove the environment, reports and caches
	rm -rf $(VENV) reports data/*/.carnet
