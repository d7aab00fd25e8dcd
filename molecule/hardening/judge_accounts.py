# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and homes, seen with passwd, getent, pwck, find and the shell itself: each command shows what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import outside

if TYPE_CHECKING:
    from testinfra.host import Host

PEOPLE = "getent passwd | awk -F: '$3 >= 1000 && $3 < 60000 && $7 !~ /nologin|false|sync/ {print $1, $6}'"
TWICE = "sort | uniq --repeated"

WRONG = {
    "passwords_set": "passwd --status --all | awk '$2 == \"NP\"'",
    "passwords_shadowed": "awk -F: '$2 ~ /^[^x*!]/ {print $1}' /etc/passwd",
    "passwords_hashed_well": "awk -F: '$2 ~ /^[^!*$]/ || $2 ~ /^[$][135][$]/ {print $1}' /etc/shadow",
    "passwords_changed_in_past": "awk -F: -v day=$(($(date +%s) / 86400)) '$3 > day + 1 {print $1}' /etc/shadow",
    "shell_less_are_locked": "for name in $(getent passwd | awk -F: '$7 ~ /nologin|false/ {print $1}'); do"
    " passwd --status $name | awk '$2 == \"P\" {print $1}'; done",
    "group_passwords": "awk -F: '$2 ~ /^[^!*]/ {print $1}' /etc/gshadow",
    "uid_zero": "awk -F: '$3 == 0 && $1 != \"root\" {print $1}' /etc/passwd",
    "gid_zero": "awk -F: '$4 == 0 && $3 != 0 && $7 !~ /nologin|false|sync/ {print $1}' /etc/passwd",
    "group_zero": "awk -F: '$3 == 0 && $1 != \"root\" {print $1}' /etc/group",
    "unique_uids": f"cut -d: -f3 /etc/passwd | {TWICE} | grep --line-regexp --invert-match 0",
    "unique_users": f"cut -d: -f1 /etc/passwd | {TWICE}",
    "unique_gids": f"cut -d: -f3 /etc/group | {TWICE} | grep --line-regexp --invert-match 0",
    "unique_groups": f"cut -d: -f1 /etc/group | {TWICE}",
    "unique_homes": f"{PEOPLE} | cut -d' ' -f2 | {TWICE}",
    "groups_exist": "pwck --read-only | grep 'no group'",
    "shadow_group": "getent group shadow | cut -d: -f4",
    "system_shells": "awk -F: '$3 > 0 && $3 < 1000 && $7 !~ /nologin|false|sync/ {print $1}' /etc/passwd",
    "homes_exist": f"{PEOPLE} | while read name home; do test -d $home || echo $name; done",
    "homes_owned": f"{PEOPLE} | while read name home; do find $home -maxdepth 0 ! -user $name; done",
    "homes_closed": f"{PEOPLE} | while read name home; do find $home -maxdepth 0 -user $name -perm /027; done",
    "dot_files": f"{PEOPLE} | while read name home; do find $home -maxdepth 1 -type f -name '.*' -perm /022; done",
    "private_files": f"{PEOPLE} | while read name home; do find $home -maxdepth 2 -perm /077"
    " '(' -name .ssh -o -name .pgpass -o -name .netrc -o -name id_rsa ')'; done",
    "login_keys": f"{PEOPLE} | while read name home; do find $home/.ssh -name authorized_keys -perm /022; done",
    "login_key_strength": f"{PEOPLE} | while read name home; do ssh-keygen -l -f $home/.ssh/authorized_keys"
    " | awk '$4 == \"(RSA)\" && $1 < 2048'; done",
    "trust_files": "ls /home/*/.rhosts /home/*/.shosts",
    "forward_files": "ls /home/*/.forward",
    "netrc_files": "ls /home/*/.netrc",
    "shells_list": "grep nologin /etc/shells",
    "shell_timeout": "bash --login -i -c 'test 0$TMOUT -gt 0 && test $TMOUT -le 900 || echo waits for ever'",
    "shell_umask": "grep --extended-regexp '^umask 0' /etc/profile.d/*",
    "root_umask": "bash -i -c 'umask' 2> /dev/null | grep --extended-regexp --invert-match '0[0-7][2367]7'",
    "root_path": "sh -c 'HOME=/root; . /root/.profile; echo $PATH' | tr ':' '\\n'"
    " | while read folder; do find $folder -maxdepth 0 -perm /022; done",
}


def judge(host: Host, settings: dict[str, Any]) -> tuple[bool, str]:
    wrong = outside.root(host, f"{WRONG[settings['check']]} 2> /dev/null").out
    names = [line for line in wrong.splitlines() if line.split()[0] not in settings.get("except", ())]
    return not names, "; ".join(names) or "nothing wrong"
