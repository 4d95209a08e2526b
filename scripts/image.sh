#!/usr/bin/env bash
# Builds the image, asks it for its health and prints its size: with docker if a daemon answers, else with buildah.
# The image is for x86-64, as the locked requirements are; on another processor the builder emulates one (binfmt), slowly.
# Needs 15 GB of free disk (30 GB where buildah can't use overlay). Environment, all optional:
#   IMAGE             name of the image (f5-tts-worker)
#   BASE_IMAGE        base to build on; unset: the Dockerfile's own, or where it can't be pulled one made by base_image.sh
#   BAKE_CHECKPOINT   checkpoint to put into the image (none)
#   XTTS              1: with the engine XTTS (0)
#   SIMILARITY        1: with the speaker models for SPEAKER_MODEL (0)
#   ALL_CUDA          1: with the CUDA libraries that no worker calls, for programs of your own (0)
set -euo pipefail
cd "$(dirname "$0")/.."

image=${IMAGE:-f5-tts-worker}
platform=linux/amd64
made_here=localhost/f5-tts-worker-base:bookworm
health='{"input": {"action": "health"}}'
arguments=(
    --build-arg "BAKE_CHECKPOINT=${BAKE_CHECKPOINT:-}" --build-arg "XTTS=${XTTS:-0}"
    --build-arg "SIMILARITY=${SIMILARITY:-0}" --build-arg "ALL_CUDA=${ALL_CUDA:-0}"
)
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}  # needs no daemon and no user namespaces

say() { echo "image.sh: $*" >&2; }
fail() { say "$*"; exit 1; }

main() {
    if docker info >/dev/null 2>&1; then with_docker; else with_buildah; fi
}

with_docker() {
    [ -z "${BASE_IMAGE:-}" ] || arguments+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
    docker build --platform "$platform" "${arguments[@]}" --tag "$image" .
    expect_ok docker run --rm --platform "$platform" "$image" --test_input "$health"
    say "size of $image: $(docker image inspect --format '{{.Size}}' "$image" | awk '{printf "%.2f GB", $1 / 1e9}')"
}

with_buildah() {
    command -v buildah >/dev/null || fail "neither a docker daemon nor buildah is here: start docker, or apt-get install buildah debootstrap"
    arguments+=(--build-arg "BASE_IMAGE=$(buildah_base)")
    use_certificates_of_this_machine
    # Not two images at a time on this disk.
    ! buildah inspect --type image "$image" >/dev/null 2>&1 || buildah rmi "$image" >/dev/null
    buildah bud --platform "$platform" --network host "${volumes[@]}" "${arguments[@]}" --tag "$image" .
    run_with_buildah
    say "size of $image: $(buildah images --format '{{.Size}}' "$image")"
}

buildah_base() {
    local default
    default=docker.io/library/$(sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile)
    if [ -n "${BASE_IMAGE:-}" ]; then
        echo "$BASE_IMAGE"
    elif buildah pull --platform "$platform" "$default" >/dev/null 2>&1; then
        echo "$default"
    else
        say "$default can't be pulled; building on a Debian base made here ($made_here)"
        buildah inspect --type image "$made_here" >/dev/null 2>&1 || scripts/base_image.sh "$made_here" >&2
        echo "$made_here"
    fi
}

# A private certificate authority that this machine trusts (a proxy's, a mirror's) must reach pip in the build, not the image.
use_certificates_of_this_machine() {
    volumes=()
    local bundle=/etc/ssl/certs/ca-certificates.crt
    [ -f "$bundle" ] || return 0
    pip_conf=$(mktemp)
    chmod 644 "$pip_conf"
    printf '[global]\ncert = %s\n' "$bundle" >"$pip_conf"
    volumes=(--volume /etc/ssl/certs:/etc/ssl/certs:ro --volume "$pip_conf:/etc/pip.conf:ro")
}

# `buildah run` knows no entrypoint: the image's own is read from it and called.
run_with_buildah() {
    local entrypoint
    mapfile -t entrypoint < <(buildah inspect --type image --format '{{range .OCIv1.Config.Entrypoint}}{{println .}}{{end}}' "$image" | sed '/^$/d')
    container=$(buildah from --platform "$platform" "$image")
    expect_ok buildah run "$container" -- "${entrypoint[@]}" --test_input "$health"
}

# The SDK's exit status alone doesn't say what was answered.
expect_ok() {
    local answer
    answer=$("$@" 2>&1) || fail "the container failed: $answer"
    grep -q "Job result: {'output': {'status': 'ok'" <<<"$answer" || fail "the container's health is not ok: $answer"
    grep "Job result:" <<<"$answer"
}

clean_up() {
    rm -f "${pip_conf:-}"
    [ -z "${container:-}" ] || buildah rm "$container" >/dev/null
}
trap clean_up EXIT

main
