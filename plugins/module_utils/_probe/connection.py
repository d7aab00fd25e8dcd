# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to a peer that is not trusted: a single deadline over all of it, TLS, and failures in plain words."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from .._errors import ClinicalError
from .peer_kind import peer_kind
from .result import PeerFailure

if TYPE_CHECKING:
    import ssl

CHUNK_SIZE = 16 * 1024


class Deadline:
    """One budget of seconds for everything: the name, the connection, TLS, sending, and however many reads."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._began = time.monotonic()

    def remaining(self) -> float:
        """Return the seconds that remain. Never 0, which would make a socket not wait at all."""
        return max(0.001, self._began + self.seconds - time.monotonic())

    def passed(self) -> bool:
        """Return whether no time remains."""
        return time.monotonic() >= self._began + self.seconds

    def elapsed_ms(self) -> float:
        """Return the milliseconds since the deadline was set, to the microsecond."""
        return round((time.monotonic() - self._began) * 1000, 3)


@dataclass(frozen=True)
class Endpoint:
    """Where the peer listens."""

    host: str
    port: int

    def __str__(self) -> str:
        if ":" in self.host:
            return f"[{self.host}]:{self.port}"
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Tls:
    """How the peer is recognised, and by what it recognises us. Without ``ca_path`` the system's authorities count."""

    ca_path: str = ""
    client_cert: str = ""
    client_key: str = ""
    server_name: str = ""


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or newer that verifies the peer's certificate and name.

    Raise ClinicalError where a file cannot be used. It is the same on every version of Python:
    ``ssl.create_default_context`` is stricter about authorities from 3.13 on, so that one peer would be fine on one
    host and not on another.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if not tls.ca_path:
            context.load_default_certs()
        elif os.path.isdir(tls.ca_path):
            context.load_verify_locations(capath=tls.ca_path)
        else:
            context.load_verify_locations(cafile=tls.ca_path)
    except (OSError, ValueError) as error:
        raise _unusable("authorities", tls.ca_path, error, "Give ca_path certificates in PEM form.") from error
    if tls.client_cert:
        _load_client_certificate(context, tls)
    return context


