#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# end_people.sh: end what the two accounts run, show how often they went round, and put back what people.sh said of them.
set -euxo pipefail
umask 022
for name in mallory trudy; do
  while pkill --signal KILL --uid "$name"; do sleep 0.2; done
  systemctl reset-failed "user@$(id -u "$name").*" # its end was no failure; a pattern may also meet none
  cat "/srv/people/$name/said" "/srv/people/$name/rounds"
  usermod --comment "$(cat "/srv/people.comment")" "$name"
done
find /tmp /var/tmp -mindepth 1 -maxdepth 1 \( -user mallory -o -user trudy \) -exec rm -rf {} +
