# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the running kernel below /proc/sys, and loaded modules."""

from __future__ import annotations

from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host
from .base import Image, WholeSubject

#: What the kernel changes by itself with another value: a server that stops forwarding takes redirects again.
TAKEN_ALONG = {"net.ipv4.ip_forward": ("net.ipv4.conf.all.accept_redirects",)}


def kernel_path(key: str) -> str:
    """Return the path of a sysctl key; an interface name with dots is written with slashes, as sysctl(8) has it."""
    relative = key if "/" in key else key.replace(".", "/")
    return f"/proc/sys/{relative}"


@dataclass(frozen=True)
class KernelValue(WholeSubject):
    """One sysctl key as the kernel runs with it now; what the kernel would take along keeps its value."""

    key: str
    type = "kernel value"

    @property
    def name(self) -> str:
        return self.key

    def capture(self, host: Host) -> Image:
        """Return the value as {"value": text}, None where there is none; "along" are keys that it takes along."""
        image: Image = {"value": _value(host, self.key)}
        along = {key: _value(host, key) for key in TAKEN_ALONG.get(self.key, ())}
        return {**image, "along": along} if along else image

    def put(self, host: Host, image: Image) -> None:
        if image["value"] is None:
            return
        along: Image = image.get("along") or {}
        if not along and self.key in TAKEN_ALONG:
            along = self.capture(host)["along"]
        host.write_value(kernel_path(self.key), image["value"])
        for key, value in along.items():
            if value is not None:
                host.write_value(kernel_path(key), value)


def _value(host: Host, key: str) -> str | None:
    content = host.read(kernel_path(key))
    if content is None:
        return None
    return " ".join(content.decode("utf-8", "replace").split())


@dataclass(frozen=True)
class LoadedModule(WholeSubject):
    """Whether the running kernel holds a module."""

    module: str
    type = "kernel module"

    @property
    def name(self) -> str:
        return self.module

    def capture(self, host: Host) -> Image:
        """Return whether the module is loaded; one that is built in is not."""
        return {"loaded": host.stat(f"/sys/module/{self.module}/refcnt") is not None}

    def put(self, host: Host, image: Image) -> None:
        if self.capture(host)["loaded"] == image["loaded"]:
            return
        # --ignore-install: what was loaded before comes back even while a rule still forbids loading it by name.
        doing, option = ("Loading", "--ignore-install") if image["loaded"] else ("Unloading", "-r")
        done = host.run(["modprobe", option, self.module])
        if done.rc != 0:
            raise ClinicalError(doing, self.module, done.err_line)
