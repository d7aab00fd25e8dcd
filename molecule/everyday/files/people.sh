#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# people.sh PASSWORD: two accounts with a shell, as yet quiet, and files of root's that nobody may get changed through them.
set -euxo pipefail
umask 022
mkdir -m 0755 /srv/people /srv/sentinels /srv/sentinels/below
mkdir -m 0700 /srv/named
install -d -o root -g automation -m 0770 /srv/traces
echo 'of root' | tee /srv/sentinels/{list,authorized_keys,id_ed25519,below/open} > /dev/null
chmod 0600 /srv/sentinels/id_ed25519
# A name as long as nobody has one, and with all that a person may have put into it.
comment="$(printf "%02000d" 0)"$'\xe2\x80\xa8root\xc2\x85 &'
echo "$comment" > /srv/people.comment
for name in mallory trudy; do
  useradd --base-dir /srv/people --create-home --shell /bin/bash --comment "$comment" "$name"
  usermod --password "$(openssl passwd -6 "$1")" "$name"
  install -d -o "$name" -g "$name" -m 0700 "/srv/people/$name/.ssh" "/srv/people/$name/names"
  install -o "$name" -g "$name" -m 0600 /home/automation/.ssh/authorized_keys "/srv/people/$name/.ssh/authorized_keys"
  for number in {0..9}; do
    echo 'of root' > "/srv/named/$name$number"
    ln "/srv/named/$name$number" "/srv/people/$name/names/$number"
  done
done
