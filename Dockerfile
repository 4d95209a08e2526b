# The worker's image. Of its base it asks only Debian 12 with Python 3.11 and venv; the CUDA 12.8 libraries come with torch's
# wheels, so the host brings nothing but its driver (570 or newer).
#
#   docker build --platform linux/amd64 -t f5-tts-worker .
#   docker build --platform linux/amd64 -t f5-tts-worker --build-arg BAKE_CHECKPOINT=F5TTS_v1_Base .   # weights inside: mind their licence
#   docker build --platform linux/amd64 -t f5-tts-worker --build-arg XTTS=1 .                          # with the engine XTTS, no weights
#   docker build --platform linux/amd64 -t f5-tts-worker --build-arg SIMILARITY=1 .                    # with speaker models for `check`
#   docker build --platform linux/amd64 -t f5-tts-worker --build-arg ALL_CUDA=1 .                      # with what of CUDA no worker calls
#   make image                                                                                         # builds it, runs `health` in it, prints its size
#
# The requirements are locked for x86-64: elsewhere, without --platform, pip would leave out what is marked so, and the build fail.
ARG BASE_IMAGE=python:3.11-slim-bookworm

# ---- The fused kernels (KERNELS) for every card: by Triton's own compiler, which needs no GPU, and which the worker doesn't need.
FROM ${BASE_IMAGE} AS kernels
WORKDIR /app
COPY requirements.txt ./
RUN python3 -m venv /opt/venv \
    && awk '/^[a-z]/ {wanted = /^(triton|pydantic|pydantic-core|annotated-types|typing-extensions|typing-inspection)==/} wanted' \
        requirements.txt >kernels.txt \
    && /opt/venv/bin/python -m pip install --no-deps --no-cache-dir --disable-pip-version-check -r kernels.txt
COPY engines/ engines/
RUN /opt/venv/bin/python -m engines.f5.kernels

# ---- What stands in for libraries that torch is linked with and no worker calls: by Zig's C compiler, since slim bases have none.
FROM ${BASE_IMAGE} AS absent
WORKDIR /absent
COPY scripts/absent_cuda.c ./
RUN python3 -m venv /opt/zig \
    && echo "ziglang==0.17.1 --hash=sha256:ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54" >zig.txt \
    && /opt/zig/bin/python -m pip install --no-cache-dir --disable-pip-version-check --only-binary :all: -r zig.txt \
    && build() { /opt/zig/bin/python -m ziglang cc -target x86_64-linux-gnu.2.28 -shared -O2 "-DLIBRARY=\"$1\"" "-DIS_$1" \
        -Wl,-soname,"$2" -o "$2" absent_cuda.c; } \
    && build NCCL libnccl.so.2 \
    && build cuSPARSELt libcusparseLt.so.0

# ---- The worker.
FROM ${BASE_IMAGE}
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1

# Out goes what only building needs: Triton; CUDA's bindings for Python, which torch imports for its own tests and compilers alone;
# and of CUDA the headers, static libraries and what no library of torch's links. Unless ALL_CUDA=1, what no worker calls
# goes too: NCCL and cuSPARSELt, for which small libraries stand in that refuse every call; and cuSOLVER, with the part of torch that loads it
# for decompositions and inverses on a GPU. No engine asks for one; torch would raise an error.
# Bytecode is compiled here, once: the worker's user can't write it, and each cold start would compile again. Unchecked, because
# an image's sources don't change under it. Slim bases drop the standard library's bytecode too; a file of it that doesn't
# compile must not stop the build.
ARG XTTS=0
ARG SIMILARITY=0
ARG ALL_CUDA=0
COPY --from=absent /absent/*.so.* /tmp/absent/
COPY requirements.txt requirements-xtts.txt requirements-similarity.txt /tmp/
RUN python3 -m venv /opt/venv \
    && python -m pip install --no-deps --no-compile --no-cache-dir --disable-pip-version-check -r /tmp/requirements.txt \
        $(if [ "${XTTS}" = 1 ]; then echo "-r /tmp/requirements-xtts.txt"; fi) \
        $(if [ "${SIMILARITY}" = 1 ]; then echo "-r /tmp/requirements-similarity.txt"; fi) \
    && python -m pip uninstall --yes --quiet triton cuda-bindings cuda-pathfinder pip \
    && cd "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && rm -r torch/include nvidia/*/include \
    && find nvidia \( -name '*.a' -o -name '*.bc' -o -name 'libnvrtc*.alt.so*' -o -name 'libcusolverMg.so*' \) -delete \
    && if [ "${ALL_CUDA}" != 1 ]; then \
        rm nvidia/cusolver/lib/libcusolver.so.* torch/lib/libtorch_cuda_linalg.so \
        && mv /tmp/absent/libnccl.so.2 nvidia/nccl/lib/ && mv /tmp/absent/libcusparseLt.so.0 nvidia/cusparselt/lib/; \
    fi \
    && python -B -c "import torch, torchaudio" \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib \
    && (python -m compileall -qq -j 0 --invalidation-mode unchecked-hash \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" || true) \
    && rm -r /tmp/requirements*.txt /tmp/absent

RUN useradd --create-home --uid 1000 worker \
    && install --directory --owner worker --group worker /data /models

WORKDIR /app
COPY handler.py s3_utils.py test_input.json LICENSE ./
COPY worker/ worker/
COPY storage/ storage/
COPY cloning/ cloning/
COPY engines/ engines/
COPY http_api/ http_api/
COPY model_cache/ model_cache/
COPY local/ local/
RUN python -m compileall -q --invalidation-mode unchecked-hash .

COPY --from=kernels /app/engines/f5/kernels/compiled/ engines/f5/kernels/compiled/

# /data stands in for the bucket where S3_BUCKET is unset. /models holds checkpoints, and what comes from the model hub; on a
# network volume set MODEL_CACHE_DIR=/runpod-volume/models and HF_HOME=/runpod-volume/huggingface, and they outlive the worker.
# RUNPOD_LOG_LEVEL: the SDK's own default, DEBUG, logs whole replies. NVIDIA_*: what the container runtime hands in.
ENV DATA_DIR=/data \
    MODEL_CACHE_DIR=/models \
    HF_HOME=/models/huggingface \
    RUNPOD_LOG_LEVEL=INFO \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

USER worker

# The handler imports, and quickly: without torch.
RUN python -c "import handler, sys; assert 'torch' not in sys.modules, 'import handler must not import torch'"

# No weights, unless the build asks for a checkpoint of model_cache/catalog.yaml (and the vocoder that goes with it).
ARG BAKE_CHECKPOINT=""
RUN if [ -n "${BAKE_CHECKPOINT}" ]; then \
        python -c "import sys; from pathlib import Path; \
from storage.folder_store import FolderStore; from model_cache.cache import CheckpointCache; from model_cache.catalog import find; \
cache = CheckpointCache(FolderStore(Path('/tmp/bake')), Path(sys.argv[1])); \
local = cache.local(find(sys.argv[2])); \
local.vocoder_path or cache.vocoder() or sys.exit('no vocoder')" "${MODEL_CACHE_DIR}" "${BAKE_CHECKPOINT}" \
        && rm -rf /tmp/bake "${MODEL_CACHE_DIR}/.hub"; \
    fi

# Python is PID 1: SIGTERM reaches the SDK, which ends after the job in hand.
ENTRYPOINT ["python", "-u", "handler.py"]
