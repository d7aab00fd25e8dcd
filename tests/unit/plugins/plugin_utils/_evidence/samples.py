# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up but lifelike baseline results, always the same for the same arguments."""

from __future__ import annotations

import copy
import typing as t

Json = t.Dict[str, t.Any]

RUN_ID = "20261122T150000Z-1f3a"
SYSTEMS = (("Debian", "12", "6.1.0-30-amd64"), ("Debian", "12", "6.1.0-30-amd64"), ("Debian", "13", "6.12.9-amd64"))
PLACES = ("interface-engine", "imaging-archive", "portal", "scheduling-db", "log-host", "load-balancer")

#: id, title, rationale, kind, severity, hazard, tier, subject, wanted, found, references
TOPICS: t.Tuple[t.Tuple[str, ...], ...] = (
    (
        "sshd_root_login",
        "Nobody logs in over SSH as root",
        "A shared account leaves no trace of who did what, and it is the "
        "one name that every guessing program already knows.",
        "sshd",
        "critical",
        "lockout",
        "essential",
        "sshd PermitRootLogin",
        "no",
        "prohibit-password",
        "AC-6(2) IA-2",
    ),
    (
        "sshd_max_auth_tries",
        "An SSH connection may try only a few passwords",
        "Every extra attempt on one connection is a cheap guess that leaves few lines in the log.",
        "sshd",
        "high",
        "none",
        "essential",
        "sshd MaxAuthTries",
        "at most 4",
        "6",
        "AC-7",
    ),
    (
        "sshd_x11_forwarding",
        "No graphical programs are forwarded over SSH",
        "A forwarded display lets a broken server read the keyboard of the person who logged in.",
        "sshd",
        "medium",
        "app_break",
        "essential",
        "sshd X11Forwarding",
        "no",
        "yes",
        "CM-7",
    ),
    (
        "sysctl_ip_forward",
        "The machine does not pass packets on between networks",
        "A server that routes by accident joins the clinical network with whatever else it touches.",
        "sysctl",
        "high",
        "availability",
        "essential",
        "net.ipv4.ip_forward",
        "0",
        "1",
        "SC-7 CM-7",
    ),
    (
        "sysctl_kptr_restrict",
        "Kernel addresses are not shown to users",
        "Addresses make an exploit of a kernel flaw reliable.",
        "sysctl",
        "medium",
        "none",
        "standard",
        "kernel.kptr_restrict",
        "2",
        "0",
        "SI-16",
    ),
    (
        "service_avahi",
        "The machine does not announce itself on the network",
        "Announcing helps nobody in a server room and answers whoever asks.",
        "service",
        "medium",
        "availability",
        "essential",
        "avahi-daemon.service",
        "masked",
        "enabled",
        "CM-7",
    ),
    (
        "file_shadow_mode",
        "Password hashes are readable by root only",
        "Hashes that can be read can be cracked elsewhere, at leisure.",
        "file",
        "critical",
        "none",
        "essential",
        "/etc/shadow",
        "mode at most 0640, root:shadow",
        "0644 root:root",
        "AC-3 IA-5(1)",
    ),
    (
        "login_umask",
        "New files are closed to other users",
        "A file made in a hurry must not be readable by everyone.",
        "config",
        "medium",
        "app_break",
        "standard",
        "/etc/login.defs UMASK",
        "at least 027",
        "022",
        "AC-3",
    ),
    (
        "module_cramfs",
        "Rare file systems cannot be loaded",
        "A forged disk image can exploit a driver that nobody needs.",
        "kernel_module",
        "low",
        "none",
        "standard",
        "cramfs",
        "cannot be loaded",
        "loadable",
        "CM-7",
    ),
    (
        "mount_dev_shm",
        "Shared memory holds no programs",
        "It is writable for all, and so a place from which intruders start.",
        "mount",
        "medium",
        "app_break",
        "standard",
        "/dev/shm",
        "nosuid, nodev, noexec",
        "nosuid, nodev",
        "CM-7(2)",
    ),
    (
        "sudo_use_pty",
        "Commands run by sudo get a terminal of their own",
        "Otherwise a program left behind could type into the administrator's terminal.",
        "sudo",
        "high",
        "none",
        "essential",
        "sudoers use_pty",
        "true",
        "not set",
        "AC-6",
    ),
    (
        "package_telnetd",
        "No telnet server is installed",
        "It sends passwords in clear.",
        "package",
        "high",
        "availability",
        "essential",
        "telnetd",
        "absent",
        "absent",
        "CM-7 SC-8",
    ),
    (
        "banner_ssh",
        "Who connects is told that access is recorded",
        "The notice is what makes misuse prosecutable.",
        "banner",
        "low",
        "none",
        "standard",
        "/etc/issue.net",
        "the house's notice",
        "absent",
        "AC-8",
    ),
    (
        "journald_storage",
        "The journal survives a restart",
        "Without it the first reboot wipes the trace of what led to it.",
        "config",
        "high",
        "restart",
        "essential",
        "/etc/systemd/journald.conf Storage",
        "persistent",
        "auto",
        "AU-9 AU-11",
    ),
)
STATES = {
    "pass": "ok",
    "fixed": "ok",
    "fail": "deviates",
    "deferred": "deviates",
    "waived": "deviates",
    "error": "unknown",
    "notapplicable": "notapplicable",
    "notchecked": "unknown",
}
REASONS = {
    "fail": "It is in use: 2 clients hold connections on port 6661, so it was not stopped. Consent with "
    "hardening_allow_stop or waive it.",
    "deferred": "Enforcing restarts a service; the next window opens Sunday 02:00.",
    "waived": "Accepted until 2027-03-31 (CHG-4711): the vendor's installer needs it.",
    "error": "systemctl exited 1: Failed to connect to bus: Connection refused.",
    "notapplicable": "A container shares its host's kernel and cannot set this key.",
    "notchecked": "Left out: being replaced next month.",
}


