#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# mkimage.sh SUITE...: make sure that the test-host image of each Debian suite is there and up to date.
#
# Its name is localhost/healthops-test-host:SUITE-KEY, so that checkouts that differ do not take each other's, and is written down
# where start-host.sh looks for it. What nobody has made for five weeks goes.
#
# Made from Debian's packages with mmdebstrap, and kept as a tar in the user's cache, keyed by everything that goes into it and by
# the month: the package lists inside age, and with old lists apt-get install asks mirrors for what they no longer have. Other ways:
#   HEALTHOPS_IMAGE_BOOKWORM=NAME       use this finished image (any suite's name in capitals)
#   HEALTHOPS_BASE_IMAGE_BOOKWORM=NAME  build image/Containerfile on this image instead of using mmdebstrap
# The latter, with debian:SUITE from a registry, is also what happens with docker and where mmdebstrap is not installed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image_dir=$test_hosts/image
cache=${XDG_CACHE_HOME:-$HOME/.cache}/healthops-clinical/images

# The name of the variable PREFIX_SUITE, then its value or nothing.
suite_setting() {
  local name=$1_${2^^}
  echo "${!name:-}"
}

key_of() {
  { echo "$1"; date +%Y-%m; declare -f bootstrap import_tar; cat "$image_dir"/*; } | sha256sum | cut -c1-16
}

key_in_engine() {
  "$engine" image inspect --format '{{index .Config.Labels "healthops.key"}}' "$1" 2> /dev/null
}

package_list() {
  grep -v '^#' "$image_dir/packages.txt" | paste -sd,
}

# bootstrap SUITE TAR: a Debian tree with our packages and setup, as one tar.
bootstrap() {
  # shellcheck disable=SC2016 # $1 belongs to the hook: the new tree's root
  mmdebstrap --quiet --variant=minbase --include="$(package_list)" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --skip=cleanup/apt/lists \
    --customize-hook='mkdir "$1/tmp/image"' \
    --customize-hook="sync-in $image_dir /tmp/image" \
    --customize-hook='chroot "$1" sh -c "cd /tmp/image && sh setup.sh" && rm -r "$1/tmp/image"' \
    "$1" "$2"
}

import_tar() {
  local suite=$1 tag=$2 key=$3 tar=$cache/$1-$3.tar
  if [ ! -e "$tar" ]; then
    say "$suite: installing Debian into an image, once (one to three minutes)"
    find "$cache" -name "$suite-*.tar" -mtime +35 -delete
    bootstrap "$suite" "$cache/unfinished.tar"
    mv "$cache/unfinished.tar" "$tar"
  fi
  say "$suite: handing the image to podman"
  "$engine" import --quiet --change 'CMD ["/sbin/init"]' --change 'STOPSIGNAL SIGRTMIN+3' --change "LABEL healthops.key=$key" \
    "$tar" "$tag" > /dev/null
}

build_on() {
  local base=$1 tag=$2 key=$3
  say "building $tag on $base"
  "$engine" build --quiet --build-arg "BASE=$base" --label "healthops.key=$key" --tag "$tag" \
    --file "$image_dir/Containerfile" "$image_dir" > /dev/null
}

use_image() {
  say "$2 is $1, as the environment asks"
  "$engine" image inspect "$1" > /dev/null 2>&1 || "$engine" pull --quiet "$1" > /dev/null
  echo "$1" > "$image_names/$2"
}

make_image() {
  local suite=$1 tag ready base key
  ready=$(suite_setting HEALTHOPS_IMAGE "$suite")
  base=$(suite_setting HEALTHOPS_BASE_IMAGE "$suite")
  [ -z "$ready" ] || { use_image "$ready" "$suite"; return; }
  if [ -z "$base" ] && { [ "$engine" = docker ] || ! type -P mmdebstrap > /dev/null; }; then
    base=debian:$suite
  fi
  key=$(key_of "$suite $base")
  tag=localhost/healthops-test-host:$suite-$key
  echo "$tag" > "$image_names/$suite"
  if [ "$(key_in_engine "$tag")" = "$key" ]; then
    say "$suite: image is there"
    return
  fi
  if [ -n "$base" ]; then
    build_on "$base" "$tag" "$key"
  else
    import_tar "$suite" "$tag" "$key"
  fi
  "$engine" image prune --all --force --filter label=healthops.key --filter until=840h > /dev/null
}

[ "$#" -gt 0 ] || die "usage: mkimage.sh SUITE..."
require_engine
mkdir -p "$cache" "$image_names"
exec 9> "$cache/lock" # two runs at once would build the same thing twice
flock 9
for suite in "$@"; do
  make_image "$suite"
done
