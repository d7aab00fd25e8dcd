# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the certificates end that a configuration watches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .._errors import ClinicalError
from .._host.door import Host
from .._text.lines import split_lines
from .._vocabulary.configuration import OPENSSL, SECONDS_A_DAY
from .model import WantedCertificates

VALID, DUE, EXPIRED = "valid", "due", "expired"
_CONFIGURING = "Configuring with the certificate"
_END = "notAfter="


def read_before(
    host: Host, wanted: WantedCertificates, changed: Collection[str], more_come: bool
) -> list[dict[str, Any]]:
    """Return what :func:`read_certificates` says of those that the run neither brings nor changes.

    ``changed`` are the paths that it writes. With ``more_come`` packages or other tasks may bring further ones. Raises
    ClinicalError where one is missing that nobody brings, and where nobody could be served because a certificate that
    is required has ended.
    """
    staying = [path for path in wanted.paths if path not in changed]
    missing = [path for path in staying if host.stat(host.resolve(path)) is None]
    if missing and not more_come:
        problem = "it is not there, and nothing was changed"
        raise ClinicalError(
            _CONFIGURING, ", ".join(missing), problem, "Put it there in PEM, or have the role write it."
        )
    if host.which(OPENSSL) is None:
        return []
    certificates = read_certificates(host, wanted, [path for path in staying if path not in missing])
    ended = [certificate["path"] for certificate in certificates if certificate["state"] == EXPIRED]
    if ended and wanted.required:
        problem = "expired, and nothing was changed. Nobody would be let in with it"
        advice = " ".join(["Put a valid one there.", *renewal_warnings(certificates, wanted.host_name)])
        raise ClinicalError(_CONFIGURING, ", ".join(ended), problem, advice)
    return certificates


def read_certificates(host: Host, wanted: WantedCertificates, paths: Sequence[str]) -> list[dict[str, Any]]:
    """Return ``path``, ``ends`` (UTC), ``days_left`` (whole days) and ``state`` of those at the paths.

    Raises ClinicalError for what is no certificate.
    """
    return [_certificate(host, path, wanted.renew_days) for path in paths]


def renewal_warnings(certificates: Sequence[Mapping[str, Any]], host_name: str) -> list[str]:
    """Return a warning for each certificate that has to be renewed soon."""
    due = [certificate for certificate in certificates if certificate["state"] == DUE]
    where = f" on {host_name}" if host_name else ""
    return [f"RENEW {it['path']}{where}: {it['days_left']} days left, until {it['ends']} UTC." for it in due]


def _certificate(host: Host, path: str, renew_days: int) -> dict[str, Any]:
    end = _end_of(host, path)
    days = int((end.timestamp() - host.now()) // SECONDS_A_DAY)
    return {
        "path": path,
        "ends": f"{end:%Y-%m-%d %H:%M:%S}",
        "days_left": days,
        "state": _state(days, renew_days),
    }


def _state(days: int, renew_days: int) -> str:
    if days < 0:
        return EXPIRED
    return DUE if days < renew_days else VALID


def _end_of(host: Host, path: str) -> datetime:
    """Return the moment at which a certificate ends."""
    done = host.run([OPENSSL, "x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", path])
    text = next((line[len(_END) :] for line in split_lines(done.out) if line.startswith(_END)), "")
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise ClinicalError("Reading the certificate", path, done.complaint, "Give it as PEM.") from None