def _word(host: int, number: int, mode: str) -> str:
    """Spread so that the fleet looks like one: mostly good, the same few troubles on several hosts."""
    if number % 29 == 11:
        word = "notapplicable"
    elif number % 41 == 7 and host % 2 == 0:
        word = "fail"
    elif number % 43 == 15:
        word = "deferred"
    elif (number + host) % 97 == 33:
        word = "error"
    elif number % 71 == 30 and host % 3 == 1:
        word = "waived"
    elif number % 73 == 50:
        word = "notchecked"
    else:
        word = "fixed" if (number * 7 + host * 3) % 10 < 3 else "pass"
    return {"fixed": "fail", "deferred": "fail"}.get(word, word) if mode == "audit" else word


def finding(host: int, number: int, mode: str = "harden") -> Json:
    """The finding of control ``number`` on host ``host``; the controls repeat the topics with other names."""
    name, title, rationale, kind, severity, hazard, tier, subject, wanted, found, refs = TOPICS[number % len(TOPICS)]
    again = number // len(TOPICS)
    word = _word(host, number, mode)
    after = wanted if word in ("pass", "fixed") or (mode == "audit" and word == "fail") else found
    saw = found if word in ("fail", "deferred", "waived") else after
    state = STATES[word]
    verdicts: Json = {key: {"state": state, "saw": saw} for key in ("running", "on_disk", "survives_reboot")}
    if word == "error":
        verdicts["running"]["saw"] = None
        verdicts["on_disk"] = {"state": "ok", "saw": wanted}
    if word == "deferred":
        verdicts["on_disk"] = {"state": "ok", "saw": wanted}
    return {
        "id": f"{name}_{again}" if again else name,
        "title": f"{title} ({again + 1})" if again else title,
        "rationale": rationale,
        "severity": severity,
        "hazard": hazard,
        "tier": tier,
        "kind": kind,
        "result": word,
        "reason": REASONS.get(word, "") if not (mode == "audit" and word == "fail") else "",
        "subject": subject,
        "wanted": wanted,
        "before": wanted if word == "pass" else None if word == "error" else found,
        "after": None if word == "error" else after,
        "verdicts": verdicts,
        "references": [
            {
                "framework": "nist_800_53r5",
                "title": "NIST SP 800-53 Rev. 5",
                "status": "guidance",
                "reference": ref,
                "strength": "supports",
            }
            for ref in refs.split()
        ]
        + [
            {
                "framework": "hipaa_security_rule",
                "title": "HIPAA Security Rule",
                "status": "law",
                "reference": "164.312(a)(1)",
                "strength": "supports",
            },
            {
                "framework": "hipaa_nprm_2024",
                "title": "HIPAA Security Rule NPRM",
                "status": "proposed",
                "reference": "164.312(c)",
                "strength": "supports",
            },
        ],
    }


