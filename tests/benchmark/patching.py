# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What patching costs beside plain apt, on one host, in turns, in one run.

- A plan against ``apt-get update`` and ``apt-get -s dist-upgrade``, with the real lists of Debian.
- Applying what is staged against ``apt-get dist-upgrade`` of the same set, downloaded before, with needrestart's hook
  that restarts as we do. The set is what security brings for a server of today's Debian (``real``, the default), or
  small packages of the laboratory.

Uses the hosts of the scenario "patching", and removes them. Nothing here passes or fails by the clock.
The reader judges.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
SCENARIO = CHECKOUT / "molecule" / "patching"
sys.path.insert(0, str(SCENARIO))

from laboratory import INVENTORY, Mirror, Patched, engine  # noqa: E402

COLLECTIONS = "/root/collections"
INSIDE = "/root/inside.py"
#: Packages of an ordinary size beside the small ones: about what a month brings.
BULK = 40
UPGRADE = ("apt-get", "-y", "-q", "-o", "Dpkg::Options::=--force-confold", "dist-upgrade")
#: What fails or breaks on purpose is no part of what is measured.
LEFT_OUT = "lab-postinst lab-service"
#: What servers of a hospital have, taken from Debian's release without what came since, and then brought up to date.
SERVER = "bind9-dnsutils ca-certificates chrony curl gnupg haproxy nginx openssl postgresql rsync rsyslog vim wget"
RELEASED = """Package: *
Pin: release l=Debian-Security
Pin-Priority: -1

Package: *
Pin: release n={codename}
Pin-Priority: 1001
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--host", default="patch2", help="patch1 is Debian 12, patch2 is Debian 13 (default)")
    parser.add_argument("--set", choices=SETS, default="real", help="what is applied (default real)")
    parser.add_argument("--keep", action="store_true", help="use the hosts that run, and leave them running")
    arguments = parser.parse_args()
    if not arguments.keep:
        play(SCENARIO / "mirror.yml", "--extra-vars", f"patching_bulk={BULK}")
    try:
        measure(Patched(arguments.host), Mirror(), arguments.rounds, SETS[arguments.set])
    finally:
        if not arguments.keep:
            play(SCENARIO / "cleanup.yml")


def play(playbook: Path, *arguments: str) -> None:
    subprocess.run(["ansible-playbook", "-i", str(INVENTORY), str(playbook), *arguments], check=True)


def measure(host: Patched, mirror: Mirror, rounds: int, before: Callable[[Patched, Mirror], None]) -> None:
    prepare(host, mirror)
    before(host, mirror)
    plans = [(took(host, "plan"), plain_plan(host)) for _round in range(rounds)]
    show("plan", "apt-get update + apt-get -s dist-upgrade", plans)
    applied = []
    for _round in range(rounds):
        before(host, mirror)
        took(host, "stage")
        ours = took(host, "apply")
        before(host, mirror)
        packages = host.look("apt-get -y -q -d dist-upgrade | grep -c '^Get:'")
        applied.append((ours, took(host, *UPGRADE)))
    print(f"{packages} packages")
    show("apply", "apt-get dist-upgrade", applied)


def prepare(host: Patched, mirror: Mirror) -> None:
    """The core of the collection on the host, the lists of Debian beside those of the laboratory, all up to date."""
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        with tarfile.open(file.name, "w") as tar:
            below = "ansible_collections/healthops/clinical/plugins/module_utils"
            tar.add(CHECKOUT / "plugins" / "module_utils", f"collections/{below}", filter=no_caches)
            tar.add(HERE / "patching" / "inside.py", "inside.py")
        program = os.environ.get("HEALTHOPS_ENGINE") or str(CHECKOUT / "tests" / "hosts" / "engine" / "podman")
        unpack = [program, "exec", "-i", host.container, "tar", "-x", "-C", "/root"]
        with open(file.name, "rb") as stream:
            subprocess.run(unpack, stdin=stream, check=True)
    bulk = " ".join(f"lab-bulk-{n}=1.0-1" for n in range(BULK))
    mirror.show("before")
    host.look("rm -rf /var/lib/apt/lists/*; apt-get update -qq")
    host.look(f"DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --allow-downgrades {bulk}")
    host.look("cp /root/sources.list.real /etc/apt/sources.list && apt-get update -qq")
    host.look(f"DEBIAN_FRONTEND=noninteractive {' '.join(UPGRADE)}")


def no_caches(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member


def released(host: Patched, _mirror: Mirror) -> None:
    """A server as it was installed from the release, with the lists of today."""
    pins = RELEASED.format(codename=host.look(". /etc/os-release && echo $VERSION_CODENAME"))
    host.look("mv -f /etc/apt/sources.list.d/lab.sources /root 2> /dev/null || [ -e /root/lab.sources ]")
    host.look(f"cat > /etc/apt/preferences.d/released <<'PINS'\n{pins}\nPINS\napt-get update -qq")
    quiet = "DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -y -qq --allow-downgrades"
    host.look(f"{quiet} install --no-install-recommends {SERVER} && {quiet} dist-upgrade")
    host.look("rm -rf /etc/apt/preferences.d/released /var/lib/healthops /var/cache/healthops; apt-get clean; sync")


def laboratory(host: Patched, mirror: Mirror) -> None:
    """The host before the updates of the laboratory, with the lists of today."""
    host.reset(mirror)
    bulk = " ".join(f"lab-bulk-{n}=1.0-1" for n in range(BULK))
    mirror.show("before")
    host.look("rm -rf /var/lib/apt/lists/*; apt-get update -qq")
    install = "DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get install -y -qq --allow-downgrades"
    host.look(f"{install} {bulk} && apt-mark hold {LEFT_OUT} && apt-get clean")
    mirror.show("after")
    host.look("rm -rf /var/lib/apt/lists/*; apt-get update -qq; sync")


SETS = {"real": released, "laboratory": laboratory}


def plain_plan(host: Patched) -> float:
    return took(host, "apt-get", "update", "-q") + took(host, "apt-get", "-s", "dist-upgrade")


def took(host: Patched, *arguments: str) -> float:
    return float(engine("exec", host.container, "python3", INSIDE, COLLECTIONS, *arguments).stdout)


def show(what: str, plain: str, pairs: list[tuple[float, float]]) -> None:
    ours, plain_median = (statistics.median(column) for column in zip(*pairs))
    ratios = sorted(our_seconds / plain_seconds for our_seconds, plain_seconds in pairs)
    print(f"{what}: {ours:.2f} s; {plain}: {plain_median:.2f} s")
    rounds = " ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"  ratio of the medians {ours / plain_median:.2f}; of the rounds {rounds}")


if __name__ == "__main__":
    main()
