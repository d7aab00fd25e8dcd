#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Auditing, the clock, planned jobs, the boot menu, logs and package sources, as somebody left them who was in a hurry.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

mess_of_installing() {
  # In a container the daemon fails to start again and again: it is there, and never starts.
  systemctl --quiet mask auditd.service audit-rules.service
  apt-get -qq --yes --no-install-recommends install auditd chrony at grub-common grub2-common > /dev/null 2>&1
}

# set_audit KEY VALUE: in auditd.conf
set_audit() {
  sed -i -E "s/^$1 = .*/$1 = $2/" /etc/audit/auditd.conf
  grep -q "^$1 = $2\$" /etc/audit/auditd.conf
}

mess_of_audit() {
  set_audit max_log_file 1
  set_audit num_logs 2
  set_audit max_log_file_action KEEP_LOGS
  set_audit space_left_action IGNORE
  set_audit admin_space_left_action HALT
  set_audit disk_full_action HALT
  set_audit disk_error_action HALT
  set_audit log_format RAW
  set_audit flush NONE
  set_audit overflow_action IGNORE
  set_audit log_group voice
  touch /var/log/audit/audit.log
  chmod 0755 /var/log/audit
  chmod 0644 /var/log/audit/audit.log /etc/audit/*.conf /etc/audit/rules.d/*.rules
  chmod 0777 /usr/sbin/au[dgrst]*
}

mess_of_time() {
  sed -i 's/^DAEMON_OPTS=.*/DAEMON_OPTS="-F 1 -x"/' /etc/default/chrony # -x: in a container the clock cannot be set
  sed -i 's/^makestep .*/makestep 1 -1/' /etc/chrony/chrony.conf
  echo 'user root' >> /etc/chrony/chrony.conf
  chmod 0644 /etc/chrony/chrony.keys
  systemctl --quiet disable chrony.service
  systemctl restart chrony.service
}

mess_of_jobs() {
  touch /etc/cron.deny /etc/anacrontab
  chmod 0644 /etc/cron.deny /etc/at.deny /etc/anacrontab
  echo '0 3 * * * true' | crontab -u automation -
  chmod 1777 /var/spool/cron/crontabs
  chmod 0644 /var/spool/cron/crontabs/automation
}

# A menu that the distribution's own tool makes; only what it asks of the disks is made up.
mess_of_boot() {
  printf 'tmpfs /boot tmpfs suid,dev,exec 0 0\n' >> /etc/fstab
  mount --types tmpfs --options suid,dev,exec,mode=0755 tmpfs /boot
  mkdir /boot/grub
  touch /boot/vmlinuz-6.1.0-30-amd64 /boot/initrd.img-6.1.0-30-amd64
  cp /usr/share/grub/default/grub /etc/default/grub
  dpkg-divert --quiet --local --rename --add /usr/sbin/grub-probe
  printf '#!/bin/sh\ncase "$*" in\n*=device*) echo /dev/vda1 ;;\n*=fs_uuid*) echo 0123-4567 ;;\n*=fs*) echo ext2 ;;\nesac\n' \
    > /usr/sbin/grub-probe
  chmod 0755 /usr/sbin/grub-probe
  update-grub > /dev/null 2>&1
  chmod 0644 /boot/grub/grub.cfg
}

mess_of_logs() {
  printf 'SystemKeepFree=1M\nRuntimeMaxUse=8G\nMaxFileSec=1year\n' >> /etc/systemd/journald.conf.d/zy-vendor.conf
  systemctl restart systemd-journald.service
  mkdir -p /var/log/journal/vendor /var/log/apt
  touch /var/log/{kern,mail,user,cron}.log /var/log/apt/term.log /var/log/journal/vendor/old.journal
  chmod 0644 /var/log/{kern,mail,user,cron}.log /var/log/apt/term.log /var/log/journal/vendor/old.journal
  chmod 0775 /var/log
  printf '[Unit]\nDescription=Stand-in\n[Socket]\nListenStream=/run/journal-remote.sock\n[Install]\nWantedBy=sockets.target\n' \
    > /usr/lib/systemd/system/systemd-journal-remote.socket
  printf '[Unit]\nDescription=Stand-in\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
    | tee /usr/lib/systemd/system/systemd-journal-remote.service > /usr/lib/systemd/system/bluetooth.service
  systemctl daemon-reload
  systemctl --quiet enable systemd-journal-remote.socket bluetooth.service
}

# add_package NAME: an empty package, in the repository that the first mess has made
add_package() {
  sed -i "s/^Package: .*/Package: $1/" /srv/vendor/tree/DEBIAN/control
  dpkg-deb --build --root-owner-group /srv/vendor/tree "/srv/vendor/$1_99_all.deb" > /dev/null
  dpkg --install "/srv/vendor/$1_99_all.deb" > /dev/null
  {
    cat /srv/vendor/tree/DEBIAN/control
    printf 'Filename: ./%s_99_all.deb\nSize: %s\nSHA256: %s\n\n' "$1" "$(stat -c %s "/srv/vendor/$1_99_all.deb")" \
      "$(sha256sum "/srv/vendor/$1_99_all.deb" | cut -d ' ' -f 1)"
  } >> /srv/vendor/Packages
}

mess_of_package_sources() {
  local key
  for key in prelink apport; do
    add_package "$key"
  done
  apt-get -qq update -o Dir::Etc::SourceList=/etc/apt/sources.list.d/vendor.list -o Dir::Etc::SourceParts=- -o APT::Get::List-Cleanup=0
  for key in APT::Get::AllowUnauthenticated Acquire::AllowInsecureRepositories Acquire::AllowDowngradeToInsecureRepositories; do
    echo "$key \"true\";"
  done > /etc/apt/apt.conf.d/zy-vendor.conf
  mkdir -p /etc/apt/auth.conf.d
  touch /etc/apt/sources.list /etc/apt/auth.conf.d/vendor.conf
  chmod 0644 /etc/apt/auth.conf.d/vendor.conf
  cp /usr/share/keyrings/debian-archive-keyring.gpg /etc/apt/trusted.gpg.d/vendor.gpg
  chmod 0666 /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/trusted.gpg.d/*
}

mess_of_notices() {
  echo 'Welcome to Debian' > /etc/motd
  chmod 0666 /etc/issue /etc/issue.net /etc/motd
}

mess_of_audit_disk() {
  printf 'tmpfs /var/log/audit tmpfs suid,dev,exec 0 0\n' >> /etc/fstab
  mount --types tmpfs --options suid,dev,exec,mode=0750 tmpfs /var/log/audit
}

mess_of_network() {
  local key which
  {
    for which in all default; do
      for key in autoconf accept_ra accept_ra_defrtr accept_ra_pinfo accept_ra_rtr_pref accept_redirects; do
        echo "net.ipv6.conf.$which.$key = 1"
      done
      echo "net.ipv4.conf.$which.shared_media = 1"
    done
    echo 'net.ipv6.conf.all.forwarding = 1'
    echo 'net.ipv4.ip_forward = 1'
    echo 'net.ipv4.tcp_rfc1337 = 0'
    echo 'net.ipv4.conf.all.route_localnet = 1'
  } > /etc/sysctl.d/51-vendor.conf
  sysctl --quiet --load /etc/sysctl.d/51-vendor.conf
}

mess_of_installing
mess_of_audit_disk
mess_of_audit
mess_of_time
mess_of_jobs
mess_of_boot
mess_of_logs
mess_of_package_sources
mess_of_notices
mess_of_network
