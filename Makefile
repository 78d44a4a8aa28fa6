# Every command sets up what it needs, in .venv. `make help` lists them.

PYTHON ?= python3
WORKERS ?= 2
# Tests that kill processes disturb each other with one process more than cores; the others only wait less.
QUICK_WORKERS ?= 3
RUNS ?= 20
HISTORIES ?= 2000
WORKLOAD ?= steps
REPO ?=
MODEL ?=

# pytest rewrites its plugins, Hypothesis among them, and that half second comes back at every start if it is not kept.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PROMTOOL := .venv/promtool
READY := .venv/.ready-dev
READY_BENCH := .venv/.ready-bench
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo dev test quick pure check check-deploy crash bench docs clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Run the main example on a sample repository, or on yours: make demo REPO=/path/to/it
	PYTHONPATH=examples $(BIN)/python -m change_repository.demo $(if $(REPO),"$(REPO)") $(if $(MODEL),--model "$(MODEL)")

dev: $(READY) ## Leave the main example running for you to play with: make dev REPO=/path/to/it
	PYTHONPATH=examples $(BIN)/python -m change_repository.dev $(if $(REPO),"$(REPO)") $(if $(MODEL),--model "$(MODEL)")

test: export HISTORIES := $(HISTORIES)
test: $(READY) ## Run every test, on real databases; ACTUM_DATABASE_URL names a server, else one is embedded.
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

quick: $(READY) ## Run all but the tests that kill processes or servers, and the largest histories.
	$(BIN)/pytest -n $(QUICK_WORKERS) -m "not crash" $(ARGS)

pure: $(READY) ## Run the tests of decisions: no database, no process, a few seconds.
	$(BIN)/pytest tests/machine tests/flow -m "not campaign and not crash" $(ARGS)

check: $(READY) ## Look at format, lint, types and the rules of the house.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/pytest -q tests/house

check-deploy: $(READY) ## Try alert rules and panels with promtool: the one on the path, else Debian's, unpacked in .venv.
	@command -v promtool >/dev/null || test -x $(PROMTOOL)/usr/bin/promtool || { \
		mkdir -p $(PROMTOOL) && cd $(PROMTOOL) && apt-get download prometheus && dpkg-deb -x prometheus_*.deb .; }
	PATH="$$PATH:$(PROMTOOL)/usr/bin" promtool check rules deploy/prometheus/actum.rules.yml
	PATH="$$PATH:$(PROMTOOL)/usr/bin" promtool test rules deploy/prometheus/actum.test.yml
	$(BIN)/pytest -q tests/deploy

crash: export RUNS := $(RUNS)
crash: $(READY) ## Kill workers at random, again and again: make crash RUNS=200
	$(BIN)/pytest -m crash $(ARGS)

bench: $(READY_BENCH) ## Run one benchmark beside its peers: make bench WORKLOAD=steps
	$(BIN)/python benchmarks/$(WORKLOAD).py $(ARGS)

docs: $(READY) ## Write the generated reference pages anew.
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/generate_commands.py

clean: ## Remove the environment and what the tools keep; databases stay.
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Actum needs Python 3.11 or newer, and '$(PYTHON)' is not: name one, as in make test PYTHON=python3.12" >&2; \
		exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) install --upgrade pip
	@touch $@

$(READY): .venv/.made pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable '.[local]' --group dev
	@touch $@

$(READY_BENCH): $(READY)
	$(PIP) install --constraint constraints.txt --group bench
	@touch $@
