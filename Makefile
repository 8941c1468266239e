# Every target makes .venv by itself: with uv when it is there, else with `python3 -m venv` and pip.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: help demo test sdk-tests lint bench seams hedging simulation docs clean
help:
	@echo "make demo | test | lint | bench | seams | docs | clean"

# One stamp a set of extras, so that the demo does not wait for the linters.
$(VENV)/.cli: pyproject.toml
	@$(call install,.[cli])
	@touch $@
$(VENV)/.dev: pyproject.toml
	@$(call install,.[dev])
	@touch $@ $(VENV)/.cli

define install
if command -v uv >/dev/null 2>&1; then \
  { test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV); } && \
  uv pip install --quiet --python $(BIN)/python -e '$(1)'; \
else \
  { test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); } && \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '$(1)'; \
fi
endef

demo: $(VENV)/.cli
	@$(BIN)/unbroken demo

# The core's own tests reach every branch of it; without the tracer the rest takes half the time.
test: $(VENV)/.dev sdk-tests
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -q -n auto tests/core
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report --skip-covered --fail-under=100
	$(BIN)/python -m pytest -q -n auto --dist loadfile --ignore=tests/core

# The SDK's own test suite, of the version that is installed; fetched once.
sdk-tests: $(VENV)/.dev
	@$(BIN)/python tests/sdk/fetch_sdk_tests.py

# pyright finds the package, and what it imports, by the python that is first on the path.
lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
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

bench: seams hedging simulation

docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file docs/mkdocs.yml

clean:
	rm -rf .venv* build dist site .coverage* .hypothesis .mypy_cache .ruff_cache
