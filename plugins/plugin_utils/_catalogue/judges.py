# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who says what is in force on a host: a program or the kernel where one can be asked, else the text of the files.

What only text tells is read as its program reads it; ``tests/unit/test_spellings.py`` holds that against the program.
It is data for the reference, and nothing of it is sent to hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Judge:
    """``source`` is the command, or the file of the kernel, that says what is in force; empty where only text does.

    ``text`` is what is read beside that, or instead of it, and ``reason`` why no program can be asked then.
    """

    source: str = ""
    text: str = ""
    reason: str = ""

    def describe(self) -> str:
        """Return the end of a sentence that begins with: Judged by."""
        if not self.source:
            return f"the **text** of {self.text}: {self.reason}"
        return f"`{self.source}`" + (f", and the **text** of {self.text}" if self.text else "")


#: By kind. Those of the kind config are by format, below.
KIND_JUDGES = {
    "accounts": Judge(
        text="passwd, shadow, group, gshadow and the files of homes",
        reason="getent asks for one account, adds the directory's, and passes over the lines that are wrong",
    ),
    "aide": Judge(source="systemctl show", text="AIDE's configuration and database"),
    "apparmor": Judge(source="/sys/kernel/security/apparmor/profiles"),
    "audit_rules": Judge(source="auditctl -l", text="the rules below /etc/audit/rules.d"),
    "banner": Judge(
        text="the file",
        reason="it is shown as it is",
    ),
    "boot": Judge(source="/proc/cmdline", text="the boot menu and the files that it is made from"),
    "cron": Judge(
        text="the lists of who may plan jobs",
        reason="crontab and at tell only the account that asks",
    ),
    "file": Judge(source="stat"),
    "firewall": Judge(source="nft -s list ruleset", text="the file that is loaded at boot"),
    "kernel_module": Judge(source="modprobe --showconfig"),
    "mount": Judge(source="/proc/self/mountinfo", text="fstab, as systemd-fstab-generator reads it"),
    "package": Judge(source="dpkg-query or rpm"),
    "pam": Judge(
        text="the stacks below /etc/pam.d",
        reason="PAM answers a login, and tells nobody how it would",
    ),
    "path_scan": Judge(source="find"),
    "service": Judge(source="systemctl show"),
    "sshd": Judge(source="sshd -T", text="Match blocks, which no single question covers"),
    "sudo": Judge(source="cvtsudoers, visudo --check, and sudo --list where a directory has rules"),
    "sysctl": Judge(source="/proc/sys", text="sysctl.d for the next boot"),
    "time": Judge(source="systemctl show", text="chrony's and timesyncd's files"),
}
FORMAT_JUDGES = {
    "login_defs": Judge(
        text="the file, as shadow and as PAM read it",
        reason="no program prints what it has read",
    ),
    "key_value": Judge(
        text="the file, as pam_faillock reads it",
        reason="faillock shows failures and no settings",
    ),
    "pwquality": Judge(
        text="its files, as libpwquality reads them",
        reason="pwscore scores a password and names no setting",
    ),
    "auditd": Judge(
        text="the file, as auditd reads it when it starts",
        reason="auditctl tells of the kernel's part and not of the daemon's",
    ),
    "ini": Judge(
        text="its files and drop-ins, in the order and with the values of systemd",
        reason="systemd-analyze cat-config prints the files and does not say what they come to",
    ),
    "shell": Judge(
        text="the file, a line a setting",
        reason="each shell that reads it may do so otherwise",
    ),
    "adduser": Judge(
        text="the file, as adduser reads it",
        reason="adduser prints no settings",
    ),
    "rsyslog": Judge(
        text="the file, for the actions that follow the line",
        reason="rsyslogd says whether it can read a file, and not what is set",
    ),
    "rsyslog_forward": Judge(
        text="the file and its drop-ins",
        reason="rsyslogd says whether it can read a file, and not where it sends",
    ),
    "apt_conf": Judge(source="apt-config dump"),
    "limits": Judge(
        text="its files, as pam_limits reads them",
        reason="only a session that is opened has them",
    ),
}


def judge_of(kind: str, settings: Mapping[str, Any]) -> Judge:
    """Return who says whether a control with these settings is met."""
    return FORMAT_JUDGES[settings["format"]] if kind == "config" else KIND_JUDGES[kind]
