# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a FHIR server says about itself: its CapabilityStatement, and never a search. Private to the collection."""

from __future__ import annotations

import http.client
import io
import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple
from urllib.parse import SplitResult, urljoin, urlsplit

from .._errors import ClinicalError
from .answer import Answer, PeerFailure, Verdict, answer
from .connection import Connection, Deadline, Endpoint, Tls, client_context, connect, unexpected

STATES = ("ready", "wrong_version", "rejecting", "unavailable", "redirected")
HEALTHY = ("ready",)
QUERY = "metadata?_summary=true"
ACCEPT = "application/fhir+json"
#: What the status line and the headers may need beside the answer itself.
HEADERS_LIMIT = 64 * 1024
REDIRECTS = 3
PORTS = {"http": 80, "https": 443}
VERSION = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?(-[A-Za-z0-9.]{1,20})?")
TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Request:
    """What to ask whom. ``fhir_version`` is a whole version or its beginning; a token comes from a file only."""

    base: str
    tls: Tls
    timeout: float
    max_answer: int
    fhir_version: str
    token: str = ""

    @property
    def target(self) -> str:
        return f"{self.base.rstrip('/')}/metadata"


@dataclass(frozen=True)
class Reply:
    status: int
    location: str
    body: bytes


def read_token(path: str) -> str:
    """The token in a file, which nothing but the request ever sees."""
    try:
        with open(path, encoding="ascii") as file:
            token = file.read(64 * 1024).strip()
    except OSError as error:
        raise ClinicalError(
            "Reading the token", path, error.strerror or "it failed", "It must be on this host."
        ) from None
    except ValueError:
        token = ""
    if not TOKEN.fullmatch(token):
        raise ClinicalError("Reading the token", path, "it is not one line of ASCII", "Put the bare token there.")
    return token


def check(request: Request) -> SplitResult:
    """Refuse an address that is none, that carries a secret itself, or to which a token would go for all to read."""
    try:
        parts = urlsplit(request.base)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[^\x21-\x7e]", request.base):
        raise ClinicalError("Probing", "the FHIR server", "its base is not a URL", "Give https://HOST/PATH.")
    if parts.username is not None or parts.query or parts.fragment:
        saw = "its base has credentials, a query or a fragment"
        raise ClinicalError("Probing", "the FHIR server", saw, "Credentials belong into token_path.")
    if request.token and parts.scheme == "http" and not _own(parts.hostname or ""):
        raise ClinicalError("Sending the token to", request.base, "it would travel in clear text", "Use https.")
    return parts


def _own(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def probe(request: Request) -> Answer:
    """Ask once, bounded in time and memory whatever the peer does."""
    parts = check(request)
    context = client_context(request.tls) if parts.scheme == "https" else None
    deadline = Deadline(request.timeout)
    try:
        verdict = judge(_ask(request, context, deadline), request.fhir_version)
    except PeerFailure as failure:
        verdict = failure.verdict
    return answer(verdict, HEALTHY, deadline.elapsed_ms(), request.target)


def _ask(request: Request, context: Any, deadline: Deadline) -> Reply:
    """Follow the server to other places of its own, and never to another server: it would get our credentials."""
    url = f"{request.base.rstrip('/')}/{QUERY}"
    for _hop in range(REDIRECTS + 1):
        reply = _get(url, request, context, deadline)
        if reply.status not in (301, 302, 303, 307, 308):
            return reply
        further = _joined(url, reply.location)
        if _origin(further) != _origin(url):
            raise PeerFailure("redirected", f"{reply.status}, to another server, which is not followed")
        url = further
    raise PeerFailure("redirected", f"more than {REDIRECTS} times, within itself")


def _joined(url: str, location: str) -> str:
    try:
        further = urljoin(url, location)
        _origin(further)
    except ValueError:
        further = ""
    if not further or re.search(r"[^\x21-\x7e]", further):
        raise PeerFailure("garbage", "it redirects to something that is no address")
    return further


def _origin(url: str) -> Tuple[str, str, int]:
    parts = urlsplit(url)
    return (parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0))


