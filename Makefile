.DEFAULT_GOAL := help
.PHONY: help run install dev docs licences release test test-fast test-clients coverage mutants lint fmt lock audit clean bench soak

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## serve on 127.0.0.1:8000 (PORT and BIND change that); makes .venv and the database when missing
	@scripts/run

install: ## as root, on Debian or Ubuntu with systemd: the service, in /opt/registry-facade, with /etc/registry-facade/env
	@scripts/install

dev: ## for working on the code: Django's server on 127.0.0.1:8000 with DEBUG, sample data and autoreload
	@scripts/dev

docs: ## the site of docs/, into site/; a dead link fails
	@scripts/docs

test: ## every check and test, on SQLite and on PostgreSQL, with real clients and a browser
	@scripts/test

test-fast: ## the tests that need no real clients, registries, browser or database, with fewer generated examples
	@scripts/test fast

coverage: ## which lines and branches the tests that run in one process reach
	@scripts/coverage

mutants: ## change the core in more than a thousand ways: some test must notice each; takes half an hour
	@scripts/mutants

test-clients: ## the clients of newer Debians (docker 28, containerd 2, podman 5 …) in chroots, and docker compose; as root, some 20 minutes
	@scripts/test-clients

lint: ## ruff, mypy, import-linter, missing migrations, Django's system checks
	@scripts/venv dev
	@scripts/lint

fmt: ## put the code in ruff's format
	@scripts/venv dev
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

lock: ## pin requirements*.in into requirements*.txt, with hashes
	@scripts/lock

licences: ## write docs/reference/licences.md: the licence of each pinned package
	@scripts/licences

release: ## make a release: VERSION=1.2.0; checks the tree, dates the changelog, tags, builds the source archive and the image
	@scripts/release $(VERSION)

audit: ## ask for known vulnerabilities of the pinned packages; needs a package index that tells of them
	@scripts/audit

bench: ## measure beside nginx and Caddy on two cores, some minutes; writes benchmarks/RESULTS.md
	@scripts/bench

soak: ## attack a server for twenty minutes on each database, and see whether others notice
	@scripts/soak

clean: ## remove what can be made again (.venv, caches, staticfiles); var/, with the data, stays
	rm -rf .venv .venv-tools .venv-bench .venv-docs .venv-mutants site staticfiles .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache mutants htmlcov .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
