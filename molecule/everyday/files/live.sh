#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# live.sh SUBNET: what becomes of a server in ordinary use, in the order of its days. Each step is what an administrator types.
set -euxo pipefail
subnet=$1
umask 022 # root has a stricter one since the host was hardened
export DEBIAN_FRONTEND=noninteractive
install_packages() { apt-get -qq --yes --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install "$@" > /dev/null; }

# Programs, with their users, groups, libraries, alternatives, units and marks; /etc is under version control.
python3 /srv/library.py 1.0 /srv/mirror
echo 'deb [trusted=yes] file:/srv/mirror ./' > /etc/apt/sources.list.d/clinic.list
apt-get -qq update
debconf-set-selections <<< 'postfix postfix/main_mailer_type select Satellite system'
debconf-set-selections <<< 'postfix postfix/relayhost string mail.clinic.example'
install_packages etckeeper git
install_packages postgresql postfix

# A library of the clinic's own, of which its mirror has a newer version from now on.
install_packages clinic-library
python3 /srv/library.py 1.1 /srv/mirror

# A page of the web server's, and the database for the network.
mkdir -p /var/www/clinic
echo 'The clinic is open.' > /var/www/clinic/index.html
printf 'server {\n  listen 8081;\n  root /var/www/clinic;\n}\n' > /etc/nginx/sites-available/clinic
ln -sf ../sites-available/clinic /etc/nginx/sites-enabled/clinic
systemctl reload nginx
echo "listen_addresses = '*'" > "$(echo /etc/postgresql/*/main/conf.d)/clinic.conf"
echo "host all clinic $subnet trust" >> "$(echo /etc/postgresql/*/main/pg_hba.conf)"
systemctl restart "postgresql@$(ls /etc/postgresql)-main.service"
runuser -u postgres -- psql -qc 'CREATE ROLE clinic LOGIN' -c 'CREATE DATABASE clinic OWNER clinic'
runuser -u postgres -- psql -q clinic -c 'CREATE TABLE visits AS SELECT generate_series(1, 42) AS visit' -c 'GRANT SELECT ON visits TO clinic'
postconf -e 'inet_interfaces = all' "mynetworks = 127.0.0.0/8 $subnet"
systemctl restart postfix

# People: an account with a password and a shell, one that leaves its group, a system account of a vendor's.
groupadd --gid 1800 ward
useradd --uid 1801 --create-home --groups ward --shell /bin/bash --comment 'Ada Featherstonehaugh' ada
# shellcheck disable=SC2016 # a hash, not a variable
usermod --password '$6$rounds=5000$saltstring$3s9Hs2xdCJEYgYcdFGGjP9LLxIkVHGc5bSAlfGuDnyuSIVTkwHTMvuKEhcgGa8yHT7oVXtkJEQFbMEPZiIGvy/' ada
useradd --system --uid 981 --shell /usr/sbin/nologin vendor
echo 'ada ALL=(root) /usr/bin/systemctl restart nginx' > /etc/sudoers.d/ada
chmod 0440 /etc/sudoers.d/ada
echo /usr/local/bin/clinic-shell >> /etc/shells
passwd -q --maxdays 365 automation

# The site's own authority, its locale, its editor.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj '/CN=Clinic Root' \
  -keyout /dev/null -out /usr/local/share/ca-certificates/clinic.crt 2> /dev/null
update-ca-certificates > /dev/null
echo 'de_DE.UTF-8 UTF-8' >> /etc/locale.gen
locale-gen > /dev/null
printf '#!/bin/sh\nexec cat "$@"\n' > /usr/local/bin/clinic-pager
chmod 0755 /usr/local/bin/clinic-pager
update-alternatives --install /usr/bin/pager pager /usr/local/bin/clinic-pager 90
update-alternatives --set pager /usr/local/bin/clinic-pager

# Settings beside those that hardening writes, and lines in files that it writes too.
echo 'net.ipv4.ip_local_port_range = 32768 60000' > /etc/sysctl.d/60-clinic.conf
sysctl -q -p /etc/sysctl.d/60-clinic.conf
echo '127.0.0.1 archive.clinic.example' >> /etc/hosts
echo '# Clinic: reviewed by the vendor.' >> /etc/login.defs
echo '17 3 * * * root /usr/local/bin/clinic-pager /etc/hostname > /dev/null' > /etc/cron.d/clinic
printf 'auth.* /var/log/clinic-auth.log\n' > /etc/rsyslog.d/60-clinic.conf
systemctl restart rsyslog
apt-mark -qq hold python3-apt > /dev/null

# Packet rules as a container engine makes them: in tables of its own, which no file holds, made by its daemon at each start.
cat > /usr/local/sbin/clinic-nat <<'NAT'
#!/bin/sh
exec nft -f - <<'RULES'
table ip clinic_nat {
  chain PREROUTING { type nat hook prerouting priority dstnat; tcp dport 8082 redirect to :8081; }
  chain POSTROUTING { type nat hook postrouting priority srcnat; ip saddr 172.17.0.0/16 masquerade; }
}
RULES
NAT
chmod 0755 /usr/local/sbin/clinic-nat
printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/local/sbin/clinic-nat\n[Install]\nWantedBy=multi-user.target\n' \
  > /etc/systemd/system/clinic-nat.service
systemctl -q daemon-reload
systemctl -q enable --now clinic-nat.service

# The night: etckeeper's timer, dpkg's own cleaning, the log rotation.
etckeeper commit 'daily autocommit' > /dev/null
git -C /etc rev-parse HEAD > /srv/commit
