# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the certificates of a configuration are valid, as openssl says it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._configuration import manifest
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.certificates import (
    read_before,
    read_certificates,
    renewal_warnings,
)
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.model import WantedCertificates, parse
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.plan import plan
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.configuration import OPENSSL
from fake_host import FakeHost

PORTAL = "/etc/ssl/portal.pem"


@pytest.fixture(name="host")
def fixture_host() -> FakeHost:
    host = FakeHost()
    host.programs.add("openssl")
    return host


def lay(host: FakeHost, path: str, days: float) -> None:
    """Put a certificate there that ends in so many days."""
    end = datetime.fromtimestamp(host.now(), timezone.utc) + timedelta(days=days)
    host.add_file(path, "-----BEGIN CERTIFICATE-----\n")
    say(host, path, f"notAfter={end:%Y-%m-%d %H:%M:%S}Z\n")


def say(host: FakeHost, path: str, out: str, err: str = "") -> None:
    argv = (OPENSSL, "x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", path)
    host.answers[argv] = CommandResult(argv, 1 if err else 0, out, err)


@pytest.mark.parametrize(
    ("days", "left", "state"),
    [(364.5, 364, "valid"), (30.0, 30, "valid"), (29.9, 29, "due"), (0.5, 0, "due"), (-0.5, -1, "expired")],
)
def test_whole_days_are_left_and_below_none_it_has_expired(host: FakeHost, days: float, left: int, state: str) -> None:
    lay(host, PORTAL, days)
    (found,) = read_certificates(host, WantedCertificates((PORTAL,), renew_days=30), [PORTAL])
    assert (found["path"], found["days_left"], found["state"]) == (PORTAL, left, state)


def test_a_moment_is_told_in_utc(host: FakeHost) -> None:
    host.add_file(PORTAL, "")
    say(host, PORTAL, "notAfter=2099-12-05 07:30:05Z\n")
    (found,) = read_certificates(host, WantedCertificates((PORTAL,)), [PORTAL])
    assert found["ends"] == "2099-12-05 07:30:05"
    assert renewal_warnings([{**found, "state": "due", "days_left": 3}], "portal1") == [
        f"RENEW {PORTAL} on portal1: 3 days left, until 2099-12-05 07:30:05 UTC."
    ]


def test_what_is_no_certificate_is_named(host: FakeHost) -> None:
    host.add_file(PORTAL, "key\n")
    say(host, PORTAL, "", "unable to load certificate\n")
    with pytest.raises(ClinicalError, match=rf"Reading the certificate {PORTAL}: unable to load certificate"):
        read_certificates(host, WantedCertificates((PORTAL,)), [PORTAL])


def test_one_that_nobody_brings_is_missed_before_anything_is_changed(host: FakeHost) -> None:
    wanted = WantedCertificates((PORTAL,))
    assert read_before(host, wanted, {PORTAL}, more_come=False) == []
    assert read_before(host, wanted, set(), more_come=True) == []
    with pytest.raises(ClinicalError, match=rf"certificate {PORTAL}: it is not there, and nothing was changed"):
        plan(host, parse({"name": "portal", "certificates": {"paths": [PORTAL]}}), manifest.load(host, "portal"))
    lay(host, PORTAL, 90)
    host.programs.remove("openssl")
    assert read_before(host, wanted, set(), more_come=False) == []


def test_one_that_the_run_replaces_is_read_once_it_is_there(host: FakeHost) -> None:
    lay(host, PORTAL, -2)
    wanted = WantedCertificates((PORTAL,), required=True)
    assert read_before(host, wanted, {PORTAL}, more_come=False) == []


def test_with_a_required_one_that_has_expired_nothing_is_configured(host: FakeHost) -> None:
    lay(host, PORTAL, -2)
    lay(host, "/etc/ssl/ca.pem", 9)
    paths = (PORTAL, "/etc/ssl/ca.pem")
    assert [found["state"] for found in read_before(host, WantedCertificates(paths), (), more_come=False)] == [
        "expired",
        "due",
    ]
    certificates = {"paths": paths, "renew_days": 30, "required": True, "host_name": "portal1"}
    with pytest.raises(ClinicalError, match=rf"certificate {PORTAL}: expired, and nothing was changed") as refused:
        plan(host, parse({"name": "portal", "certificates": certificates}), manifest.load(host, "portal"))
    assert "RENEW /etc/ssl/ca.pem on portal1: 9 days left" in str(refused.value)
