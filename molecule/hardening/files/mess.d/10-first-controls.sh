#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs as root in a test host: turns nearly everything that the catalogue speaks of the wrong way, as a vendor's installer might.
# The host stays reachable over SSH, and nginx and rsyslog go on answering: that is what must still be so after hardening.
set -euo pipefail

mess_of_kernel_values() {
  local key
  {
    for key in accept_redirects secure_redirects send_redirects accept_source_route; do
      echo "net.ipv4.conf.all.$key = 1"
      echo "net.ipv4.conf.default.$key = 1"
    done
    for key in all default; do
      echo "net.ipv4.conf.$key.rp_filter = 0"
      echo "net.ipv4.conf.$key.log_martians = 0"
      echo "net.ipv6.conf.$key.accept_source_route = 1"
    done
    echo "net.ipv6.conf.default.accept_redirects = 1"
    echo "net.ipv6.conf.default.accept_ra = 1"
    echo "net.ipv4.tcp_syncookies = 0"
    echo "net.ipv4.icmp_echo_ignore_broadcasts = 0"
    echo "net.ipv4.icmp_ignore_bogus_error_responses = 0"
  } > /etc/sysctl.d/50-vendor.conf
  sysctl --quiet --load /etc/sysctl.d/50-vendor.conf
}

mess_of_files() {
  local file
  # Copies that the tools leave behind are not on every host.
  for file in passwd group shadow gshadow; do
    cp --preserve=all "/etc/$file" "/etc/$file-"
    chmod 0666 "/etc/$file" "/etc/$file-"
  done
  touch /etc/security/opasswd
  chmod 0644 /etc/security/opasswd
  install -d -m 0755 /root/.ssh
  install -m 0644 /home/automation/.ssh/authorized_keys /root/.ssh/authorized_keys
  chmod 0755 /root
  # Owned by somebody else, sshd does not look at the mode, and so still starts.
  chown daemon:users /etc/ssh/ssh_host_*_key
  chmod 0644 /etc/ssh/sshd_config
  install -d -m 0755 /etc/ssl/private
  chmod 0666 /etc/crontab
  chmod 0777 /etc/cron.d /etc/cron.*ly
  # sudo itself refuses what others may write.
  chmod 0444 /etc/sudoers /etc/sudoers.d/*
  chmod 0755 /etc/sudoers.d
  touch /var/log/auth.log /var/log/syslog
  chmod 0644 /var/log/auth.log /var/log/syslog
  echo '+ +' > /etc/hosts.equiv
  echo 'oldserver root' > /root/.rhosts
}

mess_of_settings() {
  sed -i -E '/^(UMASK|HOME_MODE|ENCRYPT_METHOD|LOG_OK_LOGINS|LOG_UNKFAIL_ENAB|LOGIN_RETRIES|PASS_WARN_AGE)\b/d' /etc/login.defs
  cat >> /etc/login.defs <<'SETTINGS'
UMASK           022
HOME_MODE       0755
ENCRYPT_METHOD  DES
LOG_OK_LOGINS   no
LOG_UNKFAIL_ENAB yes
LOGIN_RETRIES   10
PASS_WARN_AGE   1
SETTINGS
  echo 'DIR_MODE=0755' >> /etc/adduser.conf
  mkdir -p /etc/systemd/{journald,system,coredump,logind}.conf.d
  printf '[Journal]\nStorage=volatile\nCompress=no\nSystemMaxUse=100G\nForwardToSyslog=no\n' > /etc/systemd/journald.conf.d/zy-vendor.conf
  printf '[Manager]\nCtrlAltDelBurstAction=reboot-force\n' > /etc/systemd/system.conf.d/zy-vendor.conf
  printf '[Coredump]\nStorage=external\nProcessSizeMax=32G\n' > /etc/systemd/coredump.conf.d/zy-vendor.conf
  printf '[Login]\nStopIdleSessionSec=infinity\n' > /etc/systemd/logind.conf.d/zy-vendor.conf
  # shellcheck disable=SC2016 # the dollar is part of the setting's name
  sed -i 's/^\$FileCreateMode .*/$FileCreateMode 0644/' /etc/rsyslog.conf
  cat > /etc/sudoers.d/vendor <<'SETTINGS'
Defaults !use_pty, !env_reset, !ignore_dot, visiblepw
Defaults timestamp_timeout=60, passwd_tries=10
SETTINGS
  chmod 0444 /etc/sudoers.d/vendor
  visudo --check --quiet --file=/etc/sudoers # without --file it wants the right modes as well
  cat > /etc/ssh/sshd_config.d/50-vendor.conf <<'SETTINGS'
PermitRootLogin yes
MaxAuthTries 20
LoginGraceTime 0
MaxSessions 100
ClientAliveInterval 0
ClientAliveCountMax 30
HostbasedAuthentication yes
IgnoreRhosts no
PermitUserEnvironment yes
StrictModes no
LogLevel INFO
PrintLastLog no
X11Forwarding yes
PermitTunnel yes
GatewayPorts yes
Ciphers +aes128-cbc,3des-cbc
MACs +hmac-md5,hmac-sha1
KexAlgorithms +diffie-hellman-group14-sha1
PubkeyAcceptedAlgorithms +ssh-rsa
RequiredRSASize 1024
SETTINGS
  sshd -t
}