def _load_client_certificate(context: ssl.SSLContext, tls: Tls) -> None:
    for path in filter(None, (tls.client_cert, tls.client_key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise _unusable("client certificate", path, error, "The file must be readable on this host.") from error
    try:
        # An encrypted key would ask for its passphrase on the terminal, for ever.
        context.load_cert_chain(tls.client_cert, tls.client_key or None, password=lambda: b"")
    except (OSError, ValueError) as error:
        hint = "It takes a certificate and its own key in PEM form, the key without a passphrase."
        raise _unusable("client certificate", tls.client_cert, error, hint) from error


def _unusable(subject: str, path: str, error: Exception, hint: str) -> ClinicalError:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "it cannot be used"
    return ClinicalError(f"Loading the {subject}", path, str(reason), hint)


class Connection:
    """A connected peer. Whatever goes wrong is raised as a ``PeerFailure``."""

    def __init__(
        self, sock: socket.socket, deadline: Deadline, tls_version: str = "", certificate: bool = False
    ) -> None:
        self.socket = sock
        self.deadline = deadline
        self.received = 0
        self._tls_version = tls_version
        self._certificate = certificate

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exception: object) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()

    def send(self, data: bytes) -> None:
        """Send all of it. A peer that has closed already may have said why, so ``receive`` is to report that."""
        try:
            self.socket.settimeout(self.deadline.remaining())
            self.socket.sendall(data)
        except (socket.timeout, TimeoutError):
            raise PeerFailure("silent", f"it took nothing from us within {self.deadline.seconds:g} s") from None
        except OSError:
            pass

    def receive(self, limit: int = CHUNK_SIZE) -> bytes:
        """Return the next bytes, at least one and at most ``limit``; raise PeerFailure where none come in time."""
        if self.deadline.passed():
            raise self.timeout_failure()
        try:
            self.socket.settimeout(self.deadline.remaining())
            data = self.socket.recv(min(limit, CHUNK_SIZE))
        except (socket.timeout, TimeoutError):
            raise self.timeout_failure() from None
        except OSError as error:
            raise self._broken_failure(error) from None
        if not data:
            raise self._end_failure("closed", "it closed the connection")
        self.received += len(data)
        return data

    def timeout_failure(self) -> PeerFailure:
        """Return the failure of a peer that has not answered when time is up."""
        within = f"within {self.deadline.seconds:g} s"
        if self.received:
            return PeerFailure("slow", f"no whole answer {within}, {self.received} bytes of one")
        return PeerFailure("silent", f"it took the connection and said nothing {within}")

    def _broken_failure(self, error: OSError) -> PeerFailure:
        if hasattr(error, "reason"):
            return tls_failure(error)
        if error.errno in (errno.ECONNRESET, errno.EPIPE):
            return self._end_failure("reset", "it reset the connection")
        return PeerFailure("reset", f"the connection broke: {error.strerror or type(error).__name__}")

    def _end_failure(self, state: str, observation: str) -> PeerFailure:
        if self.received:
            return PeerFailure(state, f"{observation} in the middle of an answer, after {self.received} bytes")
        if self._tls_version != "TLSv1.3":
            return PeerFailure(state, f"{observation} without an answer")
        # In TLS 1.3 the client is done before the server has looked at its certificate.
        after = f"{observation} right after the TLS handshake"
        if self._certificate:
            return PeerFailure(state, f"{after}; it may not accept our client certificate, or have nobody behind it")
        return PeerFailure("client_certificate_refused", f"{after}; we presented no client certificate")


def connect(endpoint: Endpoint, context: ssl.SSLContext | None, tls: Tls, deadline: Deadline) -> Connection:
    """Connect within the deadline, and with a ``context`` shake hands in TLS.

    Raise PeerFailure where the peer prevents that, ClinicalError where the name to verify is none.
    """
    sock = _connect_tcp(endpoint, deadline)
    if context is None:
        return Connection(sock, deadline)
    try:
        secured = _wrap(sock, context, tls.server_name or endpoint.host, deadline)
        return Connection(secured, deadline, secured.version() or "", bool(tls.client_cert))
    except BaseException:
        sock.close()
        raise


def _connect_tcp(endpoint: Endpoint, deadline: Deadline) -> socket.socket:
    addresses = _addresses(endpoint, deadline)
    for number, (family, kind, protocol, _name, address) in enumerate(addresses, 1):
        sock = socket.socket(family, kind, protocol)
        try:
            # The time that remains is shared, so that an address that swallows everything leaves time for the next.
            sock.settimeout(deadline.remaining() / (len(addresses) - number + 1))
            sock.connect(address)
        except OSError as error:
            sock.close()
            if number == len(addresses):
                _raise_not_connected(error, deadline)
        else:
            # Small messages must not wait for one another.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise PeerFailure("name_not_found", "the name has no address")


def _raise_not_connected(error: OSError, deadline: Deadline) -> NoReturn:
    if isinstance(error, (socket.timeout, TimeoutError)):
        raise PeerFailure("unreachable", f"nobody took the connection within {deadline.seconds:g} s") from None
    if error.errno == errno.ECONNREFUSED:
        raise PeerFailure("refused", "nothing listens there: the connection was refused") from None
    if error.errno == errno.ECONNRESET:
        raise PeerFailure("reset", "it reset the connection before it was made") from None
    raise PeerFailure("unreachable", error.strerror or type(error).__name__) from None


def _addresses(endpoint: Endpoint, deadline: Deadline) -> list[Any]:
    """Return every address of the name, as getaddrinfo(3) does; raise PeerFailure where there is none in time.

    The system's resolver knows no deadline, so it is abandoned when that has passed.
    """
    addresses: list[Any] = []
    try:
        ipaddress.ip_address(endpoint.host.split("%")[0])
    except ValueError:
        resolver = threading.Thread(target=_resolve, args=(endpoint, addresses), daemon=True)
        resolver.start()
        resolver.join(deadline.remaining())
        if resolver.is_alive():
            raise PeerFailure("name_not_found", f"no name server answered within {deadline.seconds:g} s") from None
    else:
        _resolve(endpoint, addresses)
    if not addresses:
        raise PeerFailure("name_not_found", "there is no such name")
    return addresses


def _resolve(endpoint: Endpoint, addresses: list[Any]) -> None:
    with contextlib.suppress(OSError, ValueError):
        addresses += socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)


