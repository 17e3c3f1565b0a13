# Targets for developers; `make help` lists them. They use .venv, which the first one creates. The benchmarks have a
# separate environment for the tools that they compare with.

PYTHON ?= python3
BIN := .venv/bin
BENCHMARKS := .venv-benchmarks
NEWEST := .venv-newest
AUDIT := .venv-audit
TIMED := tests/pipedrive tests/simulator
COMPARED := tests/builder/test_scale.py tests/pipeline/test_fleet_cost.py tests/collect/test_rehearsal.py

# In units of tests/cpu_time.py; the tests took 1,151 when this was set.
CPU_BUDGET := 2500

# The tests start hundreds of processes. If this variable is set, as in container images, each process compiles the
# package again (0.4 s), and each pytest all tests (10 s).
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-all attacks test-newest lint lint-sql docs site snapshots dev benchmarks constraints requirements sbom audit clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade --constraint constraints.txt pip
	$(BIN)/pip install --quiet --constraint constraints.txt --build-constraint constraints.txt \
		--editable ".[server,explore]" --group dev --group docs
	@touch $@

install: .venv/installed ## Make the environment

demo: install ## Run the whole pipeline on a simulated company
	$(BIN)/pipedrive-graph demo

test: install ## Run the tests; those about timing run by themselves, because they mostly wait
	$(BIN)/pytest --numprocesses 2 --dist loadscope --cpu-budget $(CPU_BUDGET) $(addprefix --ignore=,$(TIMED))
	$(BIN)/pytest --numprocesses 4 --dist load $(TIMED)

test-slow: install ## Run the slow tests; those that compare times run by themselves
	$(BIN)/pytest -m slow --numprocesses 2 --dist loadscope $(addprefix --ignore=,$(TIMED) $(COMPARED))
	$(BIN)/pytest -m slow $(TIMED) $(COMPARED)

test-all: test test-slow ## Run all tests

attacks: install ## Kill commands 200 times and damage 100 files (half an hour)
	cd tests && ../$(BIN)/python -m attacks kills 200
	cd tests && ../$(BIN)/python -m attacks damages 100

test-newest: ## Try the newest versions that pyproject.toml allows: custom rules and sql/ (3 minutes)
	$(PYTHON) -m venv --clear $(NEWEST)
	$(NEWEST)/bin/pip install --quiet --editable . --group dev
	$(NEWEST)/bin/python -c "import duckdb, sqlglot; print('DuckDB', duckdb.__version__, 'sqlglot', sqlglot.__version__)"
	$(NEWEST)/bin/pytest -q -m "" --numprocesses 2 tests/findings/test_own_rules.py tests/sql/test_files.py

lint: install ## Check format, lint, types, import directions and language
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/language.py

lint-sql: install ## Check the style of sql/ (half a minute)
	$(BIN)/sqlfluff lint sql --disable-progress-bar

docs: install ## Write the pages that are generated from the code
	$(BIN)/python -m tools.docs.rules_page
	$(BIN)/python -m tools.docs.table_pages
	$(BIN)/python -m tools.docs.steps_page

# Strict: a broken link fails. The variable silences a notice about MkDocs 2, which pyproject.toml excludes.
site: install ## Build the website into site/; serve it with `python -m http.server -d site`
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

snapshots: install ## Write the snapshot of the asset graph that the tests compare with
	UPDATE_SNAPSHOTS=1 $(BIN)/pytest -q -p no:xdist tests/orchestration/test_asset_graph.py

dev: install ## Run Dagster's web page and daemon on port 3000
	DAGSTER_HOME="$(CURDIR)/dagster_home" $(BIN)/pipedrive-graph dagster

$(BENCHMARKS)/installed: pyproject.toml constraints.txt benchmarks/constraints.txt
	$(PYTHON) -m venv $(BENCHMARKS)
	$(BENCHMARKS)/bin/pip install --quiet --upgrade --constraint constraints.txt pip
	$(BENCHMARKS)/bin/pip install --quiet --constraint constraints.txt --constraint benchmarks/constraints.txt \
		--editable . --group benchmarks
	@touch $@

benchmarks: $(BENCHMARKS)/installed ## Measure collecting, compared with other tools, and its memory (10 minutes)
	$(BENCHMARKS)/bin/python -m benchmarks.collect
	$(BENCHMARKS)/bin/python -m benchmarks.footprint

$(AUDIT)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet --upgrade --constraint constraints.txt pip
	$(AUDIT)/bin/pip install --quiet --constraint constraints.txt --group audit
	@touch $@

COMPILE = $(AUDIT)/bin/uv pip compile pyproject.toml --group build --constraint constraints.txt --quiet \
	--generate-hashes --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-strip-extras

requirements: $(AUDIT)/installed ## Write the requirements of the documented install, with their hashes
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --extra server --output-file requirements-server.txt

sbom: $(AUDIT)/installed ## Write dist/sbom.json: every package of the documented install
	@mkdir -p dist
	$(AUDIT)/bin/cyclonedx-py requirements requirements-server.txt --pyproject pyproject.toml \
		--output-reproducible --output-file dist/sbom.json

audit: $(AUDIT)/installed ## Look for known vulnerabilities; needs a network
	$(AUDIT)/bin/pip-audit --requirement requirements-server.txt --require-hashes --disable-pip \
		--progress-spinner off

constraints: ## Renew both constraints.txt from the newest versions, and the requirements
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable ".[server,explore]" --group dev --group docs --group build --group audit
	$(BIN)/pip freeze --all --exclude-editable | grep -v '^setuptools=' > constraints.txt
	@touch .venv/installed
	$(PYTHON) -m venv --clear $(BENCHMARKS)
	$(BENCHMARKS)/bin/pip install --quiet --upgrade --constraint constraints.txt pip
	$(BENCHMARKS)/bin/pip install --quiet --constraint constraints.txt --editable . --group benchmarks
	$(BENCHMARKS)/bin/pip freeze --all --exclude-editable | grep -v '^setuptools=' \
		| grep -vxFf constraints.txt > benchmarks/constraints.txt
	@touch $(BENCHMARKS)/installed
	$(MAKE) requirements

clean: ## Remove the environments, the demo and the website
	rm -rf .venv $(BENCHMARKS) $(NEWEST) $(AUDIT) demo site
