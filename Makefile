# Each target does all its own set-up; nothing but Python 3.10-3.13 and a package registry is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The versions that passed the tests. `make test CONSTRAINTS=` takes the newest that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS:%=--constraint %)
PYTEST := $(BIN)/python -m pytest --durations=25
PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=loadgroup
README := tests/test_readme.py::test_every_form_of_boxes_is_named \
	tests/test_readme.py::test_the_table_of_topics_has_every_recipe_in_lecture_order
# What needs no training: 90 s on two cores, with the linters.
QUICK := tests/test_docstrings.py tests/lessons tests/recipes/test_catalog.py \
	tests/recipes/test_lessons.py tests/tools/test_lecture_index.py $(README) \
	tests/backprop tests/bundle tests/data tests/evaluation tests/report

.PHONY: demo check test test-all test-slow lint lint-js coverage constraints results soak benchmark site sizes clean

demo: $(VENV)/.installed
	$(BIN)/suite finetune
	$(BIN)/suite verify saved_models/textures
	$(BIN)/suite benchmark saved_models/textures

check: lint
	$(PYTEST) -m "not slow" $(PARALLEL) $(QUICK)

test: lint
	$(PYTEST) -m "not slow" $(PARALLEL)

test-all: test test-slow soak

test-slow: $(VENV)/.installed-test
	$(PYTEST) -m slow

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/deptry suite recipes
	$(BIN)/mypy
	$(BIN)/lint-imports

# The page's JavaScript and style; the versions are those of package-lock.json.
lint-js:
	@if command -v npm > /dev/null; \
	then npm ci --silent --no-audit --no-fund && npm run --silent lint; \
	else echo "skipped: no npm for the page's JavaScript"; fi

coverage: $(VENV)/.installed-test
	$(PYTEST) -m "not slow" $(PARALLEL) --cov=suite --cov-branch --cov-report=term:skip-covered

# Once in a while, and before a release: the newest versions that pyproject.toml allows, for every Python.
constraints: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --upgrade --extra test --extra site --no-header --no-annotate \
		pyproject.toml --output-file constraints.txt

results: $(VENV)/.installed-test
	$(BIN)/python tools/results.py
	$(BIN)/python tools/lecture_index.py

soak: $(VENV)/.installed-test
	$(BIN)/python tools/soak.py

benchmark: $(VENV)/.installed-bench
	$(BIN)/python tools/benchmark.py

# From the bundles in saved_models: run the recipes first whose figures and numbers it shall show.
site: $(VENV)/.installed-site
	$(BIN)/python tools/pages.py
	$(BIN)/sphinx-build -q -W --keep-going -b html build/pages build/site
	@echo "open build/site/index.html"

# What an installation takes on disk.
sizes: $(VENV)/.installed
	$(BIN)/python tools/installed_sizes.py

clean:
	rm -rf $(VENV) build node_modules *.egg-info

$(VENV)/.installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) -e ".[test]"
	touch $@

$(VENV)/.installed-site: $(VENV)/.installed
	$(PIP) -e ".[site]"
	touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-test
	$(PIP) -e ".[bench]"
	touch $@
