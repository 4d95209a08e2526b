#!/usr/bin/env bash
# Prints requirements.txt: the run-time packages of uv.lock, each pinned and with its hashes. With `xtts`: requirements-xtts.txt,
# the packages that the engine XTTS needs besides; with `similarity`: requirements-similarity.txt, those of the speaker models.
set -euo pipefail
cd "$(dirname "$0")/.."

export_locked() { .uv/bin/uv export --quiet --frozen --no-dev --no-annotate --no-header "$@"; }

# A package and its hashes are one paragraph: those that requirements.txt has too are left out.
besides() {
    awk 'FNR == NR { if (/^[^ ]/) there[$1]; next } /^[^ ]/ { wanted = !($1 in there) } wanted' \
        <(export_locked) <(export_locked --group "$1")
}

if [ "${1:-}" = similarity ]; then
    cat <<'HEAD'
# What the image gets besides requirements.txt where it is built with SIMILARITY=1: Resemblyzer, onnxruntime and what they need, each
# pinned and with its hashes. Made from uv.lock by `make lock`; don't edit. Install: `pip install --no-deps -r
# requirements-similarity.txt`.
HEAD
    besides similarity
elif [ "${1:-}" = xtts ]; then
    cat <<'HEAD'
# What the image gets besides requirements.txt where it is built with XTTS=1: coqui-tts and what it needs, each pinned and with its
# hashes. Made from uv.lock by `make lock`; don't edit. Install: `pip install --no-deps -r requirements-xtts.txt`. Its weights are for
# non-commercial use only, and so is what they speak.
HEAD
    besides xtts
else
    cat <<'HEAD'
# What the image gets: the locked run-time packages, each pinned and with its hashes. Made from uv.lock by `make lock`; don't edit.
# Install: `pip install --no-deps -r requirements.txt` or `uv pip sync requirements.txt`. Without --no-deps pip would resolve
# again and fail: f5-tts's gradio and runpod disagree (pyproject.toml, override-dependencies). Test and dev packages are in uv.lock.
HEAD
    export_locked
fi
