# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""C-ECHO to an imaging archive, as an application entity that may do nothing else.

pynetdicom speaks DICOM; the connection below it is ours, so that what it waits for and what it keeps have limits.
"""

from __future__ import annotations

import importlib
import re
import socket
from dataclasses import dataclass
from typing import Any

from .._errors import ClinicalError
from .connection import Connection, Deadline, Endpoint, Tls, client_context, connect, wrong_protocol
from .result import PeerFailure, ProbeResult, Verdict, probe_result

STATES = ("ready", "wrong_ae_title", "rejecting", "aborted")
HEALTHY = ("ready",)
VERIFICATION = "1.2.840.10008.1.1"
AE_TITLE = re.compile(r"(?! *$)[\x20-\x5b\x5d-\x7e]{1,16}")
#: No answer to an echo comes near it; it also bounds what the peer may send in all.
ANSWER_LIMIT = 256 * 1024
#: The types of PDU that answer a request for an association: accepted, rejected, aborted (PS3.8, 9.3).
ANSWER_TYPES = (2, 3, 7)
#: Why an association is rejected (PS3.8, 9.3.4), in our words: by source and reason.
REJECTIONS = {
    (1, 1): "no reason given",
    (1, 2): "application context not supported",
    (1, 3): "calling AE title not recognised",
    (1, 7): "called AE title not recognised",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
WRONG_TITLE = ((1, 3), (1, 7))


@dataclass(frozen=True)
class DicomEchoRequest:
    """One C-ECHO to one archive, between these two AE titles; ``timeout`` is in seconds."""

    endpoint: Endpoint
    tls: Tls | None
    timeout: float
    calling_ae: str
    called_ae: str

    @property
    def target(self) -> str:
        return f"{'dicoms' if self.tls else 'dicom'}://{self.called_ae}@{self.endpoint}"


def check(request: DicomEchoRequest) -> None:
    """Raise ClinicalError for an AE title that is none (PS3.5, 6.2)."""
    for name, title in (("calling_ae", request.calling_ae), ("called_ae", request.called_ae)):
        if not AE_TITLE.fullmatch(title):
            raise ClinicalError(
                f"Using {name}", repr(title), "it is no AE title", "1 to 16 of ASCII, without a backslash."
            )


def import_pynetdicom() -> Any:
    """Return pynetdicom, or raise ClinicalError: only who executes probes needs it, and Debian has none."""
    try:
        importlib.import_module("pynetdicom.transport")
        return importlib.import_module("pynetdicom")
    except ImportError as error:
        raise ClinicalError(
            "Importing",
            "pynetdicom",
            str(error),
            "Install it for the Python that executes this module (3.10 or newer: pip install 'pynetdicom>=3,<4'; an "
            "execution environment brings it), or delegate the task to the control node.",
        ) from error


def probe(request: DicomEchoRequest) -> ProbeResult:
    """Send one C-ECHO in an association of its own, bounded in time and memory whatever the peer does.

    Raise ClinicalError where the request cannot be sent from here.
    """
    check(request)
    pynetdicom = import_pynetdicom()
    context = client_context(request.tls) if request.tls else None
    deadline = Deadline(request.timeout)
    try:
        with connect(request.endpoint, context, request.tls or Tls(), deadline) as connection:
            verdict, elapsed_ms = _exchange(pynetdicom, connection, request)
    except PeerFailure as failure:
        verdict, elapsed_ms = failure.verdict, deadline.elapsed_ms()
    return probe_result(verdict, HEALTHY, elapsed_ms, request.target)


def _exchange(pynetdicom: Any, connection: Connection, request: DicomEchoRequest) -> tuple[Verdict, float]:
    """Return the verdict and the milliseconds to it: what the peer said in DICOM counts before its connection."""
    reader = _BoundedReader(connection)
    association = _associate(pynetdicom, reader, request)
    try:
        verdict = reader.rejection() or _echo(association, connection.deadline) or reader.verdict()
        return verdict, connection.deadline.elapsed_ms()
    finally:
        _end(association, connection.deadline)


def _associate(pynetdicom: Any, reader: _BoundedReader, request: DicomEchoRequest) -> Any:
    entity = _entity(pynetdicom, reader, request.calling_ae)
    entity.add_requested_context(VERIFICATION)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = reader.connection.deadline.remaining()
    handlers = [(pynetdicom.evt.EVT_PDU_RECV, lambda event: reader.received_pdus.append(event.pdu))]
    # The address is that of a connection which is there already; any will do, and none has to be looked up.
    return entity.associate("127.0.0.1", request.endpoint.port, ae_title=request.called_ae, evt_handlers=handlers)


def _echo(association: Any, deadline: Deadline) -> Verdict | None:
    if not association.is_established:
        return _not_established(association)
    association.dimse_timeout = deadline.remaining()
    status = getattr(association.send_c_echo(), "Status", None)
    if status == 0:
        return Verdict("ready", "C-ECHO answered with status 0x0000")
    if isinstance(status, int):
        return Verdict("rejecting", f"C-ECHO answered with status 0x{status:04X}")
    return None


def _not_established(association: Any) -> Verdict | None:
    response = association.acceptor.primitive
    if response is not None and response.result == 0:
        return Verdict("rejecting", "it took the association and does not take C-ECHO in it")
    return None


def _end(association: Any, deadline: Deadline) -> None:
    """Release in good order; abort where the peer does not answer to that."""
    association.acse_timeout = min(1.0, deadline.remaining())
    if association.is_established:
        association.release()
    if association.is_established:
        association.abort()


# --- pynetdicom's transport over our connection -----------------------------------------------------------------------


class _BoundedReader:
    """Reads for pynetdicom, and remembers what went wrong: pynetdicom itself only tells that something did."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.received_pdus: list[Any] = []
        self._failure: PeerFailure | None = None

    def verdict(self) -> Verdict:
        """Return the verdict on a peer that came to no answer."""
        if self._last("A_ABORT_RQ"):
            return Verdict("aborted", "it aborted the association")
        if self._failure:
            return self._failure.verdict
        if self.connection.deadline.passed():
            return self.connection.timeout_failure().verdict
        return Verdict("garbage", "what it sent is not an answer in DICOM")

    def rejection(self) -> Verdict | None:
        """Return the verdict on a peer that rejected the association, or None.

        From the PDU itself: where the peer hangs up at once, pynetdicom calls the association aborted.
        """
        pdu = self._last("A_ASSOCIATE_RJ")
        if pdu is None:
            return None
        cause = (pdu.source, pdu.reason_diagnostic)
        duration = "for good" if pdu.result == 1 else "for now"
        observation = f"it rejected the association {duration}: {REJECTIONS.get(cause, 'no known reason')}"
        return Verdict("wrong_ae_title" if cause in WRONG_TITLE else "rejecting", observation)

    def _last(self, name: str) -> Any:
        return next((pdu for pdu in reversed(self.received_pdus) if type(pdu).__name__ == name), None)

    def read(self, size: int) -> bytearray:
        """Return ``size`` bytes, as pynetdicom wants them: first the six that begin a PDU, then the rest of it.

        Raise OSError where the peer fails, which is all that pynetdicom understands.
        """
        data = bytearray()
        began = not self.connection.received
        try:
            if self.connection.received + size > ANSWER_LIMIT:
                raise PeerFailure("oversized", f"it announces more than {ANSWER_LIMIT} bytes")
            while len(data) < size:
                data += self.connection.receive(size - len(data))
            if began and data[0] not in ANSWER_TYPES:
                raise wrong_protocol(bytes(data), "DICOM")
        except PeerFailure as failure:
            self._failure = self._failure or failure
            raise OSError(str(failure)) from failure
        return data


def _entity(pynetdicom: Any, reader: _BoundedReader, title: str) -> Any:
    """Return an application entity whose only socket is the one that we connected."""

    class Transport(pynetdicom.transport.AssociationSocket):  # type: ignore[misc]
        def _create_socket(self, _address: Any) -> socket.socket:
            return reader.connection.socket

        def connect(self, primitive: Any) -> None:
            self._is_connected = True
            primitive.result = "Evt2"
            self.provider_queue.put(primitive)
            self._ready.set()

        def recv(self, nr_bytes: int) -> bytearray:
            return reader.read(nr_bytes)

        def send(self, bytestream: bytes) -> None:
            try:
                reader.connection.send(bytestream)
            except PeerFailure:
                self.event_queue.put("Evt17")

    class Entity(pynetdicom.AE):  # type: ignore[misc]
        def _create_socket(self, association: Any, address: Any, _tls: Any) -> Any:
            return Transport(association, address=address)

    # Else every PDU would be described for a log that nobody keeps.
    pynetdicom._config.LOG_HANDLER_LEVEL = "none"
    return Entity(ae_title=title)
