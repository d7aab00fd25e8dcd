# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""C-ECHO to an imaging archive, as an application entity that may do nothing else. Private to the collection.

pynetdicom speaks DICOM; the connection below it is ours, so that what it waits for and what it keeps have limits.
"""

from __future__ import annotations

import importlib
import re
import socket
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

from .._errors import ClinicalError
from .answer import Answer, PeerFailure, Verdict, answer
from .connection import Connection, Deadline, Endpoint, Tls, client_context, connect, unexpected

STATES = ("ready", "wrong_ae_title", "rejecting", "aborted")
HEALTHY = ("ready",)
VERIFICATION = "1.2.840.10008.1.1"
AE_TITLE = re.compile(r"(?! *$)[\x20-\x5b\x5d-\x7e]{1,16}")
#: No answer to an echo comes near it; it also bounds what the peer may send in all.
ANSWER_LIMIT = 256 * 1024
#: The types of PDU that answer a request for an association: accepted, rejected, aborted (PS3.8, 9.3).
ANSWERS = (2, 3, 7)
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
TITLES = ((1, 3), (1, 7))


@dataclass(frozen=True)
class Request:
    """What to ask whom, under which names."""

    endpoint: Endpoint
    tls: Optional[Tls]
    timeout: float
    calling_ae: str
    called_ae: str

    @property
    def target(self) -> str:
        return f"{'dicoms' if self.tls else 'dicom'}://{self.called_ae}@{self.endpoint}"


def check(request: Request) -> None:
    for name, title in (("calling_ae", request.calling_ae), ("called_ae", request.called_ae)):
        if not AE_TITLE.fullmatch(title):
            raise ClinicalError(
                f"Using {name}", repr(title), "it is no AE title", "1 to 16 of ASCII, without a backslash."
            )


def library() -> Any:
    """pynetdicom, which is not part of Debian: only who executes probes needs it, not the archive."""
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


def probe(request: Request) -> Answer:
    """One association of its own with one C-ECHO, bounded in time and memory whatever the peer does."""
    check(request)
    pynetdicom = library()
    context = client_context(request.tls) if request.tls else None
    deadline = Deadline(request.timeout)
    try:
        with connect(request.endpoint, context, request.tls or Tls(), deadline) as connection:
            verdict, elapsed_ms = _exchange(pynetdicom, connection, request)
    except PeerFailure as failure:
        verdict, elapsed_ms = failure.verdict, deadline.elapsed_ms()
    return answer(verdict, HEALTHY, elapsed_ms, request.target)


def _exchange(pynetdicom: Any, connection: Connection, request: Request) -> Tuple[Verdict, float]:
    """What the peer said in DICOM counts first, then what became of the connection."""
    bounded = _Bounded(connection)
    association = _associate(pynetdicom, bounded, request)
    try:
        verdict = bounded.rejection() or _echo(association, connection.deadline) or bounded.verdict()
        return verdict, connection.deadline.elapsed_ms()
    finally:
        _end(association, connection.deadline)


def _associate(pynetdicom: Any, bounded: _Bounded, request: Request) -> Any:
    entity = _entity(pynetdicom, bounded, request.calling_ae)
    entity.add_requested_context(VERIFICATION)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = bounded.connection.deadline.left()
    hear = [(pynetdicom.evt.EVT_PDU_RECV, lambda event: bounded.heard.append(event.pdu))]
    # The address is that of a connection which is there already; any will do, and none has to be looked up.
    return entity.associate("127.0.0.1", request.endpoint.port, ae_title=request.called_ae, evt_handlers=hear)


def _echo(association: Any, deadline: Deadline) -> Optional[Verdict]:
    if not association.is_established:
        return _not_established(association)
    association.dimse_timeout = deadline.left()
    status = getattr(association.send_c_echo(), "Status", None)
    if status == 0:
        return Verdict("ready", "C-ECHO answered with status 0x0000")
    return Verdict("rejecting", f"C-ECHO answered with status 0x{status:04X}") if isinstance(status, int) else None


def _not_established(association: Any) -> Optional[Verdict]:
    told = association.acceptor.primitive
    if told is not None and told.result == 0:
        return Verdict("rejecting", "it took the association and does not take C-ECHO in it")
    return None


def _end(association: Any, deadline: Deadline) -> None:
    """Release in good order; who does not answer to that is left."""
    association.acse_timeout = min(1.0, deadline.left())
    if association.is_established:
        association.release()
    if association.is_established:
        association.abort()


# --- pynetdicom's transport over our connection -----------------------------------------------------------------------


class _Bounded:
    """Reads for pynetdicom, and remembers what went wrong: pynetdicom itself only tells that something did."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.heard: List[Any] = []
        self._failure: Optional[PeerFailure] = None

    def verdict(self) -> Verdict:
        """On a peer that came to no answer."""
        if self._last("A_ABORT_RQ"):
            return Verdict("aborted", "it aborted the association")
        if self._failure:
            return self._failure.verdict
        if self.connection.deadline.passed():
            return self.connection.late().verdict
        return Verdict("garbage", "what it sent is not an answer in DICOM")

    def rejection(self) -> Optional[Verdict]:
        """From the PDU itself: where the peer hangs up at once, pynetdicom calls the association aborted."""
        told = self._last("A_ASSOCIATE_RJ")
        if told is None:
            return None
        cause = (told.source, told.reason_diagnostic)
        lasting = "for good" if told.result == 1 else "for now"
        saw = f"it rejected the association {lasting}: {REJECTIONS.get(cause, 'no known reason')}"
        return Verdict("wrong_ae_title" if cause in TITLES else "rejecting", saw)

    def _last(self, name: str) -> Any:
        return next((pdu for pdu in reversed(self.heard) if type(pdu).__name__ == name), None)

    def read(self, wanted: int) -> bytearray:
        """So many bytes, as pynetdicom asks for: first the six that begin a PDU, then the rest of it."""
        data = bytearray()
        began = not self.connection.received
        try:
            if self.connection.received + wanted > ANSWER_LIMIT:
                raise PeerFailure("oversized", f"it announces more than {ANSWER_LIMIT} bytes")
            while len(data) < wanted:
                data += self.connection.receive(wanted - len(data))
            if began and data[0] not in ANSWERS:
                raise unexpected(bytes(data), "DICOM")
        except PeerFailure as failure:
            self._failure = self._failure or failure
            raise OSError(str(failure)) from failure
        return data


def _entity(pynetdicom: Any, bounded: _Bounded, title: str) -> Any:
    """An application entity whose only socket is the one that we connected."""

    class Transport(pynetdicom.transport.AssociationSocket):  # type: ignore[misc]
        def _create_socket(self, _address: Any) -> socket.socket:
            return bounded.connection.socket

        def connect(self, primitive: Any) -> None:
            self._is_connected = True
            primitive.result = "Evt2"
            self.provider_queue.put(primitive)
            self._ready.set()

        def recv(self, nr_bytes: int) -> bytearray:
            return bounded.read(nr_bytes)

        def send(self, bytestream: bytes) -> None:
            try:
                bounded.connection.send(bytestream)
            except PeerFailure:
                self.event_queue.put("Evt17")

    class Entity(pynetdicom.AE):  # type: ignore[misc]
        def _create_socket(self, association: Any, address: Any, _tls: Any) -> Any:
            return Transport(association, address=address)

    # Else every PDU would be described for a log that nobody keeps.
    pynetdicom._config.LOG_HANDLER_LEVEL = "none"
    return Entity(ae_title=title)
