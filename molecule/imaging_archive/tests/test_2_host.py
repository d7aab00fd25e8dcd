# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true on the host itself: the sandbox, secrets, logs, and who may restart what."""

from __future__ import annotations

import pytest
from outside import ADDRESSES, ARCHIVES, PKI, READER, each, failures, play, root, run, status, wait_for

archives = pytest.mark.parametrize("archive", ARCHIVES)
PID = "pid=$(systemctl show --property MainPID --value orthanc)\n"
PASSWORD = "not-a-secret-but-a-test"
CONFIGURATION = "sha256sum /etc/imaging-archive/orthanc.json"
TRIGGER = "dpkg-trigger --by-package=orthanc orthanc-restart-trigger && dpkg --configure --pending"


def process(archive: str, unit: str = "orthanc") -> str:
    return root(archive, f"systemctl show --property MainPID --value {unit}")


@archives
def test_the_sandbox_is_in_force(archive: str) -> None:
    told = root(archive, "systemd-analyze security --no-pager orthanc.service | tail -n 1")
    assert float(told.split(": ")[1].split()[0]) < 2.0, told
    kernel = root(archive, PID + "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp|Uid):' /proc/$pid/status")
    lines = dict(line.split(":\t", 1) for line in kernel.splitlines())
    assert (int(lines["CapEff"], 16), int(lines["CapBnd"], 16), lines["NoNewPrivs"]) == (0, 0, "1")
    assert lines["Seccomp"] == "2"
    assert lines["Uid"].split()[0] != "0"


@archives
def test_it_can_write_to_its_images_and_to_nothing_else(archive: str) -> None:
    enter = PID + "nsenter --target $pid --mount -- "
    root(archive, enter + "sh -c 'touch /var/lib/orthanc/db-v6/.try && rm /var/lib/orthanc/db-v6/.try'")
    for path in ("/etc/imaging-archive", "/usr/local/bin", "/var/lib/orthanc", "/var/log"):
        said = root(archive, enter + f"touch {path}/.try 2>&1 || true")
        assert "Read-only file system" in said, (path, said)
    assert root(archive, enter + "ls /home") == ""


@archives
def test_secrets_are_in_files_of_few(archive: str) -> None:
    files = "environment nginx-secret.conf htpasswd tls/key.pem orthanc.json"
    assert root(archive, f"cd /etc/imaging-archive && stat -c '%n %a %U:%G' {files}").splitlines() == [
        "environment 640 root:orthanc",
        "nginx-secret.conf 600 root:root",
        "htpasswd 640 root:www-data",
        "tls/key.pem 640 root:orthanc",
        "orthanc.json 640 root:orthanc",
    ]
    assert root(archive, f"grep -rlF {PASSWORD} /etc /var/log | cat") == ""
    assert root(archive, f"journalctl --no-pager | grep -cF {PASSWORD} | cat") == "0"
    own = "own=$(sed -n 's/IMAGING_ARCHIVE_SECRET=//p' /etc/imaging-archive/environment)\n"
    assert root(archive, own + 'grep -rlFf <(echo "$own") /etc /var/log | cat') == "/etc/imaging-archive/environment"
    # Not in the arguments of any process, and not as an argument of the search either.
    assert root(archive, own + 'cat /proc/[0-9]*/cmdline 2> /dev/null | grep -acFf <(echo "$own") | cat') == "0"


@archives
def test_only_our_file_is_read(archive: str) -> None:
    read = root(archive, PID + "tr '\\0' ' ' < /proc/$pid/cmdline")
    assert read == "/usr/sbin/Orthanc /etc/imaging-archive/orthanc.json"
    # What the package brought is as it brought it, so no upgrade asks about it.
    assert root(archive, "dpkg --verify orthanc | grep /etc/ | cat") == ""


def no_log_names(name: str, archive: str) -> None:
    look = ["curl", "-s", "-o", "/dev/null", "--cacert", f"{PKI}/ca.pem", "-u", READER, "-A", name]
    base = f"https://{ADDRESSES[archive]}"
    paths = (f"/patients/{name}", f"/{name}", f"/dicom-web/studies?PatientName={name}", "/system")
    for path in paths:
        run(*look, "-H", f"Referer: {base}/{name}", base + path)
    root(archive, "systemctl stop orthanc")
    for path in paths:
        run(*look, base + path)
    root(archive, "systemctl start orthanc")
    wait_for("Orthanc answers", lambda: status(archive)["answers"])
    assert root(archive, f"grep -rl {name} /var/log | cat") == ""
    assert root(archive, f"journalctl --no-pager | grep -c {name} | cat") == "0"
    log = root(archive, "cat /var/log/nginx/imaging-archive.log")
    assert "GET /patients 404" in log
    assert "GET /patients 502" in log


def test_no_log_names_a_patient() -> None:
    each(lambda archive: no_log_names("MUELLER-4711", archive))


def a_package_restarts_it_only_while_it_is_drained(archive: str) -> None:
    before = process(archive)
    root(archive, TRIGGER)
    assert process(archive) == before
    # Other packages' services are as free as ever.
    nginx = process(archive, "nginx")
    root(archive, "invoke-rc.d nginx restart")
    assert process(archive, "nginx") != nginx
    # The control: where we have nothing against it, the same trigger restarts it.
    root(archive, f"systemctl start imaging-archive-drain\n{TRIGGER}\nsystemctl stop imaging-archive-drain")
    assert process(archive) != before
    wait_for("Orthanc answers", lambda: status(archive)["answers"])


def test_a_package_restarts_it_only_while_it_is_drained() -> None:
    each(a_package_restarts_it_only_while_it_is_drained)


def test_what_waits_for_a_restart_is_seen_and_applied_by_the_next_run() -> None:
    archive = ARCHIVES[1]
    before = process(archive)
    # As if an upgrade had replaced it: another file with other bytes.
    program = "/usr/sbin/Orthanc"
    root(archive, f"cp -a {program} {program}.new && printf x >> {program}.new && mv {program}.new {program}")
    assert status(archive)["restart_waits"] is True
    code, report = play("converge.yml", "--limit", archive)
    assert code == 0, failures(report, archive)
    assert process(archive) != before
    now = status(archive)
    assert (now["restart_waits"], now["drained"], now["answers"], now["saw"]) == (
        False,
        False,
        True,
        "Orthanc 1.12.7 answered",
    )


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        pytest.param({"imaging_archive_storage_directory": "/srv/elsewhere"}, "would seem lost", id="another place"),
        pytest.param({"imaging_archive_index": "postgresql"}, "would seem lost", id="another index"),
        pytest.param({"imaging_archive_options": {"OverwriteInstances": True}}, "OverwriteInstances", id="decided key"),
        pytest.param({"imaging_archive_aet": "MUCH_TOO_LONG_A_TITLE"}, "1 to 16", id="long title"),
        pytest.param({"imaging_archive_rest_from": ["pacs.example"]}, "Give addresses", id="name for an address"),
    ],
)
def test_what_cannot_end_well_is_not_begun(variables: dict[str, object], said: str) -> None:
    archive = ARCHIVES[0]
    before = root(archive, CONFIGURATION) + process(archive)
    code, report = play("converge.yml", "--limit", archive, **variables)
    assert code == 2
    assert said in failures(report, archive)
    assert root(archive, CONFIGURATION) + process(archive) == before
