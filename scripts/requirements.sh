#!/usr/bin/env bash
# Prints requirements.txt: the run-time packages of uv.lock, each pinned and with its hashes.
set -euo pipefail
cd "$(dirname "$0")/.."
cat <<'HEAD'
# What the image gets: the locked run-time packages, each pinned and with its hashes. Made from uv.lock by `make lock`; don't edit.
# Install: `pip install --no-deps -r requirements.txt` or `uv pip sync requirements.txt`. Without --no-deps pip would resolve
# again and fail: f5-tts's gradio and runpod disagree (pyproject.toml, override-dependencies). Test and dev packages are in uv.lock.
HEAD
.uv/bin/uv export --quiet --frozen --no-dev --no-annotate --no-header
