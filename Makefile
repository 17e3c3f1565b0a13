# Targets for people; `make help` lists them. Everything happens in .venv, made on first use.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all lint dev constraints clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade --constraint constraints.txt pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[server]" --group dev
	@touch $@

install: .venv/installed ## Make the environment

demo: install ## Run the whole pipeline on a simulated company
	$(BIN)/pipedrive-graph demo

test: install ## Run the tests
	$(BIN)/pytest

test-all: install ## Run the tests, slow ones included
	$(BIN)/pytest -m "slow or not slow"

lint: install ## Check format, lint, types and import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

dev: install ## Open Dagster's web interface
	VIRTUAL_ENV="$(CURDIR)/.venv" DAGSTER_HOME="$(CURDIR)/dagster_home" $(BIN)/dg dev

constraints: ## Renew constraints.txt from the newest versions
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable ".[server]" --group dev
	$(BIN)/pip freeze --all --exclude-editable | grep -v '^setuptools=' > constraints.txt
	@touch .venv/installed

clean: ## Remove the environment and the demo
	rm -rf .venv demo
