# Two commands do all the set-up on a fresh machine with Python 3.11 or 3.12: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
UV_VERSION := 0.13.9
UV := .uv/bin/uv
PYTHON := .venv/bin/python
RESULTS ?= out/bench
WORKERS ?= 3
PORT ?= 8080
SPEECH ?= .cache/speech

.PHONY: help setup demo serve test browser chaos check fix bench gpu wheelhouse image lock

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s $$'\t'

setup: .venv/.ready  ## install the locked versions into .venv

.venv/.ready: uv.lock pyproject.toml | $(UV)
	$(UV) sync --frozen
	touch $@

$(UV):
	python3 -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

demo: setup  ## upload a voice, speak with it, leave out/speech.wav and out/report.md
	$(PYTHON) -m local.demo

serve: export PYTHONPATH := client
serve: setup  ## a page to try it, and the OpenAI speech API, on http://127.0.0.1:8080 (PORT=8081 takes another port) until Ctrl-C
	@exec $(PYTHON) -m local.serve --port $(PORT)

test: export OMP_NUM_THREADS := 1
# Three pytest processes and the many that tests start would each compile every module anew where this is set.
test: export PYTHONDONTWRITEBYTECODE :=
test: setup  ## every test, in WORKERS=3 processes, since some tests only wait; `.venv/bin/python -m pytest PATH` runs some in one
	$(PYTHON) -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --hypothesis-profile same-examples

browser:  ## Debian's Chromium and Firefox, for tests/browser, which are skipped without; needs root
	command -v chromium >/dev/null && command -v firefox-esr >/dev/null || \
	  { apt-get update -qq && apt-get install --yes -qq --no-install-recommends chromium firefox-esr fonts-dejavu-core >/dev/null; }

chaos: setup  ## workers struck down at random on a bucket that fails at random: SEED=0 RUN=a|b|both
	$(PYTHON) -m tests.chaos --seed $(or $(SEED),0) --run $(or $(RUN),both) $(CHAOS)

check: setup  ## style, types, import directions, generated files up to date; changes nothing
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest -q tests/unit/test_architecture.py
	$(PYTHON) -m docs.generate --check
	scripts/requirements.sh | diff - requirements.txt
	scripts/requirements.sh xtts | diff - requirements-xtts.txt
	scripts/requirements.sh similarity | diff - requirements-similarity.txt

fix: setup  ## what check finds and a machine can mend
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	$(PYTHON) -m docs.generate

lock: setup  ## resolve again within pyproject.toml's bounds; writes uv.lock and the requirements files
	$(UV) lock --upgrade
	scripts/requirements.sh > requirements.txt
	scripts/requirements.sh xtts > requirements-xtts.txt
	scripts/requirements.sh similarity > requirements-similarity.txt

bench: setup  ## what the worker costs on this machine, beside the plain way and the limits; about two hours, wants recordings (benchmarks/README.md), 10 GB of disk and quiet
	$(PYTHON) -m benchmarks.words --results $(RESULTS) --speech $(SPEECH)
	$(PYTHON) -m benchmarks.overhead --results $(RESULTS)
	$(PYTHON) -m benchmarks.decoding --results $(RESULTS)
	$(PYTHON) -m benchmarks.imports --results $(RESULTS)
	$(PYTHON) -m benchmarks.cold_start --results $(RESULTS)
	$(PYTHON) -m benchmarks.solver --results $(RESULTS)
	$(PYTHON) -m benchmarks.reading --results $(RESULTS)
	$(PYTHON) -m benchmarks.redraws --results $(RESULTS)
	$(PYTHON) -m benchmarks.first_audio --results $(RESULTS)

gpu:  ## the official path and ours on this machine's GPU, no network needed once the wheelhouse is filled: OPTIONS='--budget 400'
	scripts/gpu.sh $(OPTIONS)

wheelhouse:  ## wheels for `make gpu` on a machine without a network
	scripts/wheelhouse.sh

image:  ## build the image with docker or buildah, and let it answer a health action
	scripts/image.sh