def host_name(host: int) -> str:
    return f"{PLACES[host % len(PLACES)]}-{host // len(PLACES) + 1:02d}"


def result(host: int = 0, controls: int = 84, mode: str = "harden", run_id: str = RUN_ID) -> Json:
    """The registered result of one host, with the keys that Ansible adds and that are no evidence."""
    findings = [finding(host, number, mode) for number in range(controls)]
    words = [each["result"] for each in findings]
    distribution, version, kernel = SYSTEMS[host % len(SYSTEMS)]
    changes = [
        {
            "subject": f"{each['kind']} {each['subject']}",
            "before": each["before"],
            "after": each["after"],
            "why": each["title"],
            "controls": [each["id"]],
        }
        for each in findings
        if each["result"] == ("fail" if mode == "audit" else "fixed")
    ]
    changes.append(
        {
            "subject": "file /etc/ssh/sshd_config.d/00-healthops.conf",
            "before": None,
            "after": "# Written by healthops.clinical\nPermitRootLogin no\nMaxAuthTries 4\nX11Forwarding no\n",
            "why": "One file of our own, read before the others",
            "controls": ["sshd_root_login", "sshd_max_auth_tries"],
        }
    )
    return {
        "changed": True,
        "msg": "",
        "run_id": run_id,
        "state": "enforced",
        "check_mode": mode == "audit",
        "tier": "standard",
        "started": f"2026-11-22T15:00:{host % 50:02d}Z",
        "finished": f"2026-11-22T15:00:{host % 50 + 3:02d}Z",
        "catalogue": {"digest": "sha256:" + "5d41402abc4b2a76b9719d911017c592" * 2, "controls": controls},
        "host": {
            "distribution": distribution,
            "version": version,
            "family": "Debian",
            "kernel": kernel,
            "container": "podman",
        },
        "summary": {word: words.count(word) for word in STATES},
        "findings": findings,
        "changes": changes,
        "warnings": [],
        "invocation": {"module_args": {"password": "hunter2"}},
        "ansible_facts": {"secret": "hunter2"},
        "_ansible_no_log": False,
        "diff": [{"before": "hunter2"}],
    }


def reverted(host: int = 0, run_id: str = "20261122T160000Z-77aa", of: str = RUN_ID) -> Json:
    """The result of a rollback of the run above."""
    changes = result(host)["changes"]
    return {
        "changed": True,
        "msg": "",
        "run_id": run_id,
        "state": "reverted",
        "check_mode": False,
        "reverted_run_id": of,
        "started": "2026-11-22T16:00:00Z",
        "finished": "2026-11-22T16:00:02Z",
        "restored": [
            {"subject": each["subject"], "before": each["after"], "after": each["before"]} for each in changes
        ],
    }


GUARDS: t.Dict[str, Json] = {
    "none": {"within": 0, "until": ""},
    "confirmed": {"ended": "2026-11-22T15:00:06Z", "why": "a fresh login worked"},
    "reverted": {"ended": "2026-11-22T15:02:05Z", "why": "nobody confirmed it within 120 s"},
    "unknown": {},
    "armed": {"seconds_left": 118},
    "skipped": {"within": 0, "until": "", "why": "The connection is local (local), so no login is at stake."},
    "off": {"within": 0, "until": "", "why": "confirm_within is 0."},
}
TRIED = "A fresh login was tried 6 times in vain: Permission denied (publickey)."


