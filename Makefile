# Two commands: `make demo` sets everything up and runs one real day, `make test` sets everything up and proves it.
# ARGS hands options on:  make demo ARGS="--slots 12 --out DIR"

BIN := .venv/bin
STAMPS := .cache/stamps
SOLC := .cache/solcx/solc-v0.8.37
SOURCES := p2ptrade scripts tests
ARGS ?=
WORKERS ?= 2
# A warning of the Solidity compiler fails the build, as a finding of any other gate does.
export FOUNDRY_DENY := warnings

.DEFAULT_GOAL := help
.PHONY: help setup demo check test test-slow soak forge-test prove artifacts format lock clean distclean

help:
	@echo "make demo       set up, then run one trading day (ARGS=\"--slots 12 --out DIR\")"
	@echo "make test       set up, then every gate and every everyday test"
	@echo "make check      formats, linters, types, import order, static analysis"
	@echo "make test-slow  the long tests; make soak: hours of faults and fresh seeds"
	@echo "make setup | artifacts | format | lock | clean | distclean"

# --- Setting up: each step leaves a stamp and runs again only when what it was made from has changed ---

setup: $(STAMPS)/python $(STAMPS)/node $(SOLC)

$(STAMPS)/python: requirements/dev.txt pyproject.toml
	@scripts/install.sh .venv requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . || \
		$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/node: package.json package-lock.json
	@scripts/environment.sh >/dev/null
	@echo "installing npm packages into node_modules"
	@npm ci --ignore-scripts --loglevel=error
	@mkdir -p $(STAMPS) && touch $@

$(SOLC): $(STAMPS)/python $(STAMPS)/node p2ptrade/chain/compiler.py scripts/solc-shim.cjs
	@$(BIN)/python scripts/ensure_solc.py
	@touch -h $@

# Analysers live in environments of their own: their dependencies are not ours, and we only run them.
$(STAMPS)/%: requirements/%.txt
	@scripts/install.sh .venv-$* $<
	@mkdir -p $(STAMPS) && touch $@

# --- Running ---

demo: setup
	@$(BIN)/p2ptrade demo $(ARGS)

# --- Gates, in this order; tests/support/test_gates.py breaks each of them to see it fail ---

check: setup $(STAMPS)/slither
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	scripts/forge.sh fmt --check
	node_modules/.bin/solhint --disc --noPoster --max-warnings 0 'contracts/**/*.sol'
	scripts/slither.sh

test: check forge-test prove
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not slow and not soak" $(ARGS)

test-slow: setup $(STAMPS)/slither $(STAMPS)/halmos $(STAMPS)/convert
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m slow $(ARGS)

soak: setup $(STAMPS)/slither
	seed=$$(od -An -N7 -tu8 /dev/urandom | tr -d ' '); echo "forge's seed: $$seed"; \
	FOUNDRY_PROFILE=soak FOUNDRY_FUZZ_SEED=$$seed scripts/forge.sh test
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m soak $(ARGS)

forge-test: setup
	scripts/forge.sh test

prove: setup $(STAMPS)/halmos
	scripts/halmos.sh

# --- Making what is committed ---

artifacts: setup
	$(BIN)/python scripts/build_artifacts.py

format: setup
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	scripts/forge.sh fmt

lock: setup
	$(BIN)/python scripts/lock.py

clean:
	rm -rf .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info

distclean: clean
	rm -rf .venv .venv-slither .venv-halmos .venv-convert node_modules
