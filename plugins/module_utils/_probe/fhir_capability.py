# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a FHIR server says about itself: its CapabilityStatement, and never a search."""

from __future__ import annotations

import http.client
import io
import ipaddress
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from .._errors import ClinicalError
from .connection import Connection, Deadline, Endpoint, Tls, client_context, connect, wrong_protocol
from .result import PeerFailure, ProbeResult, Verdict, probe_result

STATES = ("ready", "wrong_version", "rejecting", "unavailable", "redirected")
HEALTHY = ("ready",)
QUERY = "metadata?_summary=true"
ACCEPT = "application/fhir+json"
#: What the status line and the headers may need beside the answer itself.
HEADERS_LIMIT = 64 * 1024
REDIRECTS = 3
#: What a server may send before its answer, as often as it likes. 101 is none: it would go on in another protocol.
INTERIM = (100, 102, 103)
#: Encodings by their names in HTTP, with what zlib is told of their frame.
ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
PORTS = {"http": 80, "https": 443}
VERSION = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?(-[A-Za-z0-9.]{1,20})?")
TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class FhirCapabilityRequest:
    """One query for the CapabilityStatement of the server at ``base``.

    ``timeout`` is in seconds, ``max_answer`` in bytes. ``fhir_version`` is a whole version or its beginning; a token
    comes from a file only.
    """

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
class HttpResponse:
    """What of a response is judged; ``location`` is where a redirect leads, or empty."""

    status: int
    location: str
    body: bytes


def read_token(path: str) -> str:
    """Return the token in a file, which nothing but the request ever sees; raise ClinicalError where it is none."""
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


def check(request: FhirCapabilityRequest) -> SplitResult:
    """Return the parts of the base URL.

    Raise ClinicalError where it is none, carries a secret itself, or a token would go there for all to read.
    """
    try:
        parts = urlsplit(request.base)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[^\x21-\x7e]", request.base):
        raise ClinicalError("Probing", "the FHIR server", "its base is not a URL", "Give https://HOST/PATH.")
    if parts.username is not None or parts.query or parts.fragment:
        problem = "its base has credentials, a query or a fragment"
        raise ClinicalError("Probing", "the FHIR server", problem, "Credentials belong into token_path.")
    if request.token and parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise ClinicalError("Sending the token to", request.base, "it would travel in clear text", "Use https.")
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def probe(request: FhirCapabilityRequest) -> ProbeResult:
    """Ask for the CapabilityStatement once, bounded in time and memory whatever the peer does.

    Raise ClinicalError where the request cannot be sent from here.
    """
    parts = check(request)
    context = client_context(request.tls) if parts.scheme == "https" else None
    deadline = Deadline(request.timeout)
    try:
        verdict = judge(_fetch(request, context, deadline), request.fhir_version)
    except PeerFailure as failure:
        verdict = failure.verdict
    return probe_result(verdict, HEALTHY, deadline.elapsed_ms(), request.target)


def _fetch(request: FhirCapabilityRequest, context: Any, deadline: Deadline) -> HttpResponse:
    """Return the response, following redirects within the server: another one would get our credentials."""
    url = f"{request.base.rstrip('/')}/{QUERY}"
    for _hop in range(REDIRECTS + 1):
        response = _get(url, request, context, deadline)
        if response.status not in (301, 302, 303, 307, 308):
            return response
        next_url = _redirect_target(url, response.location)
        if _origin(next_url) != _origin(url):
            raise PeerFailure("redirected", f"{response.status}, to another server, which is not followed")
        url = next_url
    raise PeerFailure("redirected", f"more than {REDIRECTS} times, within itself")


def _redirect_target(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        _origin(target)
    except ValueError:
        target = ""
    if not target or re.search(r"[^\x21-\x7e]", target):
        raise PeerFailure("garbage", "it redirects to something that is no address")
    return target


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return (parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0))


def _get(url: str, request: FhirCapabilityRequest, context: Any, deadline: Deadline) -> HttpResponse:
    parts = urlsplit(url)
    scheme, host, port = _origin(url)
    peer = Endpoint(host, port)
    with connect(peer, context, request.tls, deadline) as connection:
        host_header = str(peer) if port != PORTS[scheme] else str(peer).rpartition(":")[0]
        connection.send(_request_head(parts, host_header, request.token))
        return _response(connection, request.max_answer)


