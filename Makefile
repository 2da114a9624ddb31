# Each command sets up what it needs: a virtual environment in .venv, with the versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# The tests of a file run in one process, because they share fixtures. tests/conftest.py orders the files.
WORKERS := -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: demo test check lint mutants clean

demo: $(INSTALLED)  ## render a clip, explain it with the model of this package, show where its words are
	$(BIN)/imap-fast demo --output outputs/demo --overwrite

test: lint  ## every test, on the CPU: Triton's kernels are interpreted
	$(BIN)/python -m pytest $(WORKERS)

check: lint  ## the quick tests
	$(BIN)/python -m pytest $(WORKERS) -m "not slow"

lint: $(INSTALLED)  ## style, import contracts, types, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir outputs/site

MUTANTS := outputs/mutants

mutants: $(INSTALLED)  ## does a test fail if the code is wrong? It changes the core line by line, which is slow
	$(BIN)/pip install --quiet --editable '.[mutants]' --constraint constraints.txt
	mkdir -p $(MUTANTS)
	cp -r imap_fast kernels/imap_kernels tests benchmarks pyproject.toml README.md $(MUTANTS)
	cd $(MUTANTS) && OMP_NUM_THREADS=1 $(CURDIR)/$(BIN)/mutmut run
	cd $(MUTANTS) && $(CURDIR)/$(BIN)/python $(CURDIR)/tests/mutants/survivors.py

$(INSTALLED): pyproject.toml setup.py constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5) and "Python 3.11.5 or newer is needed; make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip --constraint constraints.txt
	$(BIN)/pip install --quiet --editable '.[test,lint]' --constraint constraints.txt
	touch $@

clean:
	rm -rf .venv outputs
