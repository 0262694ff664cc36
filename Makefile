# make notebooks [ONLY=05] [PROFILE=smoke|quick|full]    make test    make test-all
PYTHON ?= python3
ONLY ?=
PROFILE ?=
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: notebooks test test-all clean

notebooks: .venv/installed
	$(PY) notebooks/execute.py --only "$(ONLY)" --profile "$(PROFILE)"

test: .venv/tools
	$(PY) -m ruff check helpers tests notebooks/*.py
	$(PY) -m pytest -m "not slow"

test-all: .venv/tools
	$(PY) -m ruff check helpers tests notebooks/*.py
	$(PY) -m pytest

.venv/installed: requirements.txt constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) -r requirements.txt
	touch $@

.venv/tools: .venv/installed
	$(PIP) pytest ruff
	touch $@

# Removes what can be made again; data/ and a reader's runs/ stay.
clean:
	rm -rf .venv .pytest_cache .ruff_cache
	find helpers tests notebooks -name __pycache__ -prune -exec rm -rf {} +
