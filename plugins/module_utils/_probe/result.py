# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe found out, in the words that all probes share."""

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
    """The state that a peer's answer shows, and the observation: our own words, never a word of what the peer sent."""

    state: str
    observation: str


class PeerFailure(Exception):
    """The peer did not come to an answer that can be judged."""

    def __init__(self, state: str, observation: str) -> None:
        self.verdict = Verdict(state, observation)
        super().__init__(f"{state}: {observation}")


@dataclass(frozen=True)
class ProbeResult:
    """The result of one probe; its fields are keys of what the modules return.

    ``latency_ms`` runs from before the name is looked up to the end of the answer, or of our patience.
    """

    healthy: bool
    state: str
    latency_ms: float
    saw: str
    target: str


def probe_result(verdict: Verdict, healthy_states: tuple[str, ...], latency_ms: float, target: str) -> ProbeResult:
    """Return the result of a probe that came to this verdict after so many milliseconds."""
    return ProbeResult(
        healthy=verdict.state in healthy_states,
        state=verdict.state,
        latency_ms=latency_ms,
        saw=verdict.observation,
        target=target,
    )


def not_probed(error: ClinicalError, target: str) -> ProbeResult:
    """Return the result of a probe that cannot be tried from here, so that nothing is known about the peer."""
    return ProbeResult(healthy=False, state="not_probed", latency_ms=0.0, saw=str(error), target=target)
