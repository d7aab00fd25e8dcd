# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe found out, in the words that all probes share. Private to the collection."""

from __future__ import annotations

from dataclasses import dataclass

from .._errors import ClinicalError

#: How a peer fails to come to an answer, whatever its protocol is.
FAILURES = (
    "name_not_found",
    "unreachable",
    "refused",
    "reset",
    "closed",
    "silent",
    "slow",
    "garbage",
    "oversized",
    "wrong_peer",
    "wrong_certificate",
    "expired_certificate",
    "client_certificate_refused",
    "tls_failed",
)


@dataclass(frozen=True)
class Verdict:
    """The state that a peer's answer shows, and what was seen: our own words, never a word of what the peer sent."""

    state: str
    saw: str


class PeerFailure(Exception):
    """The peer did not come to an answer that can be judged."""

    def __init__(self, state: str, saw: str) -> None:
        self.verdict = Verdict(state, saw)
        super().__init__(f"{state}: {saw}")


@dataclass(frozen=True)
class Answer:
    """One probe. ``latency_ms`` runs from before the name is looked up to the end of the answer, or of our patience."""

    healthy: bool
    state: str
    latency_ms: float
    saw: str
    target: str


def answer(verdict: Verdict, wanted: tuple[str, ...], latency_ms: float, target: str) -> Answer:
    return Answer(verdict.state in wanted, verdict.state, latency_ms, verdict.saw, target)


def not_probed(error: ClinicalError, target: str) -> Answer:
    """What was asked for cannot be done from here, so nothing is known about the peer."""
    return Answer(False, "not_probed", 0.0, str(error), target)
