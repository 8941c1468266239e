# Every target makes .venv by itself: with uv when it is there, else with `python3 -m venv` and pip.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: help demo test test-long test-all exhaustive recordings sdk-tests redis lint bench seams hedging simulation speed journals survival soak kill-soak networks clients web-clients chat browser postgres real-model docs dist release-check clean
help:
	@echo "make demo | test | test-all | exhaustive | recordings | lint | docs | dist | release-check | clean"
	@echo "make bench: seams | hedging | simulation | speed | journals"
	@echo "make survival | soak | kill-soak | networks | clients | web-clients | chat | browser | postgres | real-model"

# One stamp a set of extras, so that the demo does not wait for the linters.
$(VENV)/.cli: pyproject.toml
	@$(call install,-e '.[cli]')
	@touch $@
$(VENV)/.dev: pyproject.toml
	@$(call install,-e '.[dev]')
	@touch $@ $(VENV)/.cli

define install
if command -v uv >/dev/null 2>&1; then \
  { test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV); } && \
  uv pip install --quiet --python $(BIN)/python $(1); \
else \
  { test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); } && \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); \
fi
endef

# Packages of Debian's that tests start: `$(call debian,COMMAND,PACKAGE)`. Where they can be installed, they are; where not,
# what needs them is skipped, and says so.
define debian
command -v $(1) >/dev/null || { \
  ROOT=$$(test "$$(id -u)" = 0 || echo sudo -n); \
  { $$ROOT apt-get update -qq && $$ROOT env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(2); } >/dev/null 2>&1 \
  || echo "$(1) is not installed, and could not be: tests that need it are skipped" >&2; }
endef

redis:
	@$(call debian,redis-server,redis-server)

demo: $(VENV)/.cli
	@$(BIN)/unbroken demo

# One file is for one worker: its fixtures are made once. Bytecode is kept, or every worker would compile every file.
PYTEST := $(BIN)/python -m pytest -q -n auto --dist loadfile
# What is slow mostly waits, for processes and for time: two at a time for each processor.
WAITING = $$(($$(nproc 2>/dev/null || echo 2) * 2))
PURE   := tests/batches/test_request.py tests/core tests/diagnosis tests/health tests/preflight
REST   := $(PURE:%=--ignore=%)
SHORT  := --hypothesis-profile=short
unexport PYTHONDONTWRITEBYTECODE

# While you work: what is not slow, as tests/short_run.py has it, and a third of the examples of properties.
test: $(VENV)/.dev redis
	$(PYTEST) -m "not slow" $(SHORT) $(NOT_NOW)

# What that leaves out; and all tests of what is pure, since together they reach every branch of it. The tracer is for
# them alone: without it the rest takes half the time.
test-long: $(VENV)/.dev sdk-tests redis
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -q -n auto $(PURE)
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report --skip-covered --fail-under=100
	$(PYTEST) -n $(WAITING) -m "slow and not exhaustive" $(REST)

# Of products that wait for processes, the cases that `make test-all` leaves out.
exhaustive: $(VENV)/.dev redis
	$(PYTEST) -n $(WAITING) -m exhaustive

# Everything but that, once: the short run leaves what is pure to the long one, and all examples are tried.
test-all: NOT_NOW := $(REST)
test-all: SHORT :=
test-all: test test-long

# Every recorded stream, whole and cut at every event, and what came of it; they are ../shared/recordings, or where
# UNBROKEN_RECORDINGS says.
recordings: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto tests/recordings --recordings=all

# The SDK's own test suite, of the version that is installed; fetched once.
sdk-tests: $(VENV)/.dev
	@$(BIN)/python tests/sdk/fetch_sdk_tests.py

# pyright finds the package, and what it imports, by the python that is first on the path.
lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	PATH="$(abspath $(BIN)):$$PATH" pyright
	PATH="$(abspath $(BIN)):$$PATH" pyright --verifytypes unbroken --ignoreexternal

# How exactly continuations are joined: the table in the docs. It fails when a bound is broken.
seams: $(VENV)/.dev
	$(BIN)/python -m benchmarks.seams

hedging: $(VENV)/.dev
	$(BIN)/python -m benchmarks.hedging --write

simulation: $(VENV)/.dev
	$(BIN)/python -m benchmarks.simulation --write

# CPU (at full speed and at a pace), latency, memory, import time and the recovery gap, against the SDK.
speed: $(VENV)/.dev
	$(BIN)/python -m benchmarks.speed --write

# What journals cost, and how soon another goes on with a stream.
journals: $(VENV)/.dev redis
	$(BIN)/python -m benchmarks.journals --write

bench: seams hedging simulation speed journals

# The fault matrix against what people use today; it installs each of them in an environment of its own.
survival: $(VENV)/.dev
	$(BIN)/python -m benchmarks.survival --write

# 2,000 streams for five minutes, one fault for every three streams; with what one takes for so many, aiohttp and uvloop.
soak: $(VENV)/.dev
	$(BIN)/python -m benchmarks.soak --transport aiohttp --loop uvloop --write

# Streams in a journal, while the processes that write them are killed, each second for five minutes; on SQLite, on Redis.
kill-soak: $(VENV)/.dev redis
	$(BIN)/python -m benchmarks.kill_soak --write

# Real TCP through networks that break, in network namespaces of their own; a sentence says so where there can be none.
networks: $(VENV)/.dev
	$(BIN)/python -m benchmarks.networks

# Agent frameworks over the middleware, in an environment of their own.
clients: $(VENV)/.dev
	$(BIN)/python -m tests.clients.environment

# The AI SDK's own readers of what a browser gets, in Node; npm installs them in a folder of their own.
web-clients: $(VENV)/.dev
	$(BIN)/python -m tests.web.clients.environment

# The chat backend of the docs, on the fault server; with ANTHROPIC_API_KEY on the real API.
chat: $(VENV)/.dev
	@PYTHONPATH=docs/examples $(BIN)/python -m chat

# Its page, and an EventSource, in a real Chromium (/usr/bin/chromium), driven by Playwright.
browser: $(VENV)/.dev
	@$(call debian,chromium,chromium)
	@$(call install,playwright)
	$(BIN)/python -m pytest -q tests/examples/test_chat_page.py tests/web/test_event_source.py

# The example of a journal in PostgreSQL, on a server of its own that is installed if it is missing (Debian; as root).
postgres: $(VENV)/.dev
	@$(call install,asyncpg)
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || $(call debian,initdb,postgresql)
	$(BIN)/python -m pytest -q tests/postgres

# A small model of 98 MB behind the wire of the Messages API, in an environment of its own; no part of the tests.
real-model: $(VENV)/.dev
	$(BIN)/python -m benchmarks.real_model.environment

docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file docs/mkdocs.yml

# The source distribution, and the wheel from what is in it; looked at, installed, and tested as users have it.
dist: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist . >/dev/null
	$(BIN)/python -m twine check --strict dist/*
	UNBROKEN_DIST=dist $(BIN)/python -m pytest -q tests/packaging

# Whether this version may be released as it stands; docs/pages/releases.md has the steps.
release-check: $(VENV)/.dev
	$(BIN)/python -m tests.packaging.release
	$(MAKE) dist

clean:
	rm -rf .venv* build dist site .coverage* .hypothesis .mypy_cache .ruff_cache
