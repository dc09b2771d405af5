# Everything a person or CI runs. `make run` on a fresh machine needs python3, git and make.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run demo setup setup-dev test test-faults check format lock bench bench-load links preview screenshots clean

run: setup
	$(BIN)/python -m bot run

demo: setup-dev
	$(BIN)/python -m tests.servers.demo

setup: .venv/.runtime

setup-dev: .venv/.dev

.venv/bin/python:
	bin/make-venv $(PYTHON)

.venv/.runtime: .venv/bin/python requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m bot.knowledge
	touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

test: setup-dev
	bin/install-test-packages
	$(BIN)/python -m pytest

# Nodes, PostgreSQL and platforms that are killed, cut off or away: minutes.
test-faults: setup-dev
	bin/install-test-packages
	$(BIN)/python -m pytest -m faults tests/faults

check: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Pins are made from requirements.in and requirements-dev.in.
lock: setup-dev
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --no-emit-index-url --no-emit-find-links -o requirements.txt requirements.in
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --no-emit-index-url --no-emit-find-links -o requirements-dev.txt requirements-dev.in

bench: setup-dev
	$(BIN)/python -m benchmarks

# Thousands of people, several nodes, PostgreSQL: a quarter of an hour.
bench-load: setup-dev
	bin/install-test-packages
	$(BIN)/python -m benchmarks load

clean:
	rm -rf .venv .cache

# The documentation's pictures, from the practice domains.
screenshots: setup-dev
	bin/install-test-packages
	$(BIN)/python -m tests.screenshots

# Every message in every language, for Slack, Lark and the chat page side by side. With PICTURES=1 the documentation's too.
preview: setup-dev
	$(if $(PICTURES),bin/install-test-packages)
	$(BIN)/python -m tests.preview $(if $(PICTURES),--pictures)

# Whether the links of the knowledge can be reached; needs a network.
links: setup-dev
	$(BIN)/python -m tests.links
