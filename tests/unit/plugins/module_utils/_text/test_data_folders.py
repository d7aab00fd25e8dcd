# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._text.data_folders import (
    counted,
    data_folder,
    describe,
    named,
)


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/srv/pacs/2026/LUND^Ilsa/1.dcm", "/srv/pacs"),
        ("/srv/exchange/LUND Ilsa 1942.pdf", "/srv/exchange"),
        ("/srv/LUND", "/srv"),
        ("/home/alice/Documents/LUND.odt", "/home/alice"),
        ("/var/lib/orthanc/db-v6/ab/cd/abcd", "/var/lib/orthanc"),
        ("/var/spool/hl7/in/1.hl7", "/var/spool/hl7"),
        ("/mnt/nas/scan/1.tif", "/mnt/nas"),
        ("/var/tmp/export/LUND.csv", "/var/tmp"),
    ],
)
def test_a_file_of_data_is_told_by_its_folder(path: str, folder: str) -> None:
    assert data_folder(path) == folder


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/usr/local/bin/tool",
        "/opt/ehr/bin/start.sh",
        "/var/log/app/debug.log",
        "/root/notes",
        "/home/alice/.profile",
        "/home/alice/.ssh/authorized_keys",
        "/var/lib/dpkg/info/x.list",
    ],
)
def test_what_belongs_to_the_system_or_is_a_setting_is_told_itself(path: str) -> None:
    assert data_folder(path) is None


@pytest.mark.parametrize("path", ["/home/alice", "/srv/exchange", "/var/lib/orthanc"])
def test_the_folder_of_an_account_or_a_service_is_told_itself(path: str) -> None:
    assert data_folder(path, is_folder=True) is None
    assert data_folder(path) is not None


def test_folders_are_counted() -> None:
    assert counted(map(data_folder, ["/srv/pacs/a/1.dcm", "/srv/pacs/b/2.dcm", "/etc/x"])) == {"/srv/pacs": 2}
    assert (describe("/srv/pacs", 2), describe("/srv/pacs", 1)) == ("2 entries in /srv/pacs", "1 entry in /srv/pacs")


def test_a_path_is_named_itself_or_by_its_folder() -> None:
    assert named("/srv/pacs/LUND^Ilsa/1.dcm") == "something in /srv/pacs"
    assert (named("/etc/shadow"), named("/srv/pacs", is_folder=True)) == ("/etc/shadow", "/srv/pacs")
