# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals: which set of changes somebody let through, on which host, and until when.

An approval is a file that a person fills in. It names each host's digest, so what it lets through is exactly what was
seen, and a host that has moved on since needs a new one. The playbook that plans writes the file with everything but
the name and the end, which only a person can give.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import format_stamp
from ansible_collections.healthops.clinical.plugins.plugin_utils._data import strict_yaml
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import (
    Field,
    Place,
    Problem,
    Problems,
    check,
    nearest,
    show,
)

Json = dict[str, Any]

#: The longest that an approval may still last: what was looked at longer ago was looked at with other advisories.
MOST_DAYS = 31

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_FORMS = ("%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ")
_FIELDS = {
    "approver": Field("str", True),
    "expires": Field("str", True),
    "ticket": Field("str"),
    "comment": Field("str"),
    "hosts": Field("map", True),
}


@dataclass(frozen=True)
class Approval:
    """What was let through on one host. ``sha256`` is that of the file, so that evidence names exactly this one."""

    digest: str
    approver: str
    expires: str
    ticket: str
    sha256: str

    def as_result(self) -> Json:
        """Return the approval as evidence shows it."""
        return {
            "digest": self.digest,
            "approver": self.approver,
            "expires": self.expires,
            "ticket": self.ticket,
            "sha256": self.sha256,
        }


def approved(path: Path, host: str, now: datetime) -> Approval:
    """Return the approval of one host. Raises ClinicalError where there is none, or none any more."""
    data, checksum = _read(path, now)
    hosts = data["hosts"]
    if host not in hosts:
        raise _refused(path, f"it does not name the host {host}{nearest(host, hosts)}")
    ends = _check_not_over(path, data, now)
    return Approval(
        digest=hosts[host],
        approver=data["approver"].strip(),
        expires=format_stamp(ends),
        ticket=data.get("ticket", "").strip(),
        sha256=checksum,
    )


def check_file(path: Path, now: datetime) -> None:
    """Raise ClinicalError where a file of approvals lets no host through, whatever its hosts are."""
    data, _checksum = _read(path, now)
    _check_not_over(path, data, now)


def _check_not_over(path: Path, data: Json, now: datetime) -> datetime:
    """Return the moment at which the approvals end. Raises ClinicalError where that is over."""
    ends = _end(data["expires"])
    if ends is None or ends <= now:
        raise _refused(path, f"it ended on {data['expires']}; {data['approver']} gave it")
    return ends


def _read(path: Path, now: datetime) -> tuple[Json, str]:
    problems = Problems()
    try:
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        data = strict_yaml.read(path)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    except strict_yaml.BadYaml as error:
        problems.add(Problem(str(path), error.line, "", error.key, error.fault))
        problems.raise_if_any("Reading", "the approvals", _TRY)
        raise
    place = Place(path, "")
    if check(data, _FIELDS, place, problems):
        _check_hosts(data, place, problems)
        _check_end(data, now, place, problems)
    problems.raise_if_any("Reading", "the approvals", _TRY)
    return data, checksum


_TRY = "Nothing was changed on any host. Correct the file, or have it approved, and run again."


def _refused(path: Path, problem: str) -> ClinicalError:
    return ClinicalError("Reading", f"the approvals in {path}", problem, _TRY)


def _check_hosts(data: Json, place: Place, problems: Problems) -> None:
    hosts = data["hosts"]
    if not hosts:
        problems.add(place.problem(data, "hosts", "saw no host", "host: digest"))
    for host, digest in hosts.items():
        if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            inside = Place(place.file, place.owner, "hosts.")
            problems.add(inside.problem(hosts, host, f"saw {show(digest)}", "the digest of a plan, sha256:..."))


def _check_end(data: Json, now: datetime, place: Place, problems: Problems) -> None:
    ends, problem = _end(data["expires"]), f"saw {show(data['expires'])}"
    if ends is None:
        allowed = "a day, YYYY-MM-DD, or a time in UTC, YYYY-MM-DDTHH:MMZ"
        problems.add(place.problem(data, "expires", problem, allowed))
    elif ends > now + timedelta(days=MOST_DAYS + 1):
        problems.add(place.problem(data, "expires", problem, f"{MOST_DAYS} days from now at the latest"))


def _end(text: str) -> datetime | None:
    """Return the moment after which it holds no longer; a day holds to its end, in UTC. None where it is neither."""
    for form in _FORMS:
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
        return moment + timedelta(days=1) if form == _FORMS[0] else moment
    return None
