SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
BENCH ?=
MINUTES ?= 60
RATE ?= 100
LIANDU := $(BIN)/liandu

.DEFAULT_GOAL := help
.PHONY: help run demo kafka migrate test test-unit bench soak chaos lint format schemas lock compose-secrets clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "PORT_BASE=8100  ports are counted from here      LIANDU_DATA=.liandu  where everything is kept"
	@echo "KAFKA=real      Apache Kafka instead of the embedded broker (Java 17, Maven)"
	@echo "$(LIANDU) --help   tokens, topics, simulated time, dead letters, backup and restore"

run: $(VENV)/runtime ## start the whole platform; Ctrl+C stops it
	@$(LIANDU) run --die-with-parent

demo: $(VENV)/runtime ## the programme's year in a minute or two, on a simulated clock
	@$(LIANDU) demo

kafka: $(VENV)/runtime ## start Apache Kafka 4.1 alone (KAFKA_PORT=9092)
	@$(LIANDU) kafka --die-with-parent

migrate: $(VENV)/runtime ## bring the databases of the services up to date (LIANDU_DATABASE_URL: an admin's URL)
	@$(LIANDU) migrate

test: $(VENV)/dev ## all tests that can run here (ARGS="-k word" to choose; LIANDU_REQUIRE_KAFKA=1: no skip without Java)
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-unit: $(VENV)/dev ## the tests without any input or output: seconds
	$(BIN)/pytest tests/unit $(ARGS)

bench: $(VENV)/dev ## each path's figure beside its floor, measured in turns (BENCH="relay timers --runs 5" to choose)
	@$(BIN)/python -m tests.bench $(BENCH)

soak: $(VENV)/dev ## facts at a rate over the real processes: what grows, and whether it is flat (MINUTES=60 RATE=100 CHART=file.svg)
	@$(BIN)/python -m tests.bench.soak --minutes $(MINUTES) --rate $(RATE) $(if $(CHART),--chart $(CHART))

chaos: $(VENV)/dev ## break everything under load and judge from outside: half an hour or more (ARGS="storm --kills 20 --seed x")
	@$(BIN)/python -m tests.chaos $(ARGS)

lint: $(VENV)/dev ## ruff, mypy (strict), the borders between the packages, drift of the schemas
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m shared.contracts.schemas --check

format: $(VENV)/dev ## ruff's fixes and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(VENV)/dev ## write the events' JSON Schemas again (refuses a breaking change), and docs/permissions.md
	$(BIN)/python -m shared.contracts.schemas
	$(BIN)/python -m tests.support.permissions

lock: ## pin all dependencies again (with the package `uv`, in an environment of its own)
	@test -x $(VENV)-lock/bin/uv || { $(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet uv; }
	$(VENV)-lock/bin/uv pip compile pyproject.toml $(LOCK_OPTIONS) --output-file requirements.lock
	$(VENV)-lock/bin/uv pip compile pyproject.toml --extra dev $(LOCK_OPTIONS) --output-file requirements-dev.lock
LOCK_OPTIONS := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

compose-secrets: $(VENV)/runtime ## make the secrets that docker-compose.yml reads (deploy/secrets)
	@$(LIANDU) secrets deploy/secrets

clean: ## remove the environment, caches and Kafka's jars; the data in .liandu stays
	rm -rf $(VENV) $(VENV)-lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache deploy/kafka/target
	find services shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/runtime: requirements.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Liandu needs Python 3.11 or later; name one with PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the dependencies into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "liandu.pth").write_text(str(pathlib.Path.cwd()))'
	@printf '#!/bin/sh\nexec "%s" -P -m services.operator "$$@"\n' "$(CURDIR)/$(BIN)/python" > $(LIANDU) && chmod +x $(LIANDU)
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements-dev.lock
	@echo "installing the development tools into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
