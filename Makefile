PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV = .venv
BENCH = .venv-bench

# TensorFlow 2.21 has packages for these alone.
RIGHT = import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] <= (3, 13) else \
	"Python 3.11, 3.12 or 3.13 is needed, got " + sys.version.split()[0] + "; say which: make PYTHON=...")

.PHONY: demo test bench clean
# An environment that broke off half-way is not there.
.DELETE_ON_ERROR:

demo: $(VENV)/.app
	$(VENV)/bin/streamlit run app.py

test: $(VENV)/.dev
	$(VENV)/bin/python -m pytest

bench: $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks

clean:
	rm -rf $(VENV) $(BENCH) .pytest_cache

$(VENV)/bin/python:
	@$(PYTHON) -c '$(RIGHT)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet -r requirements-dev.txt
	touch $(VENV)/.app $@

$(BENCH)/bin/python:
	@$(PYTHON) -c '$(RIGHT)'
	$(PYTHON) -m venv $(BENCH)

$(BENCH)/.ready: requirements.txt benchmarks/requirements.txt | $(BENCH)/bin/python
	$(BENCH)/bin/python -m pip install --quiet -r benchmarks/requirements.txt
	touch $@
