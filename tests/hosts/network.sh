#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# network.sh up NETWORK SUBNET: the bridge network that a set of test hosts shares. Prints "created" or "kept".
# network.sh down NETWORK: removes the set's hosts and its network. Prints "removed" or "absent".
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
require_engine

exists() {
  "$engine" network inspect "$1" > /dev/null 2>&1
}

up() {
  if exists "$1"; then
    echo kept
    return
  fi
  "$engine" network create --subnet "$2" "$1" > /dev/null ||
    die "The network $1 needs the subnet $2. If something else has it, change test_hosts_subnet and the addresses in the inventory."
  echo created
}

down() {
  local containers
  mapfile -t containers < <("$engine" ps --all --quiet --filter "label=healthops.network=$1")
  if [ "${#containers[@]}" -gt 0 ]; then
    "$engine" kill "${containers[@]}" > /dev/null 2>&1 || say "some hosts were stopped already"
    "$engine" rm --force "${containers[@]}" > /dev/null
  fi
  if exists "$1"; then
    local bridge
    bridge=$("$engine" network inspect --format '{{.NetworkInterface}}' "$1" 2> /dev/null) || bridge=
    "$engine" network rm "$1" > /dev/null
    # The engine leaves it behind after a host that it could not start, and the next network needs its addresses.
    if [ -n "$bridge" ] && [ -e "/sys/class/net/$bridge" ]; then
      ip link delete "$bridge"
    fi
    echo removed
  else
    echo absent
  fi
}

case ${1:-}:$# in
  up:3) up "$2" "$3" ;;
  down:2) down "$2" ;;
  *) die "usage: network.sh up NETWORK SUBNET | down NETWORK" ;;
esac
