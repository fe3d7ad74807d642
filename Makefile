# Both commands set up everything they need: `make demo`, `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ROWS   ?= 100000

HISTORIES := tests/sync/property/test_histories.py
N      ?= 5000
SEED   ?= 20260216

.PHONY: help demo test histories check faults bench screenshots clean

help:
	@echo "make demo   run the main job on the embedded sandboxes"
	@echo "make test   run the tests"
	@echo "make faults  kill a run at every one of its points (about a quarter of an hour)"
	@echo "make histories  random histories of both sides (N=5000 SEED=20260216)"
	@echo "make check  ruff, mypy, import rules, catalogues"
	@echo "make bench  measure (ROWS=100000)"
	@echo "make screenshots  pictures of every screen into docs/pictures"

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

demo: $(VENV)/.ready
	$(BIN)/haihai-tui --demo --run-sync $(ARGS)

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n auto $(ARGS)

faults: $(VENV)/.ready
	HAIHAI_FAULTS=all $(BIN)/python -m pytest -s tests/e2e/faults/test_kill.py $(ARGS)

histories: $(VENV)/.ready
	HAIHAI_HISTORIES=$(N) HAIHAI_HISTORIES_SEED=$(SEED) \
		$(BIN)/python -m pytest $(HISTORIES) $(ARGS)

check: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/catalogue.py --check

bench: $(VENV)/.ready
	$(BIN)/python -m bench --rows $(ROWS) $(ARGS)

screenshots: $(VENV)/.ready
	$(BIN)/python -m tools.screenshots $(ARGS)

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache
