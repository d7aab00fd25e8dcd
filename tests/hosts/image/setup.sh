#!/bin/sh
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs as root inside a new image, after the packages are installed; the files of this directory lie in the current directory.
set -eu

python3 shorten_lists.py installable.txt

# An ordinary automation account: key login only, becomes root without a password. "*" is no password, but, unlike "!", no lock.
useradd --create-home --shell /bin/bash automation
usermod --password '*' automation
install -d -m 0700 -o automation -g automation /home/automation/.ssh
printf 'automation ALL=(ALL:ALL) NOPASSWD: ALL\n' > /etc/sudoers.d/automation
chmod 0440 /etc/sudoers.d/automation

# Every host makes its own identity at its first boot.
rm -f /etc/ssh/ssh_host_*
rm -f /etc/machine-id
: > /etc/machine-id
install -m 0644 unbind-etc.service ssh-host-keys.service /etc/systemd/system/

# The services that have to answer before hardening and after it.
install -m 0644 rsyslog-intake.conf /etc/rsyslog.d/10-intake.conf
install -m 0644 index.html /var/www/html/index.html

systemctl -q enable unbind-etc.service ssh-host-keys.service ssh.service nginx.service rsyslog.service
# Things that a container cannot have, or that would make a host busy while it is being measured.
systemctl -q mask \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  dev-hugepages.mount proc-sys-fs-binfmt_misc.automount systemd-binfmt.service systemd-modules-load.service \
  systemd-firstboot.service getty@tty1.service console-getty.service getty-static.service \
  systemd-journald-audit.socket e2scrub_reap.service apt-daily.timer apt-daily-upgrade.timer
