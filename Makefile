PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV = .venv
BENCH = .venv-bench

.PHONY: demo test bench clean

demo: $(VENV)/.app
	$(VENV)/bin/streamlit run app.py

test: $(VENV)/.dev
	$(VENV)/bin/python -m pytest

bench: $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks

clean:
	rm -rf $(VENV) $(BENCH) .pytest_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet -r requirements-dev.txt
	touch $(VENV)/.app $@

$(BENCH)/.ready: requirements.txt benchmarks/requirements.txt
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet -r benchmarks/requirements.txt
	touch $@
