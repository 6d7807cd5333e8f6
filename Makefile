# Every recipe is a line or two; what is longer lives in deploy/setup.

BIN := .venv/bin
SETUP := sh deploy/setup/run
# Tests wait for servers and for processes that they start: one worker more than there are
# processors keeps these busy.
WORKERS := $(shell expr $$(nproc) + 1)
# A file's tests share what they set up; what takes longest comes first (tests/conftest.py).
BY_FILE := --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help

.PHONY: help
help: ## List these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: ## Make .venv with danglian in it, and gather what the browser needs.
	@$(SETUP) use

.PHONY: demo
demo: setup ## Run a hub and its nodes on this machine, with documents to try.
	@$(BIN)/danglian demo

.PHONY: test
test: tools lint ## Check everything: lint, types, import contracts, then the tests.
	@$(BIN)/pytest -n $(WORKERS) $(BY_FILE) -m "not (performance or at_length)"

.PHONY: test-faults
test-faults: ## Every fault of docs/reliability.md, and whatever is long; WRITE=1 keeps the table there.
	@$(SETUP) long
	@RECORDS=2000 SCHEDULES=$(or $(SCHEDULES),2000) DEATHS=100 SILENCE=100 $(BIN)/python -m pytest -p tests.faults.matrix \
	  -n 2 $(BY_FILE) --timeout 3600 $(if $(WRITE),--write-matrix)

.PHONY: lint
lint: tools ## Check style, types, import contracts and the lock files.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy -n auto
	@$(BIN)/lint-imports
	@$(BIN)/python deploy/setup/dependencies.py

.PHONY: format
format: tools ## Format the code, and mend what ruff can mend.
	@$(BIN)/ruff check --fix --exit-zero
	@$(BIN)/ruff format

.PHONY: bench
bench: tools ## Measure: tests/performance, with its figures; on the disk, other than the tests.
	@TMPDIR=$${TMPDIR:-/var/tmp} $(BIN)/pytest tests/performance -m performance -s

.PHONY: docs
docs: tools ## Take the screenshots in docs/images anew.
	@SCREENSHOTS=docs/images $(BIN)/pytest tests/browser -m browser

.PHONY: verifier
verifier: ## Write the verifier of receipts as one file that needs Python alone: dist/danglian-verify.pyz.
	@$(BIN)/python deploy/setup/verifier.py dist/danglian-verify.pyz

.PHONY: parts
parts: ## Write the list of all third-party parts (SBOM, CycloneDX): dist/danglian.cdx.json.
	@$(BIN)/python deploy/setup/parts.py dist/danglian.cdx.json

.PHONY: migration
migration: tools ## Write the migrations that the models now need: NAME="what changes".
	@PYTHONPATH=. $(BIN)/python deploy/setup/migration.py $(NAME)

.PHONY: lock
lock: ## Write the lock files anew; UPGRADE=1 moves to the newest versions.
	@$(SETUP) lock $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## Remove what the other targets made; data folders stay.
	@rm -rf .venv build dist node_modules shared/web/static/vendor
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find hub node shared tests deploy -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: tools
tools:
	@$(SETUP) work
