# Holdfast needs Python 3.11 or newer and make; everything else is installed into .venv.
# Say `make help` for what there is.

PYTHON ?= python3
BIN := .venv/bin
IDENTITY := 'import sys; print(sys.base_prefix, sys.version)'
PIP := PYTHONUNBUFFERED=1 $(BIN)/pip --disable-pip-version-check --no-color
# Of what pip says, how far it is; its warnings and errors stay on stderr.
PROGRESS := awk -v all="$$(grep -c '^[a-z].*==' requirements-dev.txt)" ' \
	/^(Collecting|Ignoring|Requirement already)/ && ++seen % 10 == 0 { print "  " seen " of " all " packages are here"; fflush() } \
	/^Installing collected/ { print "  unpacking them ..."; fflush() } \
	/^pip has failed/ { failed = 1 } \
	END { exit failed }'
LOCK := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test test-fast test-all lint format typecheck bench proof soak migrations messages shell schema lock
MAKEFLAGS += --no-print-directory

# The settings need addresses of servers; what runs with these asks none of them for anything.
WITHOUT_SERVERS := SECRET_KEY=none DEBUG=True DATABASE_URL=postgres://localhost/none REDIS_URL=redis://localhost

# What is too long for every change, and runs before a release.
LONG := clients or abuse or journeys or proof or scale

# The tests of the inner layers: no pages, no processes.
RULES := tests/scheduling tests/patients $(addprefix tests/booking/, access domain integrations outbox)

help:  ## say what there is
	@echo "Holdfast, a clinic's booking portal."
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r name text; do printf '%-18s %s\n' "$$name" "$$text"; done

demo: .venv/ready  ## run a believable clinic on this machine, until Ctrl-C
	@exec $(BIN)/python -m booking.dev.demo

demo-reset: .venv/ready  ## empty the demo's clinic
	@$(BIN)/python -m booking.dev.demo --reset

test: .venv/ready  ## run the tests that every change must pass
	@$(BIN)/python -m booking.dev.chromium
	@$(BIN)/python -m booking.dev.pgbouncer
	@$(BIN)/pytest -n auto -m "not ($(LONG))"

test-fast: .venv/ready  ## run the tests of the rules, in less than a minute
	@$(BIN)/pytest -n auto -m "not slow and not ($(LONG))" $(RULES)

test-all: .venv/ready  ## run all tests, those that take long too
	@$(BIN)/python -m booking.dev.chromium
	@$(BIN)/python -m booking.dev.pgbouncer
	@$(BIN)/pytest -n auto

lint: .venv/ready  ## check style, types, and which module imports which
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/basedpyright --level error

format: .venv/ready  ## fix what lint can fix by itself
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

typecheck: .venv/ready  ## check types
	@$(BIN)/basedpyright

bench: .venv/ready  ## measure how fast it is; some sections alone: ONLY="availability events"
	@$(BIN)/python -m tests.bench $(ONLY)

proof: .venv/ready  ## prove the promises under faults, in a quarter of an hour; into the docs: ARGS=--page
	@$(BIN)/python -m tests.proof $(ARGS)

soak: .venv/ready  ## load it for an hour, and see whether memory, connections and files stay flat
	@$(BIN)/python -m tests.soak $(ARGS)

migrations: .venv/ready  ## write migrations for models that have changed
	@$(WITHOUT_SERVERS) $(BIN)/python -W ignore manage.py makemigrations

messages: .venv/ready  ## collect the texts for patients in locale/ and compile them; a new language: ADD=de
	@$(BIN)/python -m booking.dev.messages $(ADD)

shell: .venv/ready  ## open Django's shell in the demo's clinic
	@$(BIN)/python -m booking.dev.manage shell

schema: .venv/ready  ## write docs/openapi.yaml anew from the code of the API
	@$(WITHOUT_SERVERS) $(BIN)/python manage.py spectacular --file docs/openapi.yaml --validate --fail-on-warn
	@echo "docs/openapi.yaml is written."

lock: .data/uv/ready  ## write requirements*.txt anew from pyproject.toml
	@.data/uv/bin/$(LOCK) --upgrade --output-file requirements.txt
	@.data/uv/bin/$(LOCK) --upgrade --extra watching --constraint requirements.txt --output-file requirements-watching.txt
	@.data/uv/bin/$(LOCK) --upgrade --extra watching --extra dev --constraint requirements-watching.txt --output-file requirements-dev.txt
	@echo "requirements.txt, requirements-watching.txt and requirements-dev.txt are written."

.data/uv/ready:
	@rm -rf .data/uv && $(PYTHON) -m venv .data/uv
	@.data/uv/bin/pip --disable-pip-version-check --quiet install uv
	@touch $@

.venv/ready: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Holdfast needs Python 3.11 or newer as $(PYTHON). Another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing what Holdfast needs into .venv ..."
	@test "$$($(BIN)/python -c $(IDENTITY) 2>/dev/null)" = "$$($(PYTHON) -c $(IDENTITY))" || rm -rf .venv
	@$(PYTHON) -m venv .venv
	@{ $(PIP) install --require-hashes -r requirements-dev.txt || echo "pip has failed"; } | $(PROGRESS)
	@echo "$(CURDIR)" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/holdfast.pth"
	@touch $@
