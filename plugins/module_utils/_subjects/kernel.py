# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the running kernel below /proc/sys, and loaded modules. Private to the collection."""

from __future__ import annotations

from dataclasses import dataclass

from .._errors import ClinicalError
from .._host import Host
from ._base import Image, Whole


def kernel_path(key: str) -> str:
    """Where a sysctl key lives; an interface name with dots is written with slashes, as sysctl(8) has it."""
    return "/proc/sys/" + (key if "/" in key else key.replace(".", "/"))


@dataclass(frozen=True)
class KernelValue(Whole):
    """One sysctl key as the kernel runs with it now."""

    key: str
    type = "kernel value"

    @property
    def name(self) -> str:
        return self.key

    def capture(self, host: Host) -> Image:
        content = host.read(kernel_path(self.key))
        return {"value": None if content is None else " ".join(content.decode("utf-8", "replace").split())}

    def put(self, host: Host, image: Image) -> None:
        if image["value"] is None:
            return
        host.write_value(kernel_path(self.key), image["value"])


@dataclass(frozen=True)
class LoadedModule(Whole):
    """Whether the running kernel holds a module."""

    module: str
    type = "kernel module"

    @property
    def name(self) -> str:
        return self.module

    def capture(self, host: Host) -> Image:
        return {"loaded": host.stat(f"/sys/module/{self.module}/refcnt") is not None}

    def put(self, host: Host, image: Image) -> None:
        if self.capture(host)["loaded"] == image["loaded"]:
            return
        # --ignore-install: what was loaded before comes back even while a rule still forbids loading it by name.
        argv = ["modprobe", "--ignore-install", self.module] if image["loaded"] else ["modprobe", "-r", self.module]
        done = host.run(argv)
        if done.rc != 0:
            raise ClinicalError("Loading" if image["loaded"] else "Unloading", self.module, done.err_line)
