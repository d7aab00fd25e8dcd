# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up but lifelike patch results, always the same for the same arguments."""

from __future__ import annotations

import typing as t

Json = t.Dict[str, t.Any]

RUN_ID = "20261125T080000Z-7b21"
DIGEST = f"sha256:{'3fa4c0d1' * 8}"
BEGAN, ENDED = "2026-11-25T08:00:03Z", "2026-11-25T08:00:41Z"


def change(name: str, old: str, new: str, severity: str = "unknown", left: int = 9, **more: t.Any) -> Json:
    day = 25 + left if left <= 5 else left - 5
    return {
        "name": name,
        "arch": "amd64",
        "change": "upgrade",
        "from": old,
        "to": new,
        "security": True,
        "why": ["a version in between is labelled Debian-Security"],
        "advisories": [],
        "cves": [],
        "severity": severity,
        "epss": None,
        "first_seen": "2026-11-20T08:00:00Z",
        "deadline": f"2026-{'11' if left <= 5 else '12'}-{day:02d}T08:00:00Z",
        "days_left": left,
        "restarts": [],
        "reboot": False,
        "download_bytes": 1_402_880,
        "origin": "Debian-Security:12/oldstable-security",
        "source": name,
        **more,
    }


OPENSSL = change(
    "libssl3",
    "3.0.15-1~deb12u1",
    "3.0.17-1~deb12u3",
    "kev",
    -2,
    cves=["CVE-2026-1001", "CVE-2026-1002"],
    epss=0.941,
    restarts=["nginx.service", "postgresql@15-main.service"],
    source="openssl",
)
KERNEL = change(
    "linux-image-6.1.0-41-amd64",
    "",
    "6.1.158-1",
    "high",
    5,
    change="install",
    cves=[f"CVE-2026-{number}" for number in range(2000, 2037)],
    reboot=True,
    source="linux",
)
NGINX = change("nginx", "1.22.1-9+deb12u2", "1.22.1-9+deb12u3", "medium", 26, cves=["CVE-2026-3001"])
TZDATA = change(
    "tzdata", "2025b-0+deb12u1", "2026a-0+deb12u1", "unknown", 25, security=False, origin="Debian:12/oldstable-updates"
)
HELD: Json = {
    **change("orthanc", "1.10.1+dfsg-2", "1.10.1+dfsg-2+deb12u1", "high", 4, cves=["CVE-2026-4001"]),
    "reason": "excluded: The vendor of the archive tests it first.",
    "expires": "2026-12-24",
}
SOURCE: Json = {
    "uri": "http://mirror.hospital.example/debian-security",
    "suite": "oldstable-security",
    "codename": "bookworm-security",
    "label": "Debian-Security",
    "origin": "Debian",
    "component": "main",
    "released": "2026-11-25T04:12:00Z",
    "age_days": 0,
    "stale": False,
    "security": True,
}
POLICY: Json = {
    "security_only": False,
    "exclude": [
        {"packages": ["orthanc*"], "reason": "The vendor tests it first.", "expires": "2026-12-24", "days_left": 29}
    ],
    "pin": [],
    "minimum_age": {"kev": 0, "critical": 0, "high": 0, "default": 3, "unknown": 3},
    "deadlines": {"kev": 3, "critical": 7, "high": 14, "default": 30, "unknown": 14},
    "allowed_origins": [],
    "epss_at_least": {},
}
APPROVAL: Json = {
    "digest": DIGEST,
    "approver": "Tomas Brandt, security officer",
    "expires": "2026-11-29T00:00:00Z",
    "ticket": "CHG-118",
    "sha256": "ab" * 32,
}


def plan(*changes: Json, **more: t.Any) -> Json:
    groups: Json = {group: [] for group in ("held", "phased", "excluded", "too_young", "not_allowed")}
    return {
        "digest": DIGEST,
        "verdict": "updates" if changes else "none",
        "unknown_because": [],
        "changes": list(changes),
        **groups,
        "sources": [SOURCE],
        "space": [{"path": "/boot", "free_bytes": 4 << 20, "needed_bytes": 1 << 20, "enough": True}],
        "reboot": {"needed": False, "why": []},
        "services": [],
        "own_will": [],
        "run": {},
        **more,
    }


def result(planned: Json, state: str = "planned", **more: t.Any) -> Json:
    """What the module and its action plugin return, as Ansible registers it; a plan alone is not below anything."""
    told = dict(planned) if state == "planned" else {"plan": planned}
    return {
        **told,
        "changed": state in ("applied", "rolled_back"),
        "check_mode": False,
        "run_id": RUN_ID,
        "state": state,
        "msg": f"{len(planned['changes'])} updates",
        "began": BEGAN,
        "ended": ENDED,
        "host": {"distribution": "Debian", "version": "12", "kernel": "6.1.0-40-amd64", "family": "debian"},
        "policy": POLICY,
        "advisories_as_of": {"debian_tracker": "2026-11-24T22:00:00Z", "cisa_kev": "2026-11-24T15:00:12Z"},
        "invocation": {"module_args": {"policy": {}}},
        **more,
    }


def fleet() -> t.Dict[str, Json]:
    """One host of each kind: far behind, up to date, unknown, with what is left out, and with old files in use."""
    return {
        "interface-engine-01": result(plan(OPENSSL, KERNEL, NGINX, TZDATA)),
        "interface-engine-02": result(plan(OPENSSL, NGINX, TZDATA)),
        "portal-01": result(plan()),
        "imaging-archive-01": result(plan(TZDATA, excluded=[HELD])),
        "log-host-01": result(
            plan(verdict="unknown", unknown_because=["the list of bookworm-security is 41 days old"], sources=[])
        ),
        "scheduling-db-01": result(
            plan(
                NGINX,
                reboot={"needed": True, "why": ["the kernel 6.1.0-40-amd64 runs, and 6.1.0-41-amd64 is installed"]},
                services=["postgresql@15-main.service"],
                own_will=["unattended-upgrades is enabled and would install updates at 06:00"],
            )
        ),
    }


def applied(run_stage: str = "", **more: t.Any) -> Json:
    run = {"run_id": RUN_ID, "stage": run_stage or ("broken" if more.get("failed") else "applied"), "why": ""}
    planned = plan(OPENSSL, NGINX, run={} if more.get("check_mode") else run)
    return result(planned, "applied", approval=APPROVAL, **more)


def rolled_back(**more: t.Any) -> Json:
    reopened = [{"name": "libssl3", "from": "2", "to": "1", "cves": OPENSSL["cves"], "advisories": []}]
    held = [{"name": "libssl3", "version": OPENSSL["to"], "until": "2026-12-09T08:00:00Z"}]
    beside = {"reopened": reopened, "held_until": held, "run": {"run_id": "20261124T220000Z-11aa"}}
    return result(plan(OPENSSL), "rolled_back", **{**beside, **more})
