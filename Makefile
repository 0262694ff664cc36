# make notebooks [ONLY=05] [PROFILE=smoke|quick|full]    make test    make test-all
# make figures [ONLY=05,13] [FORMATS=png,svg,pdf] [THEME=print|slide|dark] [DPI=300] [OUT=dir] [PROFILE=…]
PYTHON ?= python3
ONLY ?=
PROFILE ?=
FORMATS ?=
THEME ?=
DPI ?=
OUT ?= runs/export
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: notebooks figures test test-all test-browser clean

notebooks: .venv/installed
	$(PY) notebooks/execute.py --only "$(ONLY)" --profile "$(PROFILE)"

figures: .venv/installed
	$(PY) notebooks/execute.py --only "$(ONLY)" --profile "$(PROFILE)" --figures "$(OUT)" --formats "$(FORMATS)" \
		--theme "$(THEME)" --dpi "$(DPI)"

test: .venv/tools
	$(PY) -m ruff check helpers tests notebooks/*.py
	$(PY) -m pytest -m "not slow"

test-all: .venv/tools
	$(PY) -m ruff check helpers tests notebooks/*.py
	$(PY) -m pytest

# Needs Chromium and its driver as well: sudo apt-get install chromium chromium-driver
test-browser: .venv/browser
	$(PY) -m pytest -rs tests/browser

.venv/installed: requirements.txt constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) -r requirements.txt
	touch $@

.venv/tools: .venv/installed
	$(PIP) pytest ruff
	touch $@

.venv/browser: .venv/tools
	$(PIP) selenium
	touch $@

# Removes what can be made again; data/ and a reader's runs/ stay.
clean:
	rm -rf .venv .pytest_cache .ruff_cache
	find helpers tests notebooks -name __pycache__ -prune -exec rm -rf {} +
