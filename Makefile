# Every target sets up .venv by itself the first time, from requirements.lock and nothing else.
SHELL := /bin/bash
PYTHON ?= python3
BASE ?= main
JOBS ?= 0
# A worker more than there are cores, since tests of processes wait a lot; more than five would wait for the last.
WORKERS = $(shell $(PYTHON) -c 'import os; print(min(5, (os.cpu_count() or 1) + 1))')
ON_CORES = --numprocesses=$(WORKERS) --dist=worksteal
BIN := .venv/bin
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONNOUSERSITE := 1
export BASE FAIL_ON HTML NAME
export VIRTUAL_ENV := $(CURDIR)/.venv

.DEFAULT_GOAL := help
.PHONY: help setup reproduce open pdf same test numbers check bench diff noise record schema lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
	|| sed -n 's/^\([a-z]*\):.*##  *\(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

# An environment that was cut short, or has no pip for want of Python's ensurepip, is made anew.
$(BIN)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "$(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.12" >&2; exit 2; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

setup: $(BIN)/.ready  ## install everything into .venv

reproduce: setup  ## run what params.yaml asks for and is not there yet: tables, figures, the book in reports/; JOBS at a time
	regen run --jobs $(JOBS)
	@git diff --quiet HEAD -- reports 2>/dev/null; case $$? in \
	0) echo "Every table, number and figure is, byte for byte, the one in git." ;; \
	1) echo "In git other results are kept; what differs, and whether it matters: make diff BASE=HEAD" ;; esac
	@echo "The results: reports/index.html (make open)"

open: setup  ## show the results in the browser: reports/index.html
	regen open

pdf: setup  ## print the results to reports/regen.pdf; needs Chromium or Chrome
	regen pdf

test: setup  ## run the tests, on up to five cores
	pytest $(ON_CORES)

same: setup  ## whether other processors and thread counts leave the same bytes, at the pipeline's smallest
	PYTHONPATH=tests python -m pipeline.same

numbers: setup  ## the numerical tests as a processor with AVX2 but without AVX-512 runs them
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
		pytest $(ON_CORES) -m "not slow" tests/{attention,bijections,corruptions,depth,dirac,fidelity,gan,likelihood,planar,realnvp,theory,training,vae}

check: setup  ## ruff, mypy, and whether the exported schema is current
	ruff check .
	ruff format --check .
	mypy
	python -m regen.params --check

bench: setup  ## time what benchmarks/README.md lists, against a plain loop in the same run
	python -m benchmarks

diff: setup  ## what changed since BASE (default: main): verdicts, params, metrics, figures; FAIL_ON=worse, HTML=FILE
	@python stages/write_diff.py $${FAIL_ON:+--fail-on "$$FAIL_ON"} $${HTML:+--html "$$HTML"} -- "$$BASE"

noise: setup  ## run the quick profile five times, with other seeds: by how much a seed changes each metric
	python -m benchmarks.noise

record: setup  ## keep the results of the last run under results/$(NAME); of PARTS="l100 depth" alone, where given
	python stages/record_results.py "$$NAME" $$PARTS

schema: setup  ## export the schema of params.yaml for editors
	python -m regen.params

lock: setup  ## renew requirements.lock from pyproject.toml
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --extra cluster \
		--generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock

clean:  ## remove .venv and what tools left behind; results and the DVC cache stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build src/*.egg-info
