#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# start-host.sh NETWORK NAME SUITE ADDRESS STATE_DIR keep|fresh: one running test host, reached over SSH as the user automation.
#
# "keep": a host that runs already, from the present image, stays as it is. "fresh": it is replaced. Prints "started" or "kept". Writes the host's public SSH keys, as the
# container engine sees them, to STATE_DIR/known_hosts/NAME, and authorises STATE_DIR/../id_ed25519.pub.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ "$#" = 6 ] || die "usage: start-host.sh NETWORK NAME SUITE ADDRESS STATE_DIR keep|fresh"
network=$1 name=$2 suite=$3 address=$4 state_dir=$5 mode=$6
image=$(image_of "$suite")
container=$network-$name
require_engine

running_from_present_image() {
  local wanted found
  wanted=$("$engine" image inspect --format 'true {{index .Config.Labels "healthops.key"}}' "$image" 2> /dev/null) ||
    die "There is no image $image. Run tests/hosts/mkimage.sh $suite."
  found=$("$engine" container inspect --format '{{.State.Running}} {{index .Config.Labels "healthops.key"}}' "$container" 2> /dev/null) ||
    return 1
  [ "$found" = "$wanted" ]
}

# Fixed, so that a restarted host is not looked for at its old place for a minute.
mac_of() {
  local IFS=.
  # shellcheck disable=SC2086 # split at the dots
  printf '02:48:%02x:%02x:%02x:%02x' $1
}

# podman: root in the host is an ordinary user of this machine, so that it may do anything inside and nothing outside. Never
# --privileged alone: systemd-sysctl, and any hardening, would then rewrite the kernel values of this machine.
# docker has no user namespace of its own per container, so there a host gets single rights instead and a read-only /proc/sys.
isolation() {
  if [ "$engine" = podman ]; then
    echo --systemd=always --privileged --uidmap 0:100000:65536 --gidmap 0:100000:65536
  else
    echo --cgroupns private --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined \
      --security-opt apparmor=unconfined --tmpfs /run --tmpfs /run/lock --volume /sys/fs/cgroup:/sys/fs/cgroup:rw
  fi
}

start() {
  if "$engine" container inspect "$container" > /dev/null 2>&1; then
    "$engine" rm --force "$container" > /dev/null
  fi
  # shellcheck disable=SC2046 # a list of words
  "$engine" run --detach --name "$container" --hostname "$name" --label "healthops.network=$network" $(isolation) \
    --network "$network" --network-alias "$name" --ip "$address" --mac-address "$(mac_of "$address")" \
    "$image" /sbin/init > /dev/null
}

# What the host's Python has compiled is kept; see inside/compiled_archives.py.
keep_compiled() {
  "$engine" exec -i "$container" sh -euc \
    'cd /usr/lib/python3/dist-packages && cat > compiled_archives.py && echo import compiled_archives > compiled_archives.pth' \
    < "$test_hosts/inside/compiled_archives.py"
}

# One visit to the host: wait until it is up, let the key in, and bring back who it is.
greet() {
  "$engine" exec -i "$container" sh -eus -- "$(cat "$state_dir/../id_ed25519.pub")" <<'IN_HOST'
tries=0
state=
while :; do
  state=$(systemctl is-system-running 2> /dev/null) || state=${state:-'not answering'}
  case $state in running) break ;; degraded) systemctl --failed --plain --no-legend >&2; exit 1 ;; esac
  tries=$((tries + 1))
  [ $tries -lt 300 ] || { echo "systemd is '$state' after a minute" >&2; exit 1; }
  sleep 0.2
done
keys=/home/automation/.ssh/authorized_keys
grep -qsxF "$1" $keys || { echo "$1" >> $keys; chown automation:automation $keys; chmod 0600 $keys; }
cat /etc/ssh/ssh_host_*_key.pub
IN_HOST
}

result=kept
if [ "$mode" = fresh ] || ! running_from_present_image; then
  start
  [ -z "${HEALTHOPS_KEEP_COMPILED:-}" ] || keep_compiled
  result=started
fi
keys=$(greet) || die "The host $name did not come up; its journal: $engine exec $container journalctl -b"
mkdir -p "$state_dir/known_hosts"
while read -r type key _; do
  echo "$name,$address $type $key"
done <<< "$keys" > "$state_dir/known_hosts/$name"
echo "$result"