# add_unit NAME: a service as a package would bring it
add_unit() {
  printf '[Unit]\nDescription=Stand-in for %s\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
    "$1" > "/usr/lib/systemd/system/$1"
}

mess_of_services() {
  add_unit avahi-daemon.service # runs, and a person consents to its stop
  add_unit cups.service         # runs, and nobody consents
  add_unit rpcbind.service
  printf '[Unit]\nDescription=Stand-in\n[Socket]\nListenStream=/run/rpcbind.sock\n[Install]\nWantedBy=sockets.target\n' \
    > /usr/lib/systemd/system/rpcbind.socket # enabled, does not run
  systemctl --quiet disable cron.service logrotate.timer
  systemctl stop cron.service logrotate.timer
  systemctl daemon-reload
  systemctl --quiet enable debug-shell.service rpcbind.socket avahi-daemon.service cups.service
  systemctl start avahi-daemon.service cups.service
  systemctl reload ssh.service
  systemctl restart rsyslog.service systemd-journald.service
}

# add_package NAME: an empty package, as a repository of the site's own would hold it; its epoch is above any of Debian's
add_package() {
  local tree=/srv/vendor/tree
  mkdir -p "$tree/DEBIAN"
  printf 'Package: %s\nVersion: 9:99\nArchitecture: all\nMaintainer: Vendor\nDescription: stand-in\n' "$1" > "$tree/DEBIAN/control"
  dpkg-deb --build --root-owner-group "$tree" "/srv/vendor/$1_99_all.deb" > /dev/null
  {
    cat "$tree/DEBIAN/control"
    printf 'Filename: ./%s_99_all.deb\nSize: %s\nSHA256: %s\n\n' "$1" "$(stat -c %s "/srv/vendor/$1_99_all.deb")" \
      "$(sha256sum "/srv/vendor/$1_99_all.deb" | cut -d ' ' -f 1)"
  } >> /srv/vendor/Packages
}

mess_of_packages() {
  # Servers and clients that a vendor leaves behind and nobody runs.
  local name names=(
    rsh-client talk ypbind-mt nis telnetd inetutils-telnetd ftp tnftp ldap-utils autofs avahi-daemon cups cups-daemon
    rpcbind isc-dhcp-server bind9 dnsmasq vsftpd tftpd-hpa slapd dovecot-imapd dovecot-pop3d nfs-kernel-server samba
    ypserv snmpd squid apache2 xinetd xserver-common iptables-persistent ufw
  )
  mkdir /srv/vendor
  for name in "${names[@]}"; do
    add_package "$name"
  done
  echo 'deb [trusted=yes] file:/srv/vendor ./' > /etc/apt/sources.list.d/vendor.list
  apt-get -qq update -o Dir::Etc::SourceList=/etc/apt/sources.list.d/vendor.list -o Dir::Etc::SourceParts=- -o APT::Get::List-Cleanup=0
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq --yes --no-install-recommends install "${names[@]}" > /dev/null
  apt-get -qq --yes purge ca-certificates nftables > /dev/null
}

mess_of_mounts() {
  local path
  cp --archive /home /srv/home
  for path in /dev/shm /tmp /var/tmp /home; do
    printf 'tmpfs %s tmpfs suid,dev,exec 0 0\n' "$path" >> /etc/fstab
    mount --types tmpfs --options suid,dev,exec tmpfs "$path"
  done
  chmod 1777 /dev/shm /tmp /var/tmp
  cp --archive /srv/home/. /home
  systemctl daemon-reload
}

[ ! -e /srv/vendor ] || { echo "this host is messed up already" >&2; exit 1; }
mess_of_files
mess_of_settings
mess_of_packages
mess_of_services
mess_of_mounts
mess_of_kernel_values