def guard(state: str, run_id: str = RUN_ID) -> Json:
    """A guard as a result tells it, always with the same keys."""
    told: Json = {"state": state, "run_id": run_id, "within": 120, "until": "2026-11-22T15:02:04Z", "seconds_left": 0}
    return {**told, "ended": "", "why": "", "survives_reboot": True, **GUARDS[state]}


def guarded(state: str, host: int = 0, controls: int = 84) -> Json:
    """The result of a run whose guard ended so; a change that was not confirmed leaves nothing fixed."""
    made = {**result(host, controls), "guard": guard(state)}
    if state not in ("reverted", "unknown"):
        return made
    name = host_name(host)
    told = f"{name} took back run {RUN_ID} at 2026-11-22T15:02:05Z and is as it was: nobody confirmed it within 120 s."
    if state == "unknown":
        told = f"Nobody knows whether {name} took back run {RUN_ID}: it has not answered since."
    made.update(failed=True, msg=f"{told} {TRIED}")
    for each in made["findings"]:
        if each["result"] == "fixed" and state == "reverted":
            each.update(result="fail", after=each["before"], reason=f"It was taken back. {made['msg']}")
        elif each["result"] == "fixed":
            each.update(result="error", after="unknown", reason=f"It was not confirmed. {made['msg']}")
    words = [each["result"] for each in made["findings"]]
    made["summary"] = {word: words.count(word) for word in STATES}
    return {**made, "changed": False, "changes": []} if state == "reverted" else made


def fleet(hosts: int, controls: int, mode: str = "harden") -> t.Dict[str, Json]:
    return {host_name(number): result(number, controls, mode) for number in range(hosts)}


def waiver(control: str = "module_cramfs", **more: t.Any) -> Json:
    """A waiver as a result tells it; hosts, groups and a value stand in it only where it was narrowed to them."""
    told = {
        "control": control,
        "reason": "The vendor's installer mounts such an image twice a year.",
        "owner": "Mona Sax, imaging",
        "approver": "Luis Ortega, information security",
        "ticket": "CHG-4711",
        "compensating_control": "The installer's image is checked against its signature first.",
        "expires": "2026-12-12",
        "days_left": 20,
        "used": True,
        "expired": False,
    }
    return {**told, **more}


def probe(name: str = "mllp_echo", target: str = "127.0.0.1:6661", **more: t.Any) -> Json:
    told = {"probe": name, "target": target, "healthy": True, "state": "accepted", "latency_ms": 3.2, "saw": "MSA|AA"}
    return {**told, **more}


AVAILABILITY: Json = {
    "compared": True,
    "before": 4,
    "lost": [],
    "appeared": ["tcp 0.0.0.0:9100 node_exporter"],
    "unreachable": [],
    "consented": ["avahi-daemon.service"],
}


def whole(host: int = 0, controls: int = 84, mode: str = "harden", run_id: str = RUN_ID) -> Json:
    """A result with everything that one can hold: waivers, what was available, and how its services answered."""
    made = result(host, controls, mode, run_id)
    used = [each["id"] for each in made["findings"] if each["result"] == "waived"]
    for each in made["findings"]:
        if each["id"] in used:
            each["waiver"] = {
                key: value for key, value in waiver().items() if key not in ("control", "used", "expired")
            }
    spare = waiver("banner_ssh", used=False, expires="2027-03-31", days_left=129, ticket="CHG-4712")
    over = waiver("sudo_use_pty", expired=True, expires="2026-11-20", days_left=-2, ticket="CHG-4001")
    return {
        **made,
        "waivers": [*(waiver(name) for name in used), spare, over],
        "availability": copy.deepcopy(AVAILABILITY),
        "probes": [probe(), probe("dicom_echo", "127.0.0.1:4242", healthy=host % 2 == 0, state="refused", saw="A700")],
        "guard": guard("confirmed", run_id),
    }
