# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other variables on an archive of each release: the pilot's CA, plaintext, certificates that end or have ended."""

from __future__ import annotations

from typing import Any, Iterator

import pytest
from outside import ADDRESSES, SENDER, SQLITE, dicom, each, failures, play, results, root, ssh, status

PILOT = "/etc/imaging-archive/pilot"
#: Nothing is given, and the control node, which has a certificate of the hospital's, does not ask.
PILOTED = {
    "imaging_archive_pilot_ca": True,
    "imaging_archive_probe": {},
    **{f"imaging_archive_{name}": "" for name in ("certificate", "private_key", "trusted_ca")},
}
WATCH = "systemctl start imaging-archive-certificates"


def converge(**variables: Any) -> dict[str, Any]:
    code, report = play("converge.yml", "--limit", ",".join(SQLITE), **variables)
    assert code == 0, [failures(report, archive) for archive in SQLITE]
    return report


@pytest.fixture(autouse=True, scope="module")
def _as_before() -> Iterator[None]:
    yield
    converge()
    assert set(each(lambda archive: dicom("echoscu", archive, "CT1")[0], SQLITE).values()) == {0}


def state(archive: str) -> str:
    """What is written and what runs."""
    files = "find /etc/imaging-archive /etc/systemd/system -type f -exec sha256sum {} + | sort"
    return root(archive, f"{files}; systemctl show --property MainPID --value orthanc nginx")


def serial(archive: str) -> str:
    """Of the certificate that nginx shows."""
    shown = f"openssl s_client -connect {ADDRESSES[archive]}:443 < /dev/null 2> /dev/null"
    return root(archive, f"{shown} | openssl x509 -noout -serial")


def hand_over(archive: str) -> None:
    """What the pilot's CA issued is on the sending host."""
    for source, name in (("issued/scanner.pem", "pem"), ("issued/scanner.pem.key", "key"), ("pilot-ca.pem", "ca.pem")):
        text = root(archive, f"cat {PILOT}/{source}")
        root(SENDER, f"cat > /srv/test/pki/{archive}-pilot.{name} << 'END'\n{text}\nEND")
        root(SENDER, f"chown automation /srv/test/pki/{archive}-pilot.{name}")


def renewals(report: dict[str, Any], archive: str) -> str:
    """What was told to be renewed, in warnings or in the message of a refusal."""
    told = [str(result.get(key)) for _task, result in results(report, archive) for key in ("warnings", "msg")]
    return "\n".join(text for text in told if "RENEW" in text)


def test_an_expired_certificate_is_refused_and_nothing_is_changed() -> None:
    before = each(state, SQLITE)
    expired = {"certificate": "/srv/test/pki/expired.pem", "private_key": "/srv/test/pki/expired.key"}
    given = {f"imaging_archive_{name}": path for name, path in expired.items()}
    code, report = play("converge.yml", "--limit", ",".join(SQLITE), **given)
    assert code == 2
    for archive in SQLITE:
        assert "/srv/test/pki/expired.pem: expired, and nothing was changed" in failures(report, archive)
        # The authority has a month: that is told beside it.
        assert f"RENEW /etc/ssl/private/ca.pem on {archive}: 29 days left" in renewals(report, archive)
    assert each(state, SQLITE) == before


def test_the_host_itself_tells_of_one_that_ends_soon() -> None:
    """The archives' own have 20 days, and 30 are asked for."""
    for archive in SQLITE:
        assert root(archive, "systemctl is-enabled imaging-archive-certificates.timer") == "enabled"
        assert ssh(archive, f"sudo -n {WATCH}").returncode != 0
        root(archive, "systemctl reset-failed imaging-archive-certificates")


def test_a_pilot_has_a_small_ca_of_its_own() -> None:
    report = converge(**PILOTED)
    each(hand_over, SQLITE)
    for archive in SQLITE:
        pilot = f"{archive}-pilot"
        code, said = dicom("echoscu", archive, "CT1", tls=pilot, ca=f"{pilot}.ca")
        assert (code, "Received Echo Response (Success)" in said) == (0, True), said
        assert dicom("echoscu", archive, "CT1", ca=f"{pilot}.ca")[0] != 0, "the hospital's CA is still trusted"
        assert root(archive, f"stat -c '%a %U' {PILOT} {PILOT}/pilot-ca.key").split() == ["700", "root", "600", "root"]
        assert renewals(report, archive) == ""
        root(archive, WATCH)


def test_what_the_pilot_issued_is_renewed_and_without_tls_only_declared_peers_get_in() -> None:
    before = each(serial, SQLITE)
    # The pilot's certificates have 397 days, so that 398 are always too few.
    due = {"imaging_archive_certificate_warn_days": 398}
    # Without TLS, it does ask.
    report = converge(
        imaging_archive_dicom_tls=False, **{**PILOTED, **due, "imaging_archive_probe": {"aet": "HEALTHPROBE"}}
    )
    now = each(serial, SQLITE)
    for archive in SQLITE:
        assert f"RENEW {PILOT}/archive.pem on {archive}: 39" in renewals(report, archive)
        assert now[archive] != before[archive]
        assert status(archive)["answers"]
        assert dicom("echoscu", archive, "CT1", tls="")[0] == 0
        assert dicom("echoscu", archive, "CT9", tls="")[0] != 0
        assert dicom("echoscu", archive, "HEALTHPROBE", tls="")[0] != 0, "from another address"
        assert dicom("echoscu", archive, "CT1", tls="sender")[0] != 0
