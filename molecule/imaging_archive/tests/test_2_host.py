# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true on the host itself: the sandbox, secrets, logs, and who may restart what."""

from __future__ import annotations

import re

import pytest
from outside import (
    ADDRESSES,
    ARCHIVES,
    PKI,
    POSTGRESQL,
    READER,
    SQLITE,
    changes,
    dicom,
    each,
    failures,
    play,
    root,
    run,
    ssh,
    status,
    wait_for,
)

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
    archive = SQLITE[-1]
    before = process(archive)
    # As if an upgrade had replaced it: another file with other bytes.
    program = "/usr/sbin/Orthanc"
    root(archive, f"cp -a {program} {program}.new && printf x >> {program}.new && mv {program}.new {program}")
    assert status(archive)["restart_waits"] is True
    code, report = play("converge.yml", "--limit", archive)
    assert code == 0, failures(report, archive)
    assert process(archive) != before
    now = status(archive)
    assert (now["restart_waits"], now["drained"], now["answers"]) == (False, False, True)
    assert re.fullmatch(r"Orthanc 1\.\d+\.\d+ answered", now["saw"])


#: What an earlier release wrote in another way, and what it had not.
EARLIER_UNIT = """# Written by Ansible (healthops.clinical.imaging_archive).
[Unit]
Description={table}
DefaultDependencies=no
# Debian's nftables.service empties all tables when it starts, reloads or stops; these come back after it.
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
After=nftables.service local-fs.target
Before=network-pre.target orthanc.service shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/imaging-archive/{table}.nft
ExecReload=/usr/sbin/nft -f /etc/imaging-archive/{table}.nft
ExecStop=-/usr/sbin/nft delete table inet imaging_archive_{table}

[Install]
WantedBy=sysinit.target nftables.service
"""
UNITS = "/etc/systemd/system"
LATER = [f"{UNITS}/nftables.service.d/imaging-archive-{table}.conf" for table in ("doors", "drain")]
DATABASE = [f"{UNITS}/orthanc.service.d/imaging-archive-database.conf", "/usr/local/libexec/imaging-archive/database"]
RUNNING = "systemctl show --property=MainPID,ActiveEnterTimestampMonotonic orthanc nginx imaging-archive-doors"


def as_an_earlier_release_left_it(archive: str) -> None:
    for table in ("doors", "drain"):
        unit = f"{UNITS}/imaging-archive-{table}.service"
        root(archive, f"cat > {unit} << 'END'\n{EARLIER_UNIT.format(table=table).rstrip()}\nEND")
    files = [*LATER, *DATABASE, "/var/lib/healthops/configurations/imaging_archive"]
    root(archive, f"rm -f {' '.join(files)}; systemctl daemon-reload; systemctl reenable imaging-archive-doors")
    root(archive, f"test -L {UNITS}/nftables.service.wants/imaging-archive-doors.service")


def test_an_archive_of_an_earlier_release_is_taken_over_and_nothing_is_restarted() -> None:
    each(as_an_earlier_release_left_it)
    before = each(lambda archive: root(archive, RUNNING))
    reports = [play("converge.yml", *words) for words in (("--check",), (), ("--check",))]
    for archive in ARCHIVES:
        assert [code for code, _report in reports] == [0, 0, 0], [failures(report, archive) for _c, report in reports]
        foretold, done, nothing = (changes(report, archive) for _code, report in reports)
        assert foretold == done
        assert nothing == []
        wanted = {f"{UNITS}/imaging-archive-{table}.service" for table in ("doors", "drain")}
        wanted |= {*LATER, f"{UNITS}/nftables.service.wants/imaging-archive-doors.service"}
        wanted |= set(DATABASE) if archive in POSTGRESQL else set()
        folders = {change["subject"] for change in done if change["after"] == "a folder"}
        assert {change["subject"] for change in done} - folders == {f"file {path}" for path in wanted}
    assert each(lambda archive: root(archive, RUNNING)) == before


@pytest.mark.parametrize("verb", ["restart", "reload", "stop"])
def test_whatever_nftables_does_the_doors_stay(verb: str) -> None:
    """Its own rules are of no use here, and it empties all tables each time."""
    archive, stranger = ARCHIVES[:2]
    knock = f"timeout 2 bash -c '< /dev/tcp/{ADDRESSES[archive]}/2762'"
    root(archive, f"systemctl start nftables && systemctl {verb} nftables")
    assert root(archive, "systemctl is-active imaging-archive-doors") == "active"
    assert "dport 2762" in root(archive, "nft list table inet imaging_archive_doors")
    assert ssh(stranger, knock).returncode == 124
    assert dicom("echoscu", archive, "CT1")[0] == 0
    # The control: without them, everybody reaches the port.
    root(archive, "systemctl stop imaging-archive-doors")
    try:
        assert ssh(stranger, knock).returncode == 0
    finally:
        root(archive, "systemctl start imaging-archive-doors nftables")


def test_a_database_that_went_away_is_not_begun_anew_beside_its_images() -> None:
    archive = POSTGRESQL[-1]
    storage = "/var/lib/orthanc/db-v6/none"  # no image has such a name
    name = "alter database {} rename to {}"
    root(archive, f"systemctl stop orthanc && mkdir -p {storage}/none && touch {storage}/none/image")
    root(archive, f"runuser -u postgres -- psql -qc '{name.format('orthanc', 'gone')}'")
    assert ssh(archive, "sudo -n systemctl start orthanc").returncode != 0
    assert "There are images and no database orthanc" in root(archive, "journalctl --unit orthanc --lines 50")
    root(archive, f"systemctl stop orthanc; runuser -u postgres -- psql -qc '{name.format('gone', 'orthanc')}'")
    root(archive, f"rm -r {storage}; systemctl reset-failed orthanc; systemctl start orthanc")
    wait_for("Orthanc answers", lambda: status(archive)["answers"])


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
