# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that deviate in every resource kind, and the controls that find it."""

from __future__ import annotations

from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._baseline import BaselineRequest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from fake_host import FakeHost, FakeMount, fixture
from fake_programs import PAM_STACKS, FakePackage, FakeUnit, auto_mark, pam_profile, pam_stack

SSH_DROP_INS = "/etc/ssh/sshd_config.d"
JOURNALD = {
    "file": "/etc/systemd/journald.conf",
    "drop_in": "/etc/systemd/journald.conf.d/zz-healthops.conf",
    "format": "ini",
    "section": "Journal",
    "unit": "journald.service",
}
BOOT_HASH = f"grub.pbkdf2.sha512.10000.{'AB' * 32}.{'0C' * 32}"
CHRONY = """confdir /etc/chrony/conf.d
pool 2.debian.pool.ntp.org iburst
sourcedir /etc/chrony/sources.d
makestep 1 -1
"""
FSTAB = """# the first disk
/dev/vda1 / ext4 defaults 0 1
/dev/vda2\t/tmp  ext4  defaults,suid 0 2
"""

PASSWD = """root:x:0:0:root:/root:/bin/bash
backup:x:34:34:backup:/var/backups:/bin/sh
alice:x:1000:1000::/home/alice:/bin/bash
"""

#: One control or more for each kind, all of which fail on a dirty host and can be enforced.
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "package": [{"name": "debsums", "state": "present"}, {"name": "telnet", "state": "absent"}],
    "file": [
        {"path": "/etc/shadow", "mode": "0640", "owner": "root", "group": ["shadow", "root"]},
        {"path": "/etc/cron.*ly", "mode": "0700", "owner": "root", "group": "root"},
        {"path": "/etc/hosts.equiv", "state": "absent"},
    ],
    "kernel_module": [{"module": "cramfs"}, {"module": "usb_storage"}],
    "sysctl": [
        {"key": "kernel.kptr_restrict", "value": 1, "accept": [2]},
        {"key": "net.ipv4.conf.all.send_redirects", "value": 0},
    ],
    "mount": [{"path": "/tmp", "options": ["nosuid", "nodev"]}, {"path": "/dev/shm", "options": ["noexec"]}],
    "banner": [{"path": "/etc/issue", "text": "Clinical system."}, {"path": "/etc/motd", "text": "Be careful."}],
    "config": [
        {"file": "/etc/login.defs", "format": "login_defs", "key": "UMASK", "value": "027", "accept": ["077"]},
        {**JOURNALD, "key": "Storage", "value": "persistent"},
    ],
    "path_scan": [{"check": "world_writable_files"}, {"check": "world_writable_folders"}],
    "accounts": [{"check": "passwords_set"}, {"check": "system_shells"}, {"check": "dot_files"}],
    "pam": [{"feature": "lockout"}, {"feature": "no_empty"}, {"feature": "su_group", "value": "adm"}],
    "cron": [{"tool": "cron", "users": ["backup"]}, {"tool": "at"}],
    "time": [
        {"aspect": "step"},
        {"aspect": "servers", "servers": ["ntp1.hospital.example", "ntp2.hospital.example"]},
        {"aspect": "daemon"},
    ],
    "audit_rules": [
        {"key": "identity", "rules": ["watch /etc/group wa", "calls adjtimex,stime", "runs privileged"]},
        {"key": "modules", "rules": ["calls init_module,delete_module people"]},
    ],
    "aide": [{"covers": "audit_tools"}],
    "boot": [{"password_hash": BOOT_HASH}],
    "apparmor": [{"state": "enabled"}],
    "sudo": [{"default": "use_pty", "value": True}, {"default": "timestamp_timeout", "value": 15, "op": "at_most"}],
    "service": [
        {"unit": "rpcbind.socket", "state": "masked"},
        {"unit": "cups.service", "state": "masked"},
        {"unit": "rsyslog.service", "state": "enabled"},
    ],
    "firewall": [{"open": ["learned", "tcp/443"]}],
    "sshd": [
        {"option": "MaxAuthTries", "value": 4, "op": "at_most"},
        {"option": "MACs", "value": ["*sha1*"], "op": "excludes"},
    ],
}


def controls(*kinds: str) -> tuple[Control, ...]:
    """The controls of some kinds, or of all."""
    named = [(kind, n, s) for kind in (kinds or SETTINGS) for n, s in enumerate(SETTINGS[kind], 1)]
    return tuple(Control(f"{kind}_{n}", kind, settings) for kind, n, settings in named)


def request(run_id: str, *kinds: str, **more: Any) -> BaselineRequest:
    return BaselineRequest(run_id, controls(*kinds), frozenset({"cups.service"}), **more)


def dirty_host(system: str = "debian-12") -> FakeHost:
    """A host on which every control of SETTINGS fails."""
    host = FakeHost(system)
    _files(host)
    _packages(host)
    host.kernel.update({"kernel.kptr_restrict": "0", "net.ipv4.conf.all.send_redirects": "1"})
    host.add_file("/etc/sysctl.d/10-network.conf", "net.ipv4.conf.all.send_redirects = 1\n")
    host.modules.update({"usb_storage": 0, "ext4": 3})
    host.mounts += [
        FakeMount("/dev/vda1", "/", "ext4", ["rw", "relatime"]),
        FakeMount("/dev/vda2", "/tmp", "ext4", ["rw", "relatime"]),
        FakeMount("tmpfs", "/dev/shm", "tmpfs", ["rw", "nosuid", "nodev"]),
    ]
    host.units.update(
        {
            "ssh.service": FakeUnit(active=True, since=1000.0),
            "journald.service": FakeUnit(active=True, since=1000.0, static=True),
            "rpcbind.socket": FakeUnit(),
            "cups.service": FakeUnit(active=True, since=1000.0),
            "rsyslog.service": FakeUnit(),
            "chrony.service": FakeUnit(active=True, since=1000.0),
            "apparmor.service": FakeUnit(),
            "nftables.service": FakeUnit(wanted_by="sysinit.target"),
        }
    )
    for name in ("ssh.service", "cups.service"):
        host.add_link(f"/etc/systemd/system/multi-user.target.wants/{name}", f"/lib/systemd/system/{name}")
    return host


