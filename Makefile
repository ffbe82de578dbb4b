# The one interface for people and for CI. `make help` explains itself.
.DEFAULT_GOAL := build
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST := Cargo.toml Cargo.lock $(shell find rust_router -name '*.rs' -o -name Cargo.toml)

# Compiled now, for whoever runs it later may not write here; a start without takes twice as long.
COMPILE = $(BIN)/python -m compileall -q py_callcenter

.PHONY: build demo test test-tools test-fast test-live histories test-browser sim steps lint rust-check stubs bench bench-live bench-reports bench-soak bench-storm messages dashboards format clean help

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

build: $(VENV)/.built ## the product, into .venv (.venv/bin/callcenter)
	@$(COMPILE)

$(VENV)/.python:
	@scripts/need "$(PYTHON)" cargo cc
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' 'maturin>=1.16,<2'
	@touch $@

$(VENV)/.built: $(VENV)/.python pyproject.toml $(RUST)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet
	@$(COMPILE)
	@touch $@

$(VENV)/.test: $(VENV)/.built
	$(BIN)/python -m pip install --quiet --group test --group lint
	@touch $@

demo: build ## a whole call centre on this machine: simulated switch, callers, agents, page
	$(BIN)/callcenter demo

test: test-tools $(VENV)/.test lint stubs rust-check ## everything that CI runs
	@scripts/system-packages chromium postgresql prometheus
	$(BIN)/python -m pytest

test-tools:
	@scripts/need "$(PYTHON)" cargo cc cargo-clippy cargo-fmt

test-fast: $(VENV)/.test ## the Python tests without browser and processes
	$(BIN)/python -m pytest -m "unit or contract or esl or sim"

SEEDS ?= 1000
sim: $(VENV)/.test ## random call centres with misfortunes in virtual time: SEEDS=n, or SEED=n for one in detail
	PYTHONPATH=tests $(BIN)/python -m sim.storm $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(MORE)

steps: $(VENV)/.test ## a misfortune at every step of every story, PAIRS=n: and n with a second after each (SEED=n: others)
	PYTHONPATH=tests $(BIN)/python -m sim.steps --more $(PAIRS) --seed $(or $(SEED),0) $(MORE)

histories: $(VENV)/.test ## random histories on both routers: COUNT=n (JOBS=n), or SEED=n for one in detail
	PYTHONPATH=tests $(BIN)/python -m contract.long_run $(if $(SEED),--seed $(SEED),--count $(or $(COUNT),10000) $(if $(JOBS),--jobs $(JOBS)))

test-browser: $(VENV)/.test ## the page in a real Chromium
	@scripts/system-packages chromium
	$(BIN)/python -m pytest -m browser

test-live: $(VENV)/.test ## a real FreeSWITCH (FREESWITCH_HOME or PATH) with SIPp
	@scripts/system-packages sip-tester
	$(BIN)/python -m pytest -m live tests/live

lint: $(VENV)/.test ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

stubs: $(VENV)/.test ## the documented border against the compiled module
	$(BIN)/python -m mypy.stubtest py_callcenter._router --allowlist tests/stubtest-allowlist.txt

rust-check: ## rustfmt, clippy (warnings are errors) and the Rust tests
	cargo fmt --check
	PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
	cargo test --quiet --locked -p callcenter_core

$(VENV)/.bench: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --group bench
	@touch $@

bench: $(VENV)/.bench ## the whole call, decoding, decisions → bench/RESULTS.md
	$(BIN)/python bench/results.py

bench-live: $(VENV)/.bench ## the same and the benches on a real FreeSWITCH: load, cuts, kills, restarts
	@scripts/system-packages sip-tester
	$(BIN)/python bench/results.py --live

bench-reports: $(VENV)/.test ## a month's report out of 20 million calls on PostgreSQL → bench/RESULTS.md (20 GB of disk, twenty minutes)
	@scripts/system-packages postgresql
	$(BIN)/python bench/results.py --reports

bench-soak: $(VENV)/.test ## memory and descriptors: half an hour at 100 calls/s, a day in virtual time → bench/RESULTS.md (forty minutes)
	$(BIN)/python bench/results.py --soak

bench-storm: $(VENV)/.test ## the end of `make sim SEEDS=20000 MORE=--brief | tee FILE`, with FILE=its name → bench/RESULTS.md
	$(BIN)/python bench/results.py --storm $(or $(FILE),$(error FILE=… has to name what make sim has printed))

messages: $(VENV)/.test ## bring the message catalogues up to the words in use; then translate what is empty
	PYTHONPATH=. $(BIN)/python scripts/messages.py

dashboards: $(VENV)/.test ## Grafana's dashboards from deploy/dashboards into deploy/grafana/dashboards
	$(BIN)/python -m deploy.dashboards

format: $(VENV)/.test ## put every file into its shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	cargo fmt

clean: ## forget everything that was built
	rm -rf $(VENV) target .pytest_cache .mypy_cache .ruff_cache .hypothesis
