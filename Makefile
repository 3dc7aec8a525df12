# What a person runs. `make` alone explains itself.
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench lock wheel clean

PY := .venv/bin/python
VENV := .ci/venv
MAKEFLAGS += --no-print-directory

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

demo: ## the site on this machine: http://127.0.0.1:8000/ (LECTERN_PORT); Ctrl-C ends it, the data stay
	@$(VENV)
	@exec "$(PY)" build.py demo

test: ## all tests (ARGS="-k words" for some)
	@$(VENV) test,lint
	@exec "$(PY)" -m pytest $(ARGS)

lint: ## ruff and mypy --strict
	@$(VENV) test,lint
	"$(PY)" -m ruff check .
	"$(PY)" -m mypy

bench: ## speed and memory beside Hugo (ARGS="--catalog DIR --videos N --turns 3")
	@$(VENV) bench
	@exec "$(PY)" -m tests.bench.build $(ARGS)

lock: ## write requirements.lock anew from setup.cfg's ranges
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	python3 -m venv "$$scratch" && "$$scratch/bin/pip" install --quiet ".[test,lint,bench]" && \
	{ sed -n '/^#/p' requirements.lock; "$$scratch/bin/pip" freeze --exclude lectern; } > requirements.lock.new && \
	mv requirements.lock.new requirements.lock

wheel: ## dist/lectern-*.whl
	@$(VENV)
	"$(PY)" -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## remove what was made, but never the data (.lectern)
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
