# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changes behind our back is in the next audit's evidence, and gone once it is configured again."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import configured

HOSTS = configured.hosts()
SECRET = "PLANTED-SECRET-7f1c"
EVIDENCE = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "evidence")
#: What somebody does as root, and what is then otherwise: subject, entry, and what it was set to.
BEHIND = [
    ("echo '# by hand' >> /etc/nginx/conf.d/clinic.conf", ("file /etc/nginx/conf.d/clinic.conf", "content"), ""),
    ("chmod 666 /etc/clinic/worker.json", ("file /etc/clinic/worker.json", "mode"), "0640"),
    ("chown nobody /usr/local/libexec/clinic-worker", ("file /usr/local/libexec/clinic-worker", "owner"), "root:root"),
    ("printf KNOWN-TO-OTHERS > /etc/clinic/secret", ("file /etc/clinic/secret", "content not shown"), "as configured"),
    ("ln -s /dev/null /etc/nginx/sites-enabled/default", ("file /etc/nginx/sites-enabled/default", "kind"), "absent"),
    (
        'python3 -c \'import os; os.removexattr("/var/lib/clinic", "system.posix_acl_access")\'',
        ("file /var/lib/clinic", "ACL"),
        "user::rwx user:www-data:r-x group::r-x mask::r-x other::---",
    ),
    ("systemctl stop clinic-worker", ("unit clinic-worker.service", "state"), "started"),
    ("systemctl disable --quiet haproxy", ("unit haproxy.service", "at boot"), "enabled"),
    ("nft delete table inet clinic", ("unit clinic-door.service", "table"), "inet clinic"),
]


def play(playbook: str, **variables: Any) -> str:
    """Return what a play says that ends well."""
    argv = ["ansible-playbook", "-i", str(configured.INVENTORY), playbook, "-e", json.dumps(variables)]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return done.stdout


def audited(run_id: str) -> dict[str, Any]:
    """Return the bundle of an audit of both hosts."""
    play(
        "healthops.clinical.audit",
        run_targets="test_hosts",
        run_id=run_id,
        run_evidence_dir=str(EVIDENCE),
        hardening_tier="essential",
    )
    return dict(json.loads((EVIDENCE / run_id / "run.json").read_text("utf-8")))


def drift_of(run: dict[str, Any], host: str) -> dict[tuple[str, str], dict[str, Any]]:
    (system,) = run["hosts"][host]["configurations"]
    assert (system["name"], system["errors"]) == ("clinic", [])
    return {(item["subject"], item["entry"]): item for item in system["drift"]}


def result_of(run: dict[str, Any], host: str) -> str:
    findings = {finding["id"]: finding for finding in run["hosts"][host]["findings"]}
    return str(findings["configuration_clinic"]["result"])


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def test_an_audit_names_what_was_changed_behind_our_back_until_it_is_configured_again() -> None:
    for host in HOSTS:
        host.root("; ".join(command for command, _named, _set in BEHIND))
    before = [host.state() for host in HOSTS]
    run = audited("drift-much")
    assert [host.state() for host in HOSTS] == before
    for host in HOSTS:
        drift = drift_of(run, host.name)
        assert result_of(run, host.name) == "fail"
        expected = {named for _command, named, _set in BEHIND} | {("unit nginx.service", "settings")}
        assert set(drift) == expected
        for _command, named, value in BEHIND:
            assert drift[named]["set"] == value or (not value and drift[named]["set"].startswith("sha256 "))
            assert drift[named]["reason"] == "changed by somebody since"
            assert named[0].startswith("unit") or drift[named]["since"]
    report = (EVIDENCE / "drift-much" / "report.html").read_text("utf-8")
    assert 'id="drift"' in report
    kept = b"".join(_content(path) for path in EVIDENCE.rglob("*") if path.is_file())
    assert b"clinic-worker.service" in kept
    assert SECRET.encode() not in kept
    assert b"KNOWN-TO-OTHERS" not in kept
    assert configured.begin(drill_answer="first").end().count("failed=0") >= len(HOSTS)
    run = audited("drift-mended")
    for host in HOSTS:
        assert (drift_of(run, host.name), result_of(run, host.name)) == ({}, "pass")
        assert host.pages() == dict.fromkeys(configured.PORTS, "first")
    play("healthops.clinical.verify_evidence", evidence_dir=str(EVIDENCE))


def test_whom_the_list_lets_in_gets_in() -> None:
    for host in HOSTS:
        host.root("touch /var/lib/clinic/queue; runuser -u www-data -- ls /var/lib/clinic; rm /var/lib/clinic/queue")
        refused = host.root("runuser -u nobody -- ls /var/lib/clinic 2>&1 || true")
        assert "Permission denied" in refused


def test_what_was_confirmed_goes_by_the_rollback_alone_and_with_the_hardening_before_it() -> None:
    before = [host.state() for host in HOSTS]
    play(str(configured.SCENARIO / "harden.yml"), clinic_run_id="one", drill_answer="second", clinic_confirm_within=0)
    both = [host.state() for host in HOSTS]
    assert [host.page(8080) for host in HOSTS] == ["second", "second"]
    back = {"run_targets": "test_hosts", "run_evidence_dir": str(EVIDENCE)}
    play("healthops.clinical.rollback", run_id="two", hardening_revert_run="one-clinic", **back)
    for host, earlier, hardened in zip(HOSTS, before, both):
        assert host.page(8080) == "first"
        assert host.state() not in (earlier, hardened)  # the hardening stays
    play("healthops.clinical.rollback", run_id="three", hardening_revert_run="two", **back)
    assert [host.page(8080) for host in HOSTS] == ["second", "second"]
    play(
        "healthops.clinical.rollback",
        run_id="four",
        hardening_revert_run="one",
        hardening_revert_later_runs=True,
        **back,
    )
    for host, earlier in zip(HOSTS, before):
        assert host.state() == earlier, host.name
        assert host.pages() == dict.fromkeys(configured.PORTS, "first")


def test_a_task_cannot_take_back_what_was_confirmed_and_is_told_who_can() -> None:
    output = configured.begin(drill_answer="second", clinic_confirm_within=60, clinic_run_id="kept").end()
    assert output.count("failed=0") >= len(HOSTS), output[-3000:]
    assert [host.page(8080) for host in HOSTS] == ["second", "second"]
    argv = ["ansible", "test_hosts", "-i", str(configured.INVENTORY), "-m", "healthops.clinical.service_config"]
    argv += ["-a", "name=clinic state=reverted run_id=kept-clinic"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0
    assert "it was confirmed already" in done.stdout
    assert "healthops.clinical.rollback of the run kept-clinic" in done.stdout
    assert [host.page(8080) for host in HOSTS] == ["second", "second"]
    back = {"run_targets": "test_hosts", "run_evidence_dir": str(EVIDENCE)}
    play("healthops.clinical.rollback", run_id="unkept", hardening_revert_run="kept", **back)  # the play's id alone
    assert [host.pages() for host in HOSTS] == [dict.fromkeys(configured.PORTS, "first")] * len(HOSTS)
