#!/usr/bin/env bash
# Makes a base image for machines that can't pull one: Debian 12 with Python 3.11, as the Dockerfile asks of its base.
# For tries and tests; what ships is built on a maintained image. Needs root, about 2 minutes and 1 GB of disk.
#
#   scripts/base_image.sh NAME        DEBIAN_MIRROR chooses another mirror
set -euo pipefail

name=${1:?usage: scripts/base_image.sh NAME}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}  # needs no daemon and no user namespaces

for tool in debootstrap buildah; do
    command -v "$tool" >/dev/null || { echo "base_image.sh: $tool is missing: apt-get install buildah debootstrap" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "base_image.sh: debootstrap needs root: run it with sudo, or set BASE_IMAGE to an image that can be pulled" >&2; exit 1; }

root=$(mktemp -d)
container=
# The container's name is empty until it exists; an unset one has nothing to remove.
trap 'rm -rf "$root"; [ -z "$container" ] || buildah rm "$container" >/dev/null' EXIT

debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$root" "$mirror" >&2
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/locale/*
container=$(buildah from scratch)
buildah add --quiet "$container" "$root" / >/dev/null
buildah commit --quiet "$container" "$name"