def bare(text: str) -> str:
    """Without comments, which only make the many rounds of the fault tests slow."""
    return "".join(line + "\n" for line in text.splitlines() if line.strip() and not line.startswith("#"))


def _files(host: FakeHost) -> None:
    host.add_file("/etc/shadow", "root:*:1:0:99999:7:::\nalice::19000:0:99999:7:::\n", mode=0o666, gid=33)
    host.add_file("/etc/passwd", PASSWD)
    host.add_file("/etc/group", "root:x:0:\nadm:x:4:\nwww-data:x:33:\nalice:x:1000:\n")
    host.add_file("/home/alice/.profile", "umask 022\n", mode=0o666, uid=1000, gid=1000)
    host.add_file("/srv/exchange/list", "1\n", mode=0o666)
    host.nodes["/srv/exchange"].mode = 0o777
    _pam(host)
    host.nodes["/etc/shadow"].xattrs["user.note"] = b"kept"
    host.add_dir("/etc/cron.daily")
    host.add_dir("/etc/cron.weekly", mode=0o777)
    host.add_file("/etc/hosts.equiv", "+\n")
    host.add_dir("/etc/modprobe.d")
    host.add_file("/etc/fstab", FSTAB)
    host.add_file("/etc/issue", "Debian GNU/Linux 12 \\n \\l\n", mode=0o640, gid=4)
    host.add_file("/usr/share/base-files/motd", "Welcome\n")
    host.add_link("/etc/motd", "/usr/share/base-files/motd")
    host.add_file("/etc/login.defs", bare(fixture("login_defs", host.system)))
    host.add_file("/etc/systemd/journald.conf", bare(fixture("journald", host.system)))
    host.add_file("/etc/sudoers", bare(fixture("sudoers", host.system)), mode=0o440)
    host.add_file("/etc/sudoers.d/50-ward", "Defaults !use_pty\nDefaults timestamp_timeout=60\n", mode=0o440)
    host.add_file("/etc/chrony/chrony.conf", CHRONY)
    host.add_dir("/etc/chrony/conf.d")
    host.add_dir("/etc/chrony/sources.d")
    host.add_file("/etc/cron.allow", "root\nalice\n", mode=0o644)
    host.add_file("/var/spool/cron/atjobs/a00001019d2c3c", "", uid=1000)
    host.add_file("/etc/audit/rules.d/audit.rules", "-D\n-b 8192\n-w /etc/group -p wa -k identity\n", mode=0o640)
    host.add_file("/etc/audit/audit.rules", "-D\n-b 8192\n", mode=0o640)
    host.privileged.append("/usr/bin/sudo")
    host.add_file("/etc/aide/aide.conf", "@@x_include /etc/aide/aide.conf.d ^[a-zA-Z0-9_-]+$\n")
    host.add_file("/etc/aide/aide.conf.d/31_aide_audit", "/sbin/auditctl$ Full\n")
    host.add_file("/boot/grub/grub.cfg", "menuentry 'Debian' {\n\tlinux /boot/vmlinuz ro\n}\n", mode=0o444)
    host.add_file("/etc/default/grub", 'GRUB_CMDLINE_LINUX=""\n')
    host.add_dir("/etc/grub.d")
    host.add_file("/sys/module/apparmor/parameters/enabled", "Y\n")
    host.add_file("/etc/ssh/sshd_config", bare(fixture("sshd_config", host.system)))
    host.add_dir(SSH_DROP_INS)


def _pam(host: FakeHost) -> None:
    host.add_file("/usr/share/pam-configs/unix", fixture("pam_profile_unix", host.system))
    for stack in PAM_STACKS:
        live, saved = pam_stack(stack, [("unix", pam_profile(fixture("pam_profile_unix", host.system)))])
        host.add_file(f"/etc/pam.d/common-{stack}", live)
        host.add_file(f"/var/lib/pam/{stack}", saved)
    host.add_file("/etc/pam.d/su", "auth       sufficient pam_rootok.so\n@include common-auth\n")


def _packages(host: FakeHost) -> None:
    host.mirror.update(
        {
            "telnet": FakePackage("1:0.17-44", {"/etc/telnetrc": "quit\n"}, {"/etc/alternatives.log": "telnet"}),
            "debsums": FakePackage("3.0.2", {"/etc/default/debsums": "CRON_CHECK=never\n"}, {}, ("libdpkg-perl",)),
            "libdpkg-perl": FakePackage("1.21.22", {"/etc/dpkg-perl.conf": "\n"}),
        }
    )
    host.packages["telnet"] = "1:0.17-44"
    host.add_file("/etc/telnetrc", "quit\n# ours\n")
    host.residual.add("debsums")  # it was here once, and somebody's settings for it still are
    host.add_file("/etc/default/debsums", "CRON_CHECK=weekly\n")
    host.add_file("/var/lib/apt/extended_states", auto_mark("telnet"))