def _get(url: str, request: Request, context: Any, deadline: Deadline) -> Reply:
    parts = urlsplit(url)
    scheme, host, port = _origin(url)
    peer = Endpoint(host, port)
    with connect(peer, context, request.tls, deadline) as connection:
        named = str(peer) if port != PORTS[scheme] else str(peer).rpartition(":")[0]
        connection.send(_request(parts, named, request.token))
        return _reply(connection, request.max_answer)


def _request(parts: SplitResult, host: str, token: str) -> bytes:
    lines = [
        f"GET {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1",
        f"Host: {host}",
        f"Accept: {ACCEPT}",
        "User-Agent: healthops-clinical-probe",
        "Connection: close",
        *([f"Authorization: Bearer {token}"] if token else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class _Stream(io.RawIOBase):
    """The bytes of a connection for http.client to read: each read within the deadline, all of them within a limit."""

    def __init__(self, connection: Connection, limit: int) -> None:
        super().__init__()
        self._connection = connection
        self._left = limit
        self.first = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            raise PeerFailure("oversized", "its answer is larger than max_answer")
        try:
            data = self._connection.receive(min(len(buffer), self._left))
        except PeerFailure as failure:
            # The end of an answer may be that the peer closes; http.client knows whether it is.
            if failure.verdict.state == "closed" and self._connection.received:
                return 0
            raise
        self.first = self.first or data[:64]
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def makefile(self, *_arguments: Any, **_named: Any) -> io.BufferedReader:
        """What http.client asks a socket for."""
        return io.BufferedReader(self)


def _reply(connection: Connection, limit: int) -> Reply:
    stream = _Stream(connection, limit + HEADERS_LIMIT)
    response = http.client.HTTPResponse(stream, method="GET")  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read(limit + 1)
    except http.client.IncompleteRead:
        raise PeerFailure("closed", "it closed the connection in the middle of an answer") from None
    except (http.client.HTTPException, ValueError):
        raise unexpected(b"" if stream.first.startswith(b"HTTP/") else stream.first, "HTTP") from None
    if len(body) > limit:
        raise PeerFailure("oversized", f"its answer is larger than {limit} bytes")
    if response.length:
        raise PeerFailure("closed", "it closed the connection in the middle of an answer")
    return Reply(response.status, response.getheader("Location") or "", body)


def judge(reply: Reply, wanted_version: str) -> Verdict:
    """What the server's answer shows."""
    if reply.status in (401, 403):
        return Verdict("rejecting", f"{reply.status}: it does not accept our credentials, or misses them")
    if reply.status == 429 or reply.status >= 500:
        return Verdict("unavailable", f"{reply.status}")
    if reply.status != 200:
        return Verdict("wrong_peer", f"{reply.status} where a CapabilityStatement should be")
    statement = _object(reply.body)
    if statement is None:
        what = "HTML" if re.match(rb"\s*<(!doctype|html)", reply.body, re.IGNORECASE) else "no JSON object"
        return Verdict("wrong_peer", f"200, with {what}")
    if statement.get("resourceType") != "CapabilityStatement":
        return Verdict("wrong_peer", "200, with JSON that is no CapabilityStatement")
    return _judge_version(statement.get("fhirVersion"), wanted_version)


def _judge_version(seen: Any, wanted: str) -> Verdict:
    if not isinstance(seen, str) or not VERSION.fullmatch(seen):
        return Verdict("wrong_peer", "a CapabilityStatement without a version of FHIR")
    if seen != wanted and not seen.startswith((f"{wanted}.", f"{wanted}-")):
        return Verdict("wrong_version", f"a CapabilityStatement of FHIR {seen} where {wanted} is expected")
    return Verdict("ready", f"a CapabilityStatement of FHIR {seen}")


def _object(body: bytes) -> Optional[Dict[str, Any]]:
    try:
        # Numbers stay text: nobody needs them, and one of a million digits would take minutes to convert.
        found = json.loads(body, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
