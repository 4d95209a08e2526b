#!/usr/bin/env bash
# Measures the official path and ours (benchmarks/gpu) and leaves the report and its traces in benchmarks/results/, or in OUT.
#
# Made for a Linux machine with an NVIDIA GPU, Python 3.12 with torch 2.10 or 2.11, and no network: what else is needed comes from the
# wheels of wheelhouse/ (WHEELHOUSE), which `make wheelhouse` fills elsewhere. Nothing is installed into that Python (PYTHON).
# Where there is no GPU or no wheelhouse, the project's .venv runs; without a GPU at the tiny size, which shows that it works.
# Arguments are handed to the benchmark: `--budget 400` begins no part after so many seconds, `--only proof` measures that part alone.
set -euo pipefail
cd "$(dirname "$0")/.."

python="${PYTHON:-python3}"
wheels="${WHEELHOUSE:-wheelhouse}"
say() { echo "gpu: $*" >&2; }
sees_gpu() { "$1" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; }

if sees_gpu "$python" && compgen -G "$wheels/*.whl" >/dev/null; then
    site="$(mktemp -d)"
    trap 'rm -rf "$site"' EXIT
    say "installing $wheels into $site"
    "$python" -m pip install --quiet --no-index --no-deps --no-cache-dir --target "$site" "$wheels"/*.whl
    export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
    size=full device=cuda
elif [[ ! -x .venv/bin/python ]]; then
    say "$python sees no GPU, or $wheels holds no wheels, and there is no .venv: run \`make wheelhouse\` and bring the folder, or \`make setup\`"
    exit 1
elif python=.venv/bin/python && sees_gpu "$python"; then
    say "no wheels in $wheels: the project's .venv runs on the GPU"
    size=full device=cuda
else
    say "no GPU here: the project's .venv runs at the tiny size on the CPU, which shows that the script works and measures nothing"
    size=tiny device=cpu
fi

# What the image's build leaves; without it the part `kernels` says so and the others go on.
[[ $device == cpu ]] || "$python" -m engines.f5.kernels >&2 || say "the fused kernels can't be compiled here"

# Only figures of a GPU are worth keeping beside the others.
[[ $device == cuda ]] && out="${OUT:-benchmarks/results}" || out="${OUT:-out}"
"$python" -m benchmarks.gpu --size "$size" --device "$device" --json "$out/gpu-$size-$(date -u +%Y%m%dT%H%M%SZ).json" "$@"
