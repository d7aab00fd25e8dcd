# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the host that is measured: one act, as its own process from beginning to end, and the seconds that it took.

inside.py COLLECTIONS plan|stage|apply      the collection's core, with the start of Python
inside.py COLLECTIONS WORDS...              a command
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime, timezone

#: needrestart restarts what runs old libraries, as we do; without a terminal it would only list them.
ENVIRONMENT = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "a"}


def act(collections: str, state: str) -> None:
    """Do what the module does once it is on the host."""
    sys.path.insert(0, collections)
    from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
    from ansible_collections.healthops.clinical.plugins.module_utils._patch import policy, run
    from ansible_collections.healthops.clinical.plugins.module_utils._patch.managers import manager_of
    from ansible_collections.healthops.clinical.plugins.module_utils._patch.plan import PlanInputs
    from ansible_collections.healthops.clinical.plugins.module_utils._patch.request import PatchRequest

    now = datetime.now(timezone.utc).replace(microsecond=0)
    host = RealHost()
    manager = manager_of(host, now)
    request = PatchRequest(PlanInputs(policy.read({}), now, refresh=state == "plan"), f"run-{time.time_ns()}")
    if state == "plan":
        run.report_plan(host, manager, request)
    elif state == "stage":
        run.stage(host, manager, request)
    else:
        with open("/root/digest", encoding="ascii") as file:
            request = PatchRequest(request.inputs, request.run_id, file.read())
        run.apply(host, manager, request)
    if state == "stage":
        digest = run.report_plan(host, manager, request).plan["digest"]
        with open("/root/digest", "w", encoding="ascii") as file:
            file.write(digest)


def main() -> None:
    collections, *arguments = sys.argv[1:]
    if arguments[0] == "--now":
        act(collections, arguments[1])
        return
    ours = arguments[0] in ("plan", "stage", "apply")
    argv = [sys.executable, __file__, collections, "--now", arguments[0]] if ours else arguments
    begin = time.monotonic()
    done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    took = time.monotonic() - begin
    if done.returncode != 0:
        sys.exit(f"{argv}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    print(took)


if __name__ == "__main__":
    main()
