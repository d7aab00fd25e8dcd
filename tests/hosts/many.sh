#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# many.sh: room for twenty test hosts at once. Every systemd watches files with about ten inotify instances, and all containers
# share one user's. Raised until the next boot, where it is too low.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

limit=/proc/sys/fs/inotify/max_user_instances
[ "$(cat "$limit")" -lt 512 ] || exit 0
echo 512 > "$limit" || die "Twenty test hosts at once need more inotify instances than this machine gives to a user." \
  "As root: sysctl -w fs.inotify.max_user_instances=512"
say "fs.inotify.max_user_instances is 512 until the next boot"
