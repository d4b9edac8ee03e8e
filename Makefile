# make run: set up and run the main job, then serve the dashboard (SERVE=no ends after the job)
# make test | slow | lint | docs | schemas | bench | peers | clean
PYTHON ?= python3
FACILITY ?= storage-ring
SEED ?= 1
PORT ?= 8050
SERVE ?= yes
BEAMTWIN_HOME ?= $(CURDIR)/work
export BEAMTWIN_HOME

BIN := .venv/bin
# A file's tests stay together, for they share what they compile.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --durations=25

.PHONY: run test slow lint docs schemas bench peers clean

run: .venv/ready
	$(BIN)/beamtwin story $(FACILITY) --seed $(SEED)
ifneq ($(SERVE),no)
	$(BIN)/beamtwin serve --port $(PORT)
endif

test: .venv/ready-test
	$(PYTEST) -m "not slow and not study" $(TESTS)

slow: .venv/ready-test
	$(PYTEST) -m "slow or study" $(or $(TESTS),tests benchmarks)

lint: .venv/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# The published JSON schemas, from the models.
schemas: .venv/ready
	$(BIN)/python docs/schemas.py

# The documentation site, without network; a warning is an error. Open work/site/index.html.
docs: .venv/ready-docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html -d work/doctrees docs work/site

# Beside the field's tools where `make peers` has installed them; else these are named as absent.
BENCH = $(if $(wildcard work/peers/ready),work/peers/bin/python,$(BIN)/python)

bench: .venv/ready-test
	$(BIN)/python benchmarks/engines.py
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python -m benchmarks.surrogates
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BENCH) -m benchmarks.field --speed
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BENCH) -m benchmarks.policies

peers:
	$(PYTHON) -m venv work/peers
	work/peers/bin/pip install -q --disable-pip-version-check -c constraints.txt -e . \
		"xopt>=3.2" cma cheetah-accelerator stable-baselines3
	touch work/peers/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/ready-test: .venv/ready
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e .[test]
	sh .ci/chromium
	touch $@

.venv/ready-docs: .venv/ready
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e .[docs]
	touch $@

clean:
	rm -rf .venv work build *.egg-info