# --- TLS --------------------------------------------------------------------------------------------------------------

#: Alerts by which a peer says that it does not accept the certificate that it got from us, or misses one.
OUR_CERTIFICATE = (
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_UNKNOWN_CA",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
)
NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "BAD_PACKET_LENGTH")
NO_COMMON_VERSION = ("UNSUPPORTED_PROTOCOL", "ALERT_PROTOCOL_VERSION")
EXPIRED = 10


def _wrap(sock: socket.socket, context: ssl.SSLContext, name: str, deadline: Deadline) -> ssl.SSLSocket:
    if not name or name.startswith("."):
        raise ClinicalError("Looking for the server's name", repr(name), "it is none", "Give it in server_name.")
    wrapped = context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
    try:
        _shake_hands(wrapped, deadline)
    except BaseException:
        wrapped.close()
        raise
    return wrapped


def _shake_hands(wrapped: ssl.SSLSocket, deadline: Deadline) -> None:
    import ssl

    try:
        wrapped.settimeout(deadline.remaining())
        wrapped.do_handshake()
    except (socket.timeout, TimeoutError):
        observation = f"it took the connection and did not finish the TLS handshake within {deadline.seconds:g} s"
        raise PeerFailure("silent", observation) from None
    except ssl.SSLCertVerificationError as error:
        state = "expired_certificate" if error.verify_code == EXPIRED else "wrong_certificate"
        raise PeerFailure(state, f"its certificate is not accepted: {error.verify_message}") from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        raise PeerFailure("closed", "it closed the connection in the TLS handshake") from None
    except ssl.SSLError as error:
        raise tls_failure(error, begun=wrapped.cipher() is not None) from None
    except OSError:
        raise PeerFailure("reset", "it reset the connection in the TLS handshake") from None


def tls_failure(error: OSError, begun: bool = False) -> PeerFailure:
    """Return the failure that an error of TLS stands for.

    With ``begun`` a cipher was agreed on already, so that a failed handshake is about certificates.
    """
    reason = str(getattr(error, "reason", None) or "")
    explanation = reason.lower().replace("_", " ") or "no reason given"
    if reason.endswith(OUR_CERTIFICATE) or (begun and reason.endswith("ALERT_HANDSHAKE_FAILURE")):
        return PeerFailure(
            "client_certificate_refused", f"it does not accept our client certificate, or misses one: {explanation}"
        )
    if reason.endswith(NO_TLS):
        return PeerFailure("wrong_peer", "it does not speak TLS")
    if reason.endswith(NO_COMMON_VERSION):
        return PeerFailure("tls_failed", "it speaks no version of TLS from 1.2 on")
    return PeerFailure("tls_failed", f"the TLS exchange failed: {explanation}")


def wrong_protocol(data: bytes, expected: str) -> PeerFailure:
    """Return the failure of a peer whose first bytes are not of the ``expected`` protocol."""
    kind = peer_kind(data)
    if kind:
        return PeerFailure("wrong_peer", f"it speaks {kind}, not {expected}")
    return PeerFailure("garbage", f"what it sent is not {expected}")
