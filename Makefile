# Everything sets itself up: `make demo` and `make test` need python3, make and a network, and change nothing outside
# of this folder and nosh's own ones.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/nosh
export PIP_CACHE_DIR := $(CACHE)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo demo-full test test-all setup dev bench lock reference clean

help:
	@echo "make demo       build an app without a shell, run it, compare it"
	@echo "make test       run every check"
	@echo "make demo-full  the demo, with the big official images' userland beside it"
	@echo "make test-all   also what takes long"
	@echo "make bench      measure, and compare with other tools"
	@echo "make reference  write the reference of the commands anew"

setup: .venv/run.ready

dev: .venv/dev.ready

.venv/bin/python:
	@$(PYTHON) scripts/make_venv.py .venv

.venv/run.ready: requirements/run.txt pyproject.toml | .venv/bin/python
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/run.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.ready: requirements/dev.txt .venv/run.ready
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@touch $@

demo: setup
	@$(BIN)/python scripts/demo.py

demo-full: setup
	@$(BIN)/python scripts/demo.py --full

test: dev
	@scripts/test

test-all: dev
	@scripts/test --all

bench: dev
	@$(BIN)/python benchmarks/run.py

reference: dev
	@$(BIN)/python scripts/reference.py

lock: dev
	@scripts/lock

clean:
	rm -rf .venv build dist
