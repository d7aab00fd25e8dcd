#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs as root in a test host: ways to start what was only stopped, as the packages of real servers bring them.
set -euo pipefail

units=/usr/lib/systemd/system
for name in avahi-daemon cups; do
  printf '[Socket]\nListenStream=/run/%s.sock\n[Install]\nWantedBy=sockets.target\n' "$name" > "$units/$name.socket"
done
printf '[Path]\nPathExistsGlob=/var/spool/cups/d*\n[Install]\nWantedBy=multi-user.target\n' > "$units/cups.path"
printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' > "$units/rsync.service"
systemctl daemon-reload
systemctl --quiet enable avahi-daemon.socket cups.socket cups.path rsync.service rpcbind.service
