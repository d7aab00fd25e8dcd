# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive that the release before this one has configured is taken over, and nothing is restarted that need not be.

In the long form only: two archives begin anew for it.
"""

from __future__ import annotations

import json
import tarfile

import pytest
from outside import (
    ADDRESSES,
    FULL,
    HERE,
    POSTGRESQL,
    READER,
    SENDER,
    SQLITE,
    changes,
    dicom,
    each,
    failures,
    play,
    rest,
    root,
    ssh,
)

RELEASED = HERE.parents[1] / "tests" / "fixtures" / "released" / "roles.tar.xz"
ARCHIVES = (SQLITE[0], POSTGRESQL[-1])
LIMIT = ("--limit", ",".join(("localhost", *ARCHIVES)))
#: Since when they run; another value is a restart.
RUNNING = (
    "systemctl show --property=Id,MainPID,ActiveEnterTimestampMonotonic orthanc nginx imaging-archive-doors "
    "postgresql@*"
)

pytestmark = pytest.mark.skipif(not FULL, reason="the short form takes over what is laid as that release laid it")


@pytest.fixture(scope="module", autouse=True)
def _configured_by_the_release_before(tmp_path_factory: pytest.TempPathFactory) -> None:
    code, report = play("hosts_up.yml", *LIMIT)
    assert code == 0, report
    folder = tmp_path_factory.mktemp("released")
    collection = folder / "ansible_collections" / "healthops" / "clinical"
    with tarfile.open(RELEASED) as roles:
        roles.extractall(collection)  # our own file
    (collection / "plugins").symlink_to(HERE.parents[1] / "plugins")  # that release had the same probes
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ANSIBLE_COLLECTIONS_PATH", str(folder))
        code, report = play("converge.yml", *LIMIT)
    assert code == 0, {archive: failures(report, archive) for archive in ARCHIVES}


def stored(archive: str) -> list[str]:
    code, body = rest(archive, "/instances", "-u", READER)
    assert code == "200", body
    return sorted(json.loads(body))


def test_archive_of_the_release_before_is_taken_over() -> None:
    for archive in ARCHIVES:
        sent = ssh(SENDER, f"python3 /srv/test/sender.py {ADDRESSES[archive]} 2762 CT1 800000 5 /srv/test/pki")
        assert sent.returncode == 0, sent.stderr
    before = each(lambda archive: (root(archive, RUNNING), stored(archive)), ARCHIVES)
    reports = [play("converge.yml", *LIMIT, *words) for words in (("--check",), (), ("--check",), ())]
    for archive in ARCHIVES:
        assert [code for code, _report in reports] == [0] * 4, [failures(report, archive) for _c, report in reports]
        foretold, done, *nothing = (changes(report, archive) for _code, report in reports)
        assert foretold == done != []
        assert nothing == [[], []]
    assert each(lambda archive: (root(archive, RUNNING), stored(archive)), ARCHIVES) == before
    for archive in ARCHIVES:
        assert dicom("echoscu", archive, "CT1")[0] == 0
