#!/usr/bin/env bash
# Fills wheelhouse/ with the wheels that `make gpu` needs on a machine without a network: Python 3.12, Linux, x86-64.
#
# That machine has the large packages itself: torch, torchaudio, numpy, scipy, transformers, matplotlib, scikit-learn, numba,
# huggingface-hub, safetensors and what these need. Here is the rest, in the versions and with the digests of uv.lock.
# Python 3.11 or later (PYTHON) with pip is needed here, and a package index. WHEELHOUSE names another folder.
set -euo pipefail
cd "$(dirname "$0")/.."

folder="${WHEELHOUSE:-wheelhouse}"
python="${PYTHON:-python3}"
limit_mb=60

wheels=(
    f5-tts vocos x-transformers einx frozendict loguru torch-einops-utils einops torchdiffeq   # the model
    rjieba pypinyin                                                                             # its tokenizer
    pydub soundfile cffi pycparser soxr                                                         # audio
    librosa decorator joblib lazy-loader msgpack pooch platformdirs                             # its mel filters
    omegaconf pyyaml pydantic pydantic-core annotated-types typing-extensions typing-inspection # our configuration
)
sources=(encodec antlr4-python3-runtime) # published as pure Python source only: built into wheels here

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

locked() { # the packages' lines of a requirements file: the versions that uv.lock has for Python 3.12, with their digests
    "$python" - "$@" <<'PYTHON'
import sys, tomllib

for name in sys.argv[1:]:
    entries = [package for package in tomllib.load(open("uv.lock", "rb"))["package"] if package["name"] == name]
    if len(entries) > 1:
        entries = [entry for entry in entries if any("python_full_version >= '3.12'" in m for m in entry["resolution-markers"])]
    if len(entries) != 1:
        sys.exit(f"wheelhouse: uv.lock has {len(entries)} versions of {name} for Python 3.12")
    files = [*entries[0].get("wheels", []), *([entries[0]["sdist"]] if "sdist" in entries[0] else [])]
    print(f"{name}=={entries[0]['version']}", *(f"--hash={file['hash']}" for file in files))
PYTHON
}

locked "${wheels[@]}" >"$scratch/wheels.txt"
locked "${sources[@]}" >"$scratch/sources.txt"
platforms=()
for platform in manylinux_2_28 manylinux_2_27 manylinux_2_26 manylinux_2_24 manylinux_2_17 manylinux2014 manylinux_2_12 manylinux2010 manylinux1; do
    platforms+=(--platform "${platform}_x86_64")
done

echo "wheelhouse: fetching ${#wheels[@]} wheels, building ${#sources[@]}" >&2
"$python" -m pip download --quiet --no-deps --require-hashes --only-binary=:all: --python-version 3.12 --implementation cp \
    "${platforms[@]}" --dest "$scratch/filled" --requirement "$scratch/wheels.txt"
"$python" -m pip wheel --quiet --no-deps --require-hashes --wheel-dir "$scratch/filled" --requirement "$scratch/sources.txt"

total="$(du --summarize --bytes "$scratch/filled" | cut -f1)"
if ((total >= limit_mb * 1000000)); then
    echo "wheelhouse: $((total / 1000000)) MB, and $limit_mb MB is the limit: take a package out of $0" >&2
    exit 1
fi
mkdir -p "$folder"
rm -f "$folder"/*.whl # a second version of one package would stop the installation
cp "$scratch/filled"/*.whl "$folder"/
echo "wheelhouse: $(find "$folder" -name '*.whl' | wc -l) wheels in $folder, $(((total + 99999) / 1000000)) MB in total (limit $limit_mb MB)" >&2
