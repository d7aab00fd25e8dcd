#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs as root in a test host: accounts, homes, PAM, SSH, sudo and files as years of help in a hurry leave them. Nothing here keeps
# the automation account out.
# shellcheck disable=SC2016 # the dollars are those of hashes, and of files that are read later
set -euo pipefail

HASH='$6$mess$CKqUTvPnLZ/kkJ5IVAyIzUmmvXZ3uUPDCJGrUa5HmQHPzS9Nc0Wt0UkR1x2nZ2W5zJf3JwqM3mEwAVV1mYw6P.' # of no password

mess_of_accounts() {
  useradd --create-home --shell /bin/bash ward
  useradd --create-home --shell /bin/bash locum
  useradd --no-create-home --home-dir /home/gone --shell /bin/bash gone
  useradd --system --home-dir /srv/oldtool --create-home --shell /bin/bash oldtool
  useradd --system --shell /usr/sbin/nologin transfer
  passwd --quiet --delete ward                                 # asks for no password
  usermod --password '$1$mess$5J2lq6XVb1h5m1n7oqQqQ.' locum    # an old hash, which is no password's
  usermod --password "$HASH" transfer                          # no shell, but a password
  chage --lastday 2090-01-01 locum                             # changed in the future
  chage --maxdays 99999 locum
  echo 'legacy:$1$mess$5J2lq6XVb1h5m1n7oqQqQ.:1901:1901::/home/legacy:/usr/sbin/nologin' >> /etc/passwd # not in shadow
  echo 'toor:x:0:0::/root:/usr/sbin/nologin' >> /etc/passwd
  echo 'toor:*:20000:0:99999:7:::' >> /etc/shadow
  echo 'helper:x:1902:0::/home/ward:/bin/bash' >> /etc/passwd  # of root's group, and at home where ward is
  echo 'helper:*:20000:0:99999:7:::' >> /etc/shadow
  echo 'twin:x:1902:7777::/home/gone:/usr/sbin/nologin' >> /etc/passwd # the number of helper, and a group that is not there
  echo 'twin:*:20000:0:99999:7:::' >> /etc/shadow
  echo 'twin:*:1903:1902::/home/gone:/usr/sbin/nologin' >> /etc/passwd # twice
  printf 'wheel0:x:0:\nsame1:x:1911:\nsame2:x:1911:\nsame2:x:1912:\n' >> /etc/group
  sed -i "s|^adm:[^:]*:|adm:$HASH:|" /etc/gshadow
  gpasswd --quiet --add locum shadow 2> /dev/null || usermod --append --groups shadow locum
}

mess_of_homes() {
  local home=/home/ward
  chmod 0755 "$home"
  echo 'PATH=$PATH' > "$home/.profile"
  echo 'db:5432:*:ward:secret' > "$home/.pgpass"
  echo 'machine files login ward password secret' > "$home/.netrc"
  echo 'ward@home.example' > "$home/.forward"
  echo '+ +' > "$home/.rhosts"
  install -d -m 0755 "$home/.ssh"
  ssh-keygen -q -t rsa -b 1024 -N '' -f "$home/.ssh/id_rsa"
  cp "$home/.ssh/id_rsa.pub" "$home/.ssh/authorized_keys"
  chown -R ward:ward "$home"
  chmod 0666 "$home/.profile"
  chmod 0664 "$home/.ssh/authorized_keys"
  chmod 0644 "$home/.ssh/id_rsa" "$home/.pgpass"
  chown root:root /home/locum
}

mess_of_shells() {
  echo /usr/sbin/nologin >> /etc/shells
  printf 'umask 000\n' > /etc/profile.d/vendor.sh
  printf 'umask 022\n' >> /root/.bashrc
  install -d -m 0777 /opt/vendor/bin
  printf 'PATH=$PATH:/opt/vendor/bin\nPATH=/opt/vendor/bin:/usr/sbin:/usr/bin\n' >> /root/.profile
}

mess_of_passwords() {
  local folder=/etc/security/pwquality.conf.d
  sed -i 's/ yescrypt$/ md5/' /etc/pam.d/common-password
  # Debian 13 applies the mask by its template; a vendor took that out.
  sed -i '/pam_umask/d' /etc/pam.d/common-session
  printf 'deny = 50\nunlock_time = 1\nfail_interval = 10\n' >> /etc/security/faillock.conf
  install -d -m 0755 "$folder"
  printf 'minlen = 6\nminclass = 0\ndifok = 0\nmaxrepeat = 0\nmaxsequence = 0\ndictcheck = 0\nusercheck = 0\nenforcing = 0\n' \
    > "$folder/zy-vendor.conf"
}

mess_of_sudo_and_ssh() {
  cat > /etc/sudoers.d/vendor2 <<'SETTINGS'
Defaults !authenticate, targetpw, rootpw, runaspw, pwfeedback, env_editor, !sudoedit_checkdir, sudoedit_follow
Defaults timestamp_type=global, passwd_timeout=0
Cmnd_Alias SHELLS = /bin/bash, /bin/sh
locum ALL = (root) NOPASSWD: /opt/vendor/bin/restart, !SHELLS
SETTINGS
  chmod 0444 /etc/sudoers.d/vendor2
  printf '#!/bin/sh\n' > /opt/vendor/bin/restart
  chmod 0777 /opt/vendor/bin/restart
  visudo --check --quiet --file=/etc/sudoers
  cat > /etc/ssh/sshd_config.d/60-vendor.conf <<'SETTINGS'
UsePAM no
GSSAPIAuthentication yes
KerberosAuthentication yes
HostKeyAlgorithms +ssh-rsa
CASignatureAlgorithms +ssh-rsa
SyslogFacility DAEMON
UseDNS yes
X11UseLocalhost no
AcceptEnv LD_PRELOAD
SETTINGS
  sshd -t
  systemctl reload ssh.service
}

mess_of_files() {
  touch /etc/security/opasswd.old /etc/environment /var/log/sudo.log /var/log/btmp /var/log/wtmp /var/log/lastlog
  touch /etc/subuid /etc/subgid
  chmod 0666 /etc/ssh/ssh_host_*_key.pub /etc/ssh/sshd_config.d/*.conf /etc/ssh/ssh_config /etc/shells /etc/security/opasswd.old \
    /etc/pam.d/* /etc/security/*.conf /etc/login.defs /etc/profile /etc/profile.d/vendor.sh /etc/bash.bashrc /etc/environment \
    /etc/nsswitch.conf /etc/skel/.bashrc /etc/subuid /etc/subgid /var/log/wtmp /var/log/btmp /var/log/lastlog /var/log/sudo.log
  chmod 0777 /etc/ssh/sshd_config.d /etc/pam.d /etc/profile.d
  install -d -m 0777 /srv/access /srv/access/alone /srv/access/mixed
  echo 1 > /srv/access/open
  chmod 0666 /srv/access/open
  echo 1 > /srv/access/mixed/root
  install -o ward /dev/null /srv/access/mixed/ward
  install -o 4711 -g 4712 /dev/null /srv/access/left
  install -m 4755 /bin/true /srv/access/lends
}

mess_of_accounts
mess_of_homes
mess_of_shells
mess_of_passwords
mess_of_sudo_and_ssh
mess_of_files
