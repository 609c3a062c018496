# Concord: `make` alone explains.
# the first interpreter that really runs and is a supported one (version managers leave shims that do not)
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python; do $$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3,11),(3,12)))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
RUN := $(VENV)/bin/

.PHONY: help demo test check compiled stack-up stack-down setup setup-dev
help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1	/' | expand -t 22

demo: setup ## set everything up, run the whole of Concord for about a minute, print a report (KEEP=1 leaves the stack up, TARGETS=real: with real Tryton and Request Tracker)
	@$(RUN)concord demo $(if $(KEEP),--keep) $(if $(TARGETS),--targets $(TARGETS))

test: setup-dev ## set everything up and run all tests, in two processes (TESTS=tests/state: these, in one)
	@$(RUN)pytest $(or $(TESTS),--side-by-side)

check: setup-dev ## format, lint, types, architecture, contracts
	@$(RUN)ruff format --check . && $(RUN)ruff check . && $(RUN)mypy && $(RUN)lint-imports && $(RUN)python -m connectors.contract_lock

compiled: setup-dev ## compile the codec and the core: optional, needs a C compiler, a change costs a third less CPU
	@$(RUN)python -m connectors.avro.native.build && $(RUN)python -m connectors.compiled_state.build

stack-up: setup ## start Kafka, Connect with Debezium, registry, PostgreSQL and Valkey as plain processes
	@$(RUN)concord stack up

stack-down: setup ## stop them (data stays)
	@$(RUN)concord stack down

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Concord needs Python 3.11 or 3.12 and found neither on PATH. Next step: install one, or run: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import sys; v=sys.version_info[:2]; sys.exit(0 if v in ((3,11),(3,12)) else f"Concord needs Python 3.11 or 3.12; {sys.executable} is {v[0]}.{v[1]}. Next step: make PYTHON=/path/to/python3.12")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing the runtime packages (hash-checked) ..."
	@$(RUN)python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(RUN)python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "installing the development packages (hash-checked) ..."
	@$(RUN)python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
