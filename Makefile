# Every command of the repository. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# The Python that makes .venv: the first one that starts. scripts/setup_env.py says so if it is too old.
ifndef PYTHON
PYTHON := $(shell for p in python3.11 python3.12 python3 python; do \
	if "$$p" -c '' >/dev/null 2>&1; then echo "$$p"; break; fi; done)
endif
PY := .venv/bin/python

ABLATION ?= kl_penalty
SCALE ?= micro
QUICK ?=
SEEDS ?=
STEPS ?= $(if $(QUICK),3)
RESULTS ?=
ONLY ?=
# Passed through only when given, so that the ablation file's own values hold otherwise.
PASSED = $(if $(STEPS),steps=$(STEPS)) $(if $(RESULTS),results_dir=$(RESULTS)) $(QUICKLY)
# A quick run asks few evaluation questions too: with three steps they would be most of its time.
QUICKLY = $(if $(QUICK),dataset.eval_size=8)
# A variable, since a comma between the parentheses of $(if) would end its argument.
RUN_ARMS = 'levels=[none,reward,reward_0.5]'

# Which environment (ACCELERATOR=cpu|cuda), DRY=1 to see it only, DRIVER=later where the GPUs are elsewhere.
SETUP = $(if $(ACCELERATOR),"accelerator=$(ACCELERATOR)") $(if $(DRIVER),"driver=$(DRIVER)") $(if $(filter setup,$(MAKECMDGOALS)),$(if $(DRY),"dry=$(DRY)"))

# torch's and vLLM's CPU builds have no page there; cuda.txt has their usual ones, and flash-attn its own.
AUDITED = build core dev train cuda flash-attn

CODE = $(wildcard harness paper scripts tests)
PYTEST = OMP_NUM_THREADS=1 $(PY) -m pytest

.PHONY: help setup run study baselines test test-core test-engine test-all trust audit bench-cell bench-readers profile check report paper examples clean clean-venv

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 20

setup: ## make .venv with everything in it (1-4 minutes once, then a second; PYTHON=python3.11 ACCELERATOR=cuda DRY=1 DRIVER=later)
	@test -n "$(PYTHON)" || { echo "set-up failed: no Python found: install Python 3.11" >&2; exit 2; }
	@"$(PYTHON)" scripts/setup_env.py $(SETUP)

run: setup ## the main job: three real cells of the KL ablation, table, figures (QUICK=1: 3 steps, 8 questions; SEEDS= STEPS= RESULTS=)
	@$(PY) -m harness.run ablation=kl_penalty scale=$(SCALE) $(if $(filter micro,$(SCALE)),$(RUN_ARMS)) seeds=$(or $(SEEDS),1) $(PASSED)

study: setup ## a full study, resumable (ABLATION=kl_penalty SCALE=micro SEEDS= STEPS= RESULTS=)
	@$(PY) -m harness.run ablation=$(ABLATION) scale=$(SCALE) $(if $(SEEDS),seeds=$(SEEDS)) $(PASSED)

baselines: setup ## run and store every study of the micro-world, resumable: hours, and it says how many (STUDIES="gamma reward")
	@$(PY) scripts/all_studies.py $(STUDIES)

report: setup ## write tables, figures and REPORT.md again from the stored cells (ABLATION= SCALE= RESULTS=)
	@$(PY) -m harness.report ablation=$(ABLATION) scale=$(SCALE) $(if $(RESULTS),results_dir=$(RESULTS))

paper: setup ## draw the paper's figures and tables, published data and our runs, and build the preprint (RESULTS=)
	@$(PY) -m paper.build all $(if $(RESULTS),results_dir=$(RESULTS))
	@$(PY) -m paper.preprint $(if $(RESULTS),results_dir=$(RESULTS))

examples: setup ## write everything again that is committed and made of stored results (ONLY="page readme")
	@$(PY) scripts/make_examples.py $(ONLY)

test: setup check test-core test-engine ## set-up, style, types, core tests and real two-step cells

test-core: setup ## the tests that need no engine (two minutes)
	@$(PYTEST) -m "not engine and not slow" -n 2 --dist loadgroup --benchmark-disable

test-engine: setup ## the tests that run torch, verl, vLLM and Ray for real (minutes)
	@$(PYTEST) -m "engine and not slow"

test-all: setup check ## every test there is, slow ones too; writes docs/lab/test-all.md
	@$(PY) scripts/record_tests.py docs/lab/test-all.md

trust: setup ## the disk fails while commands write, strangers' bytes in every parser: half an hour, prints the counts (FAULTS= CASES=)
	@$(PY) scripts/trust_faults.py $(if $(FAULTS),most=$(FAULTS))
	@$(PY) scripts/fuzz_parsers.py cases=$(or $(CASES),100000) seed=$(or $(SEED),0)

audit: setup ## the pinned versions against PyPI's list of known vulnerabilities (asks pypi.org; a version it cannot look up fails)
	@failed=0; for file in $(AUDITED); do echo "requirements/$$file.txt"; .venv/bin/uvx pip-audit==2.10.1 --strict --no-deps \
		--disable-pip --progress-spinner off -r requirements/$$file.txt || failed=1; done; exit $$failed

bench-cell: setup ## time naive and final cells in turn on an idle machine: 20 minutes (REPEATS=5 STEPS=6 REMOVAL=1 SIZES=1 LONG=1 PART=, PEERS=5 beside TRL)
	@$(PY) scripts/bench_cell.py REPEATS=$(or $(REPEATS),5) STEPS=$(or $(STEPS),6) REMOVAL=$(REMOVAL) SIZES=$(SIZES) LONG=$(LONG) PART=$(PART) \
		PEERS=$(PEERS) PEER_SIZES=$(PEER_SIZES) PEER_STEPS=$(or $(PEER_STEPS),12)

bench-readers: setup ## time the readers of logs against pandas, and what is done with a bundle: 10 minutes, writes lab 0011's figure
	@$(PY) scripts/bench_readers.py

profile: setup ## where the time of the newest finished cell went: tables and pictures (ABLATION= SCALE= RESULTS=)
	@$(PY) -m harness.profile ablation=$(ABLATION) scale=$(SCALE) $(if $(RESULTS),results_dir=$(RESULTS))

check: setup ## formatting, lint and types
	@$(PY) -m ruff format --check $(CODE)
	@$(PY) -m ruff check $(CODE)
	@$(PY) -m mypy $(CODE)

clean: ## remove caches and build leftovers; results and .venv stay
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .benchmarks
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

clean-venv: ## remove .venv
	@rm -rf .venv