def _request_head(parts: SplitResult, host: str, token: str) -> bytes:
    query = f"?{parts.query}" if parts.query else ""
    lines = [
        f"GET {parts.path or '/'}{query} HTTP/1.1",
        f"Host: {host}",
        f"Accept: {ACCEPT}",
        "Accept-Encoding: identity",
        "User-Agent: healthops-clinical-probe",
        "Connection: close",
    ]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class _FinalResponse(http.client.HTTPResponse):
    """The response behind all that may come before it: 100 (Continue), 102 (Processing), 103 (Early Hints)."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status not in INTERIM:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _Stream(io.RawIOBase):
    """The bytes of a connection for http.client to read: each read within the deadline, all of them within a limit."""

    def __init__(self, connection: Connection, limit: int) -> None:
        super().__init__()
        self._connection = connection
        self._remaining = limit
        self.first = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._remaining <= 0:
            raise PeerFailure("oversized", "its answer is larger than max_answer")
        try:
            data = self._connection.receive(min(len(buffer), self._remaining))
        except PeerFailure as failure:
            # The end of an answer may be that the peer closes; http.client knows whether it is.
            if failure.verdict.state == "closed" and self._connection.received:
                return 0
            raise
        self.first = self.first or data[:64]
        self._remaining -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def makefile(self, *_arguments: Any, **_options: Any) -> io.BufferedReader:
        """Return a reader of itself, as http.client asks a socket for one."""
        return io.BufferedReader(self)


def _response(connection: Connection, limit: int) -> HttpResponse:
    stream = _Stream(connection, limit + HEADERS_LIMIT)
    response = _FinalResponse(stream, method="GET")  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read(limit + 1)
    except http.client.RemoteDisconnected:
        raise PeerFailure("closed", "it closed the connection before its answer") from None
    except http.client.IncompleteRead:
        raise PeerFailure("closed", "it closed the connection in the middle of an answer") from None
    except (http.client.HTTPException, ValueError):
        raise wrong_protocol(b"" if stream.first.startswith(b"HTTP/") else stream.first, "HTTP") from None
    if len(body) > limit:
        raise PeerFailure("oversized", f"its answer is larger than {limit} bytes")
    if response.length:
        raise PeerFailure("closed", "it closed the connection in the middle of an answer")
    plain = _decoded(body, response.getheader("Content-Encoding") or "", limit)
    return HttpResponse(response.status, response.getheader("Location") or "", plain)


def _decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """Return a body without the encoding that a server or a proxy gave it although nobody asked; at most ``limit``.

    Raises PeerFailure for an encoding that we do not know, and for a body that is not what its encoding says.
    """
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        if name == "identity":
            continue
        if name not in ENCODINGS:
            raise PeerFailure("wrong_peer", "its answer is compressed in a way that we neither know nor asked for")
        decoder = zlib.decompressobj(ENCODINGS[name])
        try:
            body = decoder.decompress(body, limit + 1)
        except zlib.error:
            raise PeerFailure("garbage", "its answer says that it is compressed, and is not") from None
        if len(body) > limit:
            raise PeerFailure("oversized", f"its answer is larger than {limit} bytes, uncompressed")
        if not decoder.eof:
            raise PeerFailure("closed", "its compressed answer ends in the middle")
    return body


def judge(response: HttpResponse, wanted_version: str) -> Verdict:
    """Return what the server's response shows, where this version of FHIR is wanted."""
    if response.status in (401, 403):
        return Verdict("rejecting", f"{response.status}: it does not accept our credentials, or misses them")
    if response.status == 429 or response.status >= 500:
        return Verdict("unavailable", f"{response.status}")
    if response.status != 200:
        return Verdict("wrong_peer", f"{response.status} where a CapabilityStatement should be")
    statement = _object(response.body)
    if statement is None:
        content = "HTML" if re.match(rb"\s*<(!doctype|html)", response.body, re.IGNORECASE) else "no JSON object"
        return Verdict("wrong_peer", f"200, with {content}")
    if statement.get("resourceType") != "CapabilityStatement":
        return Verdict("wrong_peer", "200, with JSON that is no CapabilityStatement")
    return _judge_version(statement.get("fhirVersion"), wanted_version)


def _judge_version(version: Any, wanted: str) -> Verdict:
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        return Verdict("wrong_peer", "a CapabilityStatement without a version of FHIR")
    if version != wanted and not version.startswith((f"{wanted}.", f"{wanted}-")):
        return Verdict("wrong_version", f"a CapabilityStatement of FHIR {version} where {wanted} is expected")
    return Verdict("ready", f"a CapabilityStatement of FHIR {version}")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        # Numbers stay text: nobody needs them, and one of a million digits would take minutes to convert.
        document = json.loads(body, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    if isinstance(document, dict):
        return document
    return None
