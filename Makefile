# `make` alone lists what there is. Everything works from a bare checkout: each target first makes what it needs.
# Variables: PYTHON=python3.12 (interpreter), DATA=DIR HOST=ADDRESS PORT=N (make up), ARGS="..." (pytest, bench), JOBS=N (make test).
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
export PYTHON
export UV_PYTHON_DOWNLOADS := never

# Tests wait more than they reckon: one worker more than there are cores.
JOBS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

BIN := .venv/bin
SYNCED := .venv/.stamp
ASSETS := src/swarmstead/doors/ui/assets
BUNDLE := $(ASSETS)/index.html
NODE_MODULES := ui/node_modules/.package-lock.json
CONFORMANCE := tests/conformance/node_modules/.package-lock.json
OIDC := tests/fakes/oidc
FUZZER := tests/fuzz/.packages
CLIENTS := tests/clients/.venv/.stamp
FUZZED := tests/fuzz/.corpus
OIDC_MODULES := $(OIDC)/node_modules/.package-lock.json
WEB := $(shell find ui -type f -not -path 'ui/node_modules/*' -not -path 'ui/dist/*' 2>/dev/null)

# HOST is taken from make's own command line only: some shells export a HOST of their own, and it would open the server up.
UP := $(if $(DATA),--data "$(DATA)") $(if $(filter command,$(firstword $(origin HOST))),--host "$(HOST)") $(if $(PORT),--port "$(PORT)")

.PHONY: help up setup ui oidc conformance clients browser test test-web test-python check check-lint check-types check-floors check-house \
    check-web fuzz api bench bench-gateway bench-tool-search bench-tool-search-scale screenshots dist lock clean force

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: setup ## environment, web bundle, database, server; prints the address and a sign-in link (DATA= HOST= PORT=)
	@if sh scripts/node.sh; then $(MAKE) ui; \
	 elif [ -f $(BUNDLE) ]; then echo "Going on with the web UI that was built before."; \
	 else echo "Going on without the web UI: the API and the command line work."; fi
	@$(BIN)/python -m compileall -q src/swarmstead
	@exec $(BIN)/stead up $(UP)

setup: $(SYNCED) ## prepare .venv from requirements.lock, without starting anything (PYTHON=)
	@:

$(SYNCED): requirements.lock pyproject.toml scripts/setup.sh $(if $(PYTHON)$(if $(wildcard $(BIN)/python),,gone),force)
	@sh scripts/setup.sh

ui: $(BUNDLE) ## build the web UI into the package, when its sources changed (needs Node >= 20.19)
	@:

$(NODE_MODULES): ui/package.json ui/package-lock.json ui/.npmrc
	@sh scripts/node.sh
	cd ui && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error
	@touch $@

oidc: $(OIDC_MODULES) ## install the OpenID provider that tests of identity run (needs Node >= 20.19)
	@:

$(OIDC_MODULES): $(OIDC)/package.json $(OIDC)/package-lock.json $(OIDC)/.npmrc
	@sh scripts/node.sh
	cd $(OIDC) && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error
	@touch $@

$(BUNDLE): $(WEB) $(NODE_MODULES)
	@sh scripts/node.sh
	cd ui && npm run --silent build
	@touch $@

conformance: $(CONFORMANCE) ## install the official MCP conformance suite, for tests/conformance

$(CONFORMANCE): tests/conformance/package.json tests/conformance/package-lock.json tests/conformance/.npmrc
	@sh scripts/node.sh
	cd tests/conformance && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error
	@touch $@

clients: $(CLIENTS) ## install the MCP SDK before the current one, for tests/clients
	@:

$(CLIENTS): tests/clients/requirements.txt $(SYNCED)
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python tests/clients/.venv
	@$(BIN)/uv pip sync --quiet --python tests/clients/.venv/bin/python --require-hashes $<
	@touch $@

browser:
	@sh scripts/browser.sh

test: test-web test-python ## every test, with a real Postgres and a real browser; installs what it needs (ARGS= for pytest, JOBS= at a time)

test-web: $(NODE_MODULES)
	cd ui && npm test --silent

test-python: setup ui browser oidc conformance clients
	$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

check: check-lint check-types check-floors check-house check-web ## lint, types, floors, docs, locks; the web sources from an empty folder

check-lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

check-types: setup
	$(BIN)/pyright

check-floors: setup
	$(BIN)/lint-imports --no-logo

check-house: setup
	$(BIN)/pytest tests/architecture

check-web:
	@sh scripts/web_check.sh

fuzz: setup $(FUZZER) ## look for inputs that break what reads them (SECONDS=60 for each TARGETS="request message …"; Linux)
	@PYTHONPATH=. $(BIN)/python -m tests.fuzz.seeds $(FUZZED)
	@mkdir -p $(FUZZED)/found
	@for target in $(or $(TARGETS),request message events answer schema manifest); do \
	    echo "fuzzing $$target"; \
	    PYTHONPATH=$(FUZZER):. $(BIN)/python -m tests.fuzz.run $$target $(FUZZED)/$$target \
	        -max_total_time=$(or $(SECONDS),60) -max_len=20000 -timeout=20 -rss_limit_mb=2000 -verbosity=0 -print_final_stats=1 \
	        -artifact_prefix=$(FUZZED)/found/$$target- || exit 1; \
	done

$(FUZZER): tests/fuzz/requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target $@ --require-hashes -r $<
	@touch $@

bench: setup ui ## measure start-up, memory, latency, durable turns; beside bare DBOS and LangGraph (ARGS=)
	$(BIN)/python -m bench.run $(ARGS)

bench-gateway: setup ## the gateway beside its peers, into docs/benchmarks.md (HARNESS=DIR of the drivers; ARGS="-d 10 --targets ...")
	@test -n "$(HARNESS)" || { echo "Say where the gateway harness is: make bench-gateway HARNESS=DIR"; exit 2; }
	$(BIN)/python -m bench.gateway "$(HARNESS)" --write $(ARGS)

bench-tool-search: setup ## recall and latency of tool search on labelled sets (SETS="a.json b.json" ARGS=)
	$(BIN)/python -m bench.tool_search $(SETS) $(ARGS)

bench-tool-search-scale: setup ## tool search at 1,000, 100,000 and 1,000,000 made-up tools (ARGS=)
	$(BIN)/python -m bench.tool_search_scale $(ARGS)

screenshots: setup ui browser ## take the pictures in docs/images anew
	$(BIN)/python -m scripts.screenshots

dist: setup ui ## build the wheel and the sdist, web bundle included, into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist

api: setup $(NODE_MODULES) ## write ui/openapi.json and the web UI's types anew, after a change of the API
	$(BIN)/stead openapi > ui/openapi.json
	cd ui && npm run --silent api

lock: setup ## resolve requirements.lock anew for Python 3.11-3.13 (UPGRADE=1 for the newest versions)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    $(if $(UPGRADE),--upgrade) pyproject.toml --group dev --output-file requirements.lock

clean: ## remove what was made: environment, bundle, caches (never your data)
	rm -rf .venv ui/node_modules $(OIDC)/node_modules tests/conformance/node_modules $(FUZZER) $(FUZZED) tests/clients/.venv ui/dist $(ASSETS) dist build .import_linter_cache .ruff_cache .pytest_cache .hypothesis
	find src tests bench scripts -type d -name __pycache__ -prune -exec rm -rf {} +

force:
