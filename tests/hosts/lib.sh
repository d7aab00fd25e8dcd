# shellcheck shell=bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sourced by the scripts beside it: which container engine, and where things are kept.
test_hosts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
image_names=$(dirname "$(dirname "$test_hosts")")/.cache/test-hosts/images
export PATH=$test_hosts/engine:$PATH

die() {
  printf '%s\n' "$@" >&2
  exit 1
}

# The image of a suite that hosts of this checkout start from: mkimage.sh writes its name down.
image_of() {
  cat "$image_names/$1" 2> /dev/null || die "There is no image for $1 yet. Run tests/hosts/mkimage.sh $1."
}

say() {
  echo "[test hosts] $*" >&2
}

# Only root's containers get addresses that this machine can reach.
podman_usable() { [ "$(id -u)" = 0 ] && podman info > /dev/null 2>&1; }

docker_usable() { type -P docker > /dev/null && docker info > /dev/null 2>&1; }

# Prints podman or docker: the one that HEALTHOPS_ENGINE names, else the first that works; fails where neither does.
engine_name() {
  if [ -n "${HEALTHOPS_ENGINE:-}" ]; then
    echo "$HEALTHOPS_ENGINE"
  elif podman_usable; then
    echo podman
  elif docker_usable; then
    echo docker
  else
    return 1
  fi
}

require_engine() {
  engine=$(engine_name) || die "No container engine works here. Run tests/hosts/install.sh first."
  case $engine in
    podman | docker) ;;
    *) die "HEALTHOPS_ENGINE is '$engine'; it can be podman or docker." ;;
  esac
}
