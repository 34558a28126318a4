# One door: `make` lists what it opens. Needs make and Python 3.11 or 3.12.

PYTHON := .venv/bin/python
TAPE   := ./tape
PYTEST_ARGS ?=

# As in ./tape: compiled modules are kept, in one folder.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.pycache
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak lint fmt pages bench up down clean

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/' | while IFS="$$(printf '\t')" \
		read -r target text; do printf '  make %-7s %s\n' "$$target" "$$text"; done

setup: ## make the environment what uv.lock says (every target does it first)
	@sh ops/setup.sh

demo: setup ## run the pipeline on the shipped captures and prove the replay
	@$(TAPE) demo

test: setup ## run the tests; PYTEST_ARGS="-k word -x" for some of them
	@$(PYTHON) -m pytest -m "not soak" -n 4 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

soak: setup ## run the full fault counts and write docs/reliability.md
	@$(PYTHON) -m tests.soak

lint: setup ## check style and types
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy --strict .

fmt: setup ## format the code
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

pages: setup ## write what is made from code: figures, objectives, dashboards
	@$(PYTHON) -m ops.figures.page > docs/metrics.md
	@$(PYTHON) -m ops.monitoring.objectives > ops/monitoring/rules/slo.yaml
	@$(PYTHON) -m ops.monitoring.dashboards
	@$(PYTHON) -m ops.monitoring.provisioned

bench: setup ## measure, and write docs/benchmarks.md
	@$(TAPE) bench

up: setup ## start the local broker and registry
	@$(TAPE) up

down: setup ## stop them
	@$(TAPE) down

clean: ## stop the stack, remove its data, the environment and caches
	@if [ -x $(PYTHON) ]; then $(TAPE) down; fi
	rm -rf .run .venv .uv .pycache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
