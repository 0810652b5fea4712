# make demo    everything, then the server with sample data and the browser
# make test    everything that must hold, on a fresh machine too
# make install the set-up alone, into .venv
PYTHON ?= python3
PORT   ?= 8787
DATA   ?= pulsetrain-data
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo install test check lint types floors web-test soak clean wheel

demo: $(VENV)/.installed
	@exec $(BIN)/pulsetrain up --port $(PORT) --data $(DATA) --stop-runs

install: $(VENV)/.installed

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit("pulsetrain needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip
	touch $@

# The page is built by the build hook. The sources are used in place; only new requirements or a new page need this step again.
$(VENV)/.installed: $(VENV)/.python pyproject.toml constraints.txt hatch_build.py $(shell find web/src clients/js/src web/package-lock.json web/index.html -type f 2>/dev/null)
	@echo "Installing pulsetrain and what it needs (some minutes the first time) …"
	$(PIP) install --quiet --constraint constraints.txt --editable '.[train]'
	$(BIN)/python hatch_build.py
	touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(PIP) install --quiet --constraint constraints.txt --group dev
	$(BIN)/python tests/chromium.py
	$(BIN)/python tests/proxies/debian.py
	$(BIN)/python tests/thirdparty/packages.py
	touch $@

# Most tests wait for processes and sockets of their own, so four go side by side on two cores; a file stays together.
test: $(VENV)/.tested lint types floors web-test
	$(BIN)/python -m pytest -n 4 --dist loadfile

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.tested
	$(BIN)/mypy

floors: $(VENV)/.tested
	$(BIN)/lint-imports

web-test: $(VENV)/.tested
	$(BIN)/python hatch_build.py --test

wheel: $(VENV)/.tested
	$(BIN)/python -m build --wheel

# What is slower than a test should be.
soak: $(VENV)/.tested
	$(BIN)/python -m pytest -m soak --timeout 3600

clean:
	rm -rf $(VENV) dist build src/pulsetrain/_page web/node_modules clients/js/node_modules tests/thirdparty/node/node_modules
