# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit rules that the running kernel holds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.lines import split_lines
from .awaited import AwaitedFile
from .base import Image, WholeSubject
from .files import content_of, file_image

COMPILED = "/etc/audit/audit.rules"
#: The verb of the effect that gives the kernel the compiled rules.
LOAD = "load audit rules"
#: Stands in a rule for the path of a program.
PROGRAM = "PROGRAM"
_PROGRAMS = ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/local", "/opt")


def privileged_programs(host: Host) -> list[str]:
    """Return the paths of programs that lend their owner's or their group's rights to whoever runs them."""
    folders = [folder for folder in _PROGRAMS if host.stat(folder) is not None]
    done = host.run(["find", *folders, "-xdev", "-type", "f", "-perm", "/6000"])
    if done.rc != 0:
        raise ClinicalError("Looking for programs with special rights in", " ".join(folders), done.err_line)
    return sorted(path for path in split_lines(done.out) if " " not in path)


def growing_image(image: Image, rule: str) -> Image:
    """Return a wanted file of rules, and ``rule`` once more for every privileged program that it does not yet name."""
    return {**image, "kind": "rules", "rule": rule}


@dataclass(frozen=True)
class RulesFile(AwaitedFile):
    """A file of rules that also holds those about programs that came after the run was planned."""

    type = "audit rules file"

    def put(self, host: Host, image: Image) -> None:
        if image["kind"] != "rules":
            super().put(host, image)
            return
        lines = split_lines(content_of(image).decode("utf-8", "surrogateescape"))
        lines += [image["rule"].replace(PROGRAM, path) for path in privileged_programs(host)]
        text = "".join(f"{line}\n" for line in dict.fromkeys(lines))
        super().put(host, file_image(text.encode("utf-8", "surrogateescape"), mode=image["mode"]))

    def matches(self, image: Image, wanted: Image) -> bool:
        if wanted["kind"] != "rules":
            return super().matches(image, wanted)
        begins, text = content_of(wanted), content_of(image)
        more = split_lines(text[len(begins) :].decode("utf-8", "surrogateescape"))
        ours = re.escape(wanted["rule"]).replace(PROGRAM, r"\S+")
        return image["kind"] == "file" and text.startswith(begins) and all(re.fullmatch(ours, line) for line in more)

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        return after["kind"] == "rules" or super().is_partial(now, before, after)


#: The wanted image of the kernel's rules, whose own images are empty: the files are what is put back.
LOADED: Image = {"loaded": "anew"}


@dataclass(frozen=True)
class KernelRules(WholeSubject):
    """The rules that the kernel holds, where all files are right and only it does not follow them."""

    place: str = "the kernel"
    type = "audit rules of"

    @property
    def name(self) -> str:
        return self.place

    def capture(self, host: Host) -> Image:
        """Return nothing: which rules are loaded is judged by the rules on the disk."""
        return {}

    def put(self, host: Host, image: Image) -> None:
        """Have the kernel load what is compiled. Raises ClinicalError where it then holds the same rules as before."""
        if image != LOADED:
            return
        before = kernel_rules(host)
        load(host)
        if kernel_rules(host) == before:
            same = f"it took none of those that it lacks from {COMPILED}"
            raise ClinicalError("Loading the audit rules of", self.place, same, f"See: auditctl -R {COMPILED}")


def kernel_rules(host: Host) -> list[str] | None:
    """Return the rules that the kernel goes by, None where it does not audit."""
    done = host.run(["auditctl", "-l"])
    if done.rc != 0 or "audit system is disabled" in done.out + done.err:
        return None
    return [line for line in split_lines(done.out) if line.startswith("-")]


def locked(host: Host) -> bool:
    """Ask the kernel for a lock on its rules that lasts until the next boot (-e 2)."""
    return "enabled 2" in split_lines(host.run(["auditctl", "-s"]).out)


def load(host: Host) -> None:
    """Give the kernel the compiled rules as they lie on the disk, where it takes any."""
    if host.which("auditctl") is None or host.stat(COMPILED) is None or kernel_rules(host) is None or locked(host):
        return
    done = host.run(["auditctl", "-R", COMPILED])
    if done.rc != 0:
        raise ClinicalError("Loading the audit rules from", COMPILED, done.err_line, "Try: augenrules --check")
