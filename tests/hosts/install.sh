#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# install.sh: what the test hosts need on this machine. Installs only what is missing, with apt, as root.
# Where it cannot, it changes nothing, says what to install, and exits with 1.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# command -> Debian package that brings it
commands=(
  podman:podman crun:crun newuidmap:uidmap ssh:openssh-client ssh-keygen:openssh-client
  nsenter:util-linux flock:util-linux iptables:iptables
)
# Where there is no apt, images are built on a registry's Debian image instead.
if type -P apt-get > /dev/null; then
  commands+=(mmdebstrap:mmdebstrap)
fi
# podman's network programs are not on PATH
helpers=(netavark:netavark aardvark-dns:aardvark-dns)
helper_dirs=(/usr/lib/podman /usr/libexec/podman /usr/local/libexec/podman)

has_helper() {
  local dir
  for dir in "${helper_dirs[@]}"; do
    [ -x "$dir/$1" ] && return 0
  done
  return 1
}

missing_packages() {
  local pair
  for pair in "${commands[@]}"; do
    type -aP "${pair%%:*}" | grep -qv '/tests/hosts/engine/' || echo "${pair##*:}"
  done
  for pair in "${helpers[@]}"; do
    has_helper "${pair%%:*}" || echo "${pair##*:}"
  done
  # Without the archive keys mmdebstrap cannot check what it downloads.
  type -P apt-get > /dev/null && [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ] && echo debian-archive-keyring
  return 0
}

explain() {
  die "The test hosts need a container engine, and this machine cannot be given one: $1." \
    "" \
    "Either install these and start again:" \
    "  Debian 12 or 13, Ubuntu 24.04 (as root):" \
    "    apt-get install podman crun netavark aardvark-dns iptables uidmap mmdebstrap openssh-client" \
    "  Fedora, Enterprise Linux 9 or 10 (as root):" \
    "    dnf install podman crun netavark aardvark-dns iptables shadow-utils openssh-clients util-linux" \
    "or start a Docker engine that this user may talk to (docker info must succeed), and set HEALTHOPS_ENGINE=docker." \
    "With podman the hosts run as root's containers, because only those get addresses that this machine can reach." \
    "" \
    "Missing now: ${missing[*]:-nothing but the right to use it}"
}

PATH=$PATH:/usr/sbin:/sbin # where an ordinary user does not look
mapfile -t missing < <(missing_packages | sort -u)
if [ "${#missing[@]}" = 0 ]; then
  [ "$(id -u)" = 0 ] || docker_usable || explain "it has podman, but you are not root"
  say "everything is installed"
  exit 0
fi
if [ "${HEALTHOPS_ENGINE:-}" != podman ] && docker_usable; then
  say "podman is not complete here (missing: ${missing[*]}); a Docker engine answers and is used"
  exit 0
fi
type -P apt-get > /dev/null || explain "it has no apt-get"
[ "$(id -u)" = 0 ] || explain "installing needs root"

say "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=120 update
# No recommended packages: podman would bring a second network stack and start user services.
apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "${missing[@]}" > /dev/null
podman_usable || die "podman is installed but does not start. Its own words:" "$(podman info 2>&1 | tail -5)"
say "done"
