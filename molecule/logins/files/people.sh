#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs as root in a test host: makes everybody who works on a small clinical server, each with the way in that they use.
set -euo pipefail

[ ! -e /srv/hl7 ] || { echo "they are here already" >&2; exit 1; }

# The interface engine of another clinic leaves files: a key that can do nothing but SFTP.
useradd --system --home-dir /srv/hl7 --create-home --shell /bin/sh hl7drop
install -d -m 0700 -o hl7drop -g hl7drop /srv/hl7/.ssh
sed 's/^/restrict,command="internal-sftp" /' /home/automation/.ssh/authorized_keys > /srv/hl7/.ssh/authorized_keys
chown hl7drop:hl7drop /srv/hl7/.ssh/authorized_keys
chmod 0600 /srv/hl7/.ssh/authorized_keys

# A service with a scheduled job and a unit, and with a shell that nobody ever uses.
useradd --system --home-dir /srv/reports --create-home --shell /bin/bash reports
echo '* * * * * date > /srv/reports/by-cron' | crontab -u reports -
printf '[Unit]\nDescription=Reports\n[Service]\nType=oneshot\nUser=reports\nExecStart=/usr/bin/touch /srv/reports/by-unit\n' \
  > /etc/systemd/system/reports.service
systemctl daemon-reload

# People: alice, night for emergencies, and root at the console.
useradd --create-home --shell /bin/bash alice
useradd --create-home --shell /bin/bash --groups sudo night
chpasswd <<'PASSWORDS'
alice:Alice-counts-9-owls
night:Night-counts-7-owls
root:Root-counts-5-owls
PASSWORDS

# Debian 13 shuts an address out for a while that fails to log in several times, as the tests do on purpose.
if sshd -T | grep -q '^persourcepenaltyexemptlist'; then
  echo 'PerSourcePenaltyExemptList 0.0.0.0/0' > /etc/ssh/sshd_config.d/50-test.conf
  systemctl reload ssh.service
fi
