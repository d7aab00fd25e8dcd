#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# own_kernel.sh up|down: runs as root in a test host. Lays a private, writable copy over those parts of /proc/sys that belong to the
# machine, so that values can be written at the real paths without the machine's kernel ever hearing of it. That shows that the right
# key gets the right value; it does not show what a kernel does with it.
set -euo pipefail

copies=/srv/own_kernel
trees=(kernel vm fs dev net/core)
# These have to go on being what they are.
alive=(kernel/random kernel/hostname kernel/domainname kernel/ns_last_pid)

copy_tree() {
  local key
  mkdir -p "$copies/$1"
  find "/proc/sys/$1" -type f -readable | while read -r key; do
    mkdir -p "$copies/$(dirname "${key#/proc/sys/}")"
    cat "$key" > "$copies/${key#/proc/sys/}" 2> /dev/null || rm "$copies/${key#/proc/sys/}"
  done
}

# set_key NAME VALUE: as a kernel would have it that nobody hardened
set_key() {
  mkdir -p "$(dirname "$copies/$1")"
  echo "$2" > "$copies/$1"
}

up() {
  local tree name
  mkdir "$copies"
  mount --types tmpfs --options mode=0755 tmpfs "$copies"
  mount --make-private "$copies"
  for tree in "${trees[@]}"; do
    copy_tree "$tree"
  done
  set_key kernel/randomize_va_space 0
  set_key kernel/kptr_restrict 0
  set_key kernel/dmesg_restrict 0
  set_key kernel/yama/ptrace_scope 0
  set_key kernel/unprivileged_bpf_disabled 0
  set_key kernel/perf_event_paranoid 1
  set_key kernel/sysrq 1
  set_key dev/tty/ldisc_autoload 1
  set_key vm/unprivileged_userfaultfd 1
  set_key net/core/bpf_jit_harden 0
  set_key vm/mmap_min_addr 0
  set_key vm/mmap_rnd_bits 28
  set_key vm/mmap_rnd_compat_bits 8
  set_key kernel/panic 0
  for name in hardlinks symlinks fifos regular; do
    set_key "fs/protected_$name" 0
  done
  set_key fs/suid_dumpable 1
  for name in "${alive[@]}"; do
    [ ! -e "/proc/sys/$name" ] || { [ -d "/proc/sys/$name" ] || touch "$copies/$name"; mount --bind "/proc/sys/$name" "$copies/$name"; }
  done
  for tree in "${trees[@]}"; do
    mount --rbind "$copies/$tree" "/proc/sys/$tree"
  done
}

down() {
  local tree
  for tree in "${trees[@]}"; do
    umount --lazy "/proc/sys/$tree" # with all that lies below
  done
  umount --lazy "$copies"
  rmdir "$copies"
}

case ${1:-} in
  up | down) "$1" ;;
  *) echo "usage: own_kernel.sh up|down" >&2; exit 1 ;;
esac
