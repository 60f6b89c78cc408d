# make app        sets up .venv and starts the app (PORT=8501)
# make test       sets up all that the tests need, a browser and PostgreSQL included, and runs them
# make check      ruff and mypy
# make soak       does to it for long what the machine and the web do: crashes, hostile files, many visitors at once
# make mutants    makes the core wrong in a thousand small ways: would the tests notice?
# make bench      the quick benchmarks

PORT ?= 8501
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --disable-pip-version-check
# PyPI's torch for Linux brings CUDA along, some gigabytes that nothing here needs; this is PyTorch's own index of builds
# without it. `make app TORCH_INDEX=` takes PyPI's.
TORCH_INDEX ?= $(if $(filter Linux,$(shell uname -s)),https://download.pytorch.org/whl/cpu)
TORCH := $(shell grep '^torch==' requirements.txt)

.PHONY: app test check mutants soak bench browser postgres clean

$(VENV)/.app: requirements.txt
	@echo "Setting up $(VENV), once: a few minutes on a quick line."
	@$(PYTHON) -m venv $(VENV)
ifneq ($(TORCH_INDEX),)
	@echo "First $(TORCH) without CUDA, about 190 MB, from $(TORCH_INDEX)"
	@$(PIP) --no-deps --retries 1 --timeout 15 --index-url $(TORCH_INDEX) $(TORCH) \
	  || echo "That did not work; PyPI's build follows, some gigabytes on Linux."
endif
	@echo "Now the other packages that requirements.txt names, about 240 MB."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.app
	@echo "Installing what the tests need, from requirements-dev.txt."
	@$(PIP) -r requirements-dev.txt
	@touch $@

app: $(VENV)/.app
	@echo "Starting the app on http://localhost:$(PORT); Ctrl-C ends it."
	@$(BIN)/streamlit run app.py --server.port $(PORT) --server.address 127.0.0.1

# Debian's Chromium where this is root and apt is there, else the browser that Playwright brings.
browser: $(VENV)/.dev
	@if command -v chromium >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing Debian's Chromium."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else $(BIN)/playwright install chromium; fi

# Debian's PostgreSQL in the same way; the tests start a server of their own and stop it.
postgres:
	@if command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing Debian's PostgreSQL."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; \
	else echo "The tests need PostgreSQL's programs, initdb and postgres: install the package postgresql."; exit 1; fi

test: $(VENV)/.dev browser postgres
	$(BIN)/pytest -n 2 --dist loadfile tests --ignore tests/e2e --ignore tests/soak
	$(BIN)/pytest -n 2 --dist loadfile tests/e2e

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

mutants: $(VENV)/.dev
	$(BIN)/python -m benchmarks.mutants

soak: $(VENV)/.dev
	$(BIN)/python -m benchmarks.crashes
	$(BIN)/pytest tests/test_bad_input.py --hostile-files-whole
	$(BIN)/pytest tests/soak
	$(BIN)/python -m benchmarks.load
	$(BIN)/python -m benchmarks.soak

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.accuracy --quick
	$(BIN)/python -m benchmarks.epoch
	$(BIN)/python -m benchmarks.kernels

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache mutants
