# What a person runs. `make` alone explains itself.
.DEFAULT_GOAL := help
.PHONY: help demo dev docs test soak soak-histories chaos lint bench bench-api bench-edge sim soak-api upgrade plans fuzz mutants audit audit-deps messages screenshots lock wheel clean

PY := .venv/bin/python
VENV := .ci/venv
MAKEFLAGS += --no-print-directory

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

demo: ## the site on this machine: http://127.0.0.1:8000/ (LECTERN_PORT), EDGE=varnish with a Varnish before it; Ctrl-C ends it, the data stay
	@$(VENV)
	@exec "$(PY)" build.py demo $(if $(EDGE),--edge $(EDGE))

dev: ## the site with its templates as they are: an edit under templates/ shows at once in the browser (LECTERN_PORT)
	@$(VENV)
	@exec "$(PY)" build.py dev

test: ## all tests (ARGS="-k words" for some)
	@$(VENV) test,lint
	@.ci/npm
	@exec "$(PY)" -m pytest -n logical $(ARGS)

soak: ## a quarter of an hour of readers, students and editors at the whole stack while its parts die (ARGS="--minutes N --rate N --seed N")
	@$(VENV) test,lint
	@exec "$(PY)" -m tests.stack $(ARGS)

soak-histories: ## ten thousand random histories: incremental builds equal full ones (ARGS="--seed N --histories N")
	@$(VENV) test,lint
	@exec "$(PY)" -m tests.property.soak $(ARGS)

chaos: ## builders killed at every call of a release, in turn (ARGS="--kills N --seed N --call N")
	@$(VENV) test,lint
	@exec "$(PY)" -m tests.chaos $(ARGS)

lint: ## ruff, mypy --strict, and the documents' links
	@$(VENV) test,lint
	"$(PY)" -m ruff check .
	"$(PY)" -m mypy
	"$(PY)" -m properdocs build --strict --quiet

docs: ## the documents as a small site: build/docs/index.html
	@$(VENV) docs
	"$(PY)" -m properdocs build --strict --quiet

bench: ## speed and memory beside Hugo, from an edit to the edge, what the feed costs (ARGS="--catalog DIR --videos N")
	@$(VENV) bench
	@"$(PY)" -m tests.bench.build $(ARGS)
	@"$(PY)" -m tests.bench.publish $(ARGS)
	@exec "$(PY)" -m tests.bench.feed

bench-api: ## the API's overlay from database and cache, beside peers (ARGS="--peers DIR --seconds N --only WORD"); needs wrk
	@$(VENV) test,bench
	@"$(PY)" -m tests.bench.api $(ARGS)
	@exec "$(PY)" -m tests.bench.api_costs

sim: ## a day of a million students through the tiers, samples of it through a real Varnish (ARGS="--students N --seed N"); needs varnish, wrk
	@$(VENV) test,lint
	@exec "$(PY)" -m tests.sim $(ARGS)

bench-edge: ## what a real Varnish with our configuration costs, holds and spares the origin (ARGS="--turns N --idle N"); needs wrk
	@$(VENV) test,bench
	@exec "$(PY)" -m tests.bench.edge $(ARGS)

soak-api: ## half an hour of students while database, Redis and clients fail (ARGS="--minutes N --seed N")
	@$(VENV) test,lint
	@exec "$(PY)" -m tests.soak $(ARGS)

upgrade: ## a rolling upgrade from a git revision under load, old and new side by side (ARGS="--from REV --seconds N --seed N")
	@$(VENV) test,lint
	@exec "$(PY)" -m tests.upgrade $(ARGS)

plans: ## the plans of the API on a million students, and of a publish on 40,000 videos; takes minutes
	@$(VENV) test,lint
	@exec "$(PY)" -m pytest -n0 -q tests/api/test_plans.py tests/builder/test_plans.py --students 1000000 --videos 40000 $(ARGS)

fuzz: ## 50,000 requests made from the API's own description (ARGS="--examples N --seed N")
	@$(VENV) test,lint
	@exec "$(PY)" -m tests.fuzz $(ARGS)

mutants: ## whether tests notice wrong code: a mistake at a time in plan, tiers, addresses, purges, log-in (ARGS="WORD…", of a module's path)
	@$(VENV) test,lint,mutants
	@exec "$(PY)" -m tests.mutants $(ARGS)

screenshots: ## every page kind at three widths, light and dark, into screenshots/ (ARGS="FOLDER KIND…"); needs chromium, varnish
	@$(VENV) test,lint
	@exec "$(PY)" -m tests.web.screenshots $(ARGS)

audit: ## axe, the Nu HTML checker and Lighthouse over a built site; needs npm, java, chromium
	@$(VENV) test,lint
	@.ci/npm all
	@exec "$(PY)" -m tests.web.audit

audit-deps: ## known vulnerabilities of what requirements.lock names; says so when their database is out of reach
	@$(VENV) audit
	@exec "$(PY)" -m tests.audit

messages: ## every language's catalog anew from templates, pages and scripts (LANGUAGE=pt-BR begins one)
	@$(VENV) test,lint
	@exec "$(PY)" -m tests.messages $(LANGUAGE)

lock: ## write requirements.lock anew from setup.cfg's ranges
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	python3 -m venv "$$scratch" && "$$scratch/bin/pip" install --quiet ".[test,lint,docs,bench]" && \
	{ sed -n '/^#/p' requirements.lock; "$$scratch/bin/pip" freeze --exclude lectern; } > requirements.lock.new && \
	mv requirements.lock.new requirements.lock

wheel: ## dist/: wheel and sdist, held by twine's check
	@$(VENV) release
	@rm -rf dist build
	@.venv/bin/pyproject-build --outdir dist . >/dev/null
	@.venv/bin/twine check --strict dist/*

clean: ## remove what was made, but never the data (.lectern)
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
