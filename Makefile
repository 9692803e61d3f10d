# `make demo` and `make test` do all their own set-up; nothing but Python 3.10-3.13 and a package registry is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow lint results soak benchmark clean

demo: $(VENV)/.installed
	$(BIN)/suite finetune
	$(BIN)/suite verify saved_models/textures
	$(BIN)/suite benchmark saved_models/textures

test: $(VENV)/.installed-test lint
	$(BIN)/python -m pytest -m "not slow" --numprocesses=auto --maxprocesses=4 --dist=worksteal

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

results: $(VENV)/.installed-test
	$(BIN)/python tools/results.py

soak: $(VENV)/.installed-test
	$(BIN)/python tools/soak.py

benchmark: $(VENV)/.installed-bench
	$(BIN)/python tools/benchmark.py

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	touch $@
