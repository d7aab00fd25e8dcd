# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real host in a folder of its own: writes that keep what a file has, no links followed, commands that end."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.base import Image
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import (
    File,
    Meta,
    file_image,
    narrower_image,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import (
    ClinicalError,
    ExchangedError,
    HostWriteError,
    ReadOnlyError,
)
from ansible_collections.healthops.clinical.plugins.module_utils._host import acl, door, real
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import TEMPORARY_SUFFIX, Stat
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost

HOST = RealHost()
ME, MINE = os.getuid(), os.getgid()
NOBODY = 65534
#: user::rw- user:65534:r-- group::r-- mask::r-- other::---, as the kernel stores it.
ACL = bytes.fromhex("0200000001000600ffffffff02000400feff000004000400ffffffff10000400ffffffff20000000ffffffff")
as_root = pytest.mark.skipif(ME != 0, reason="only root may give files away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder below which every step is trusted, even if the way to pytest's own holds links."""
    return Path(os.path.realpath(tmp_path))


def write(path: Path, content: bytes = b"new\n", mode: int = 0o644, xattrs: Dict[str, bytes] | None = None) -> None:
    HOST.write(str(path), content, mode, ME, MINE, xattrs or {})


def attributes_or_skip(path: Path, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip(f"the file system of {path} has no {name}")


def seen(path: Path) -> Stat:
    info = HOST.stat(str(path))
    assert info is not None
    return info


def litter(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(f"*{TEMPORARY_SUFFIX}")]


# --- reading ---


def test_a_text_is_read_whole_and_an_absent_one_is_empty(folder: Path) -> None:
    (folder / "conf").write_bytes("PermitRootLogin nein\n# \u00e4\n".encode())
    assert HOST.read_text(str(folder / "conf")) == "PermitRootLogin nein\n# \u00e4\n"
    assert HOST.read_text(str(folder / "absent")) == ""


def test_bytes_that_are_no_text_are_replaced_or_survive_to_be_written_back(folder: Path) -> None:
    (folder / "conf").write_bytes(b"name = \xe4\n")
    assert HOST.read_text(str(folder / "conf")) == "name = \ufffd\n"
    text = HOST.read_text(str(folder / "conf"), "surrogateescape")
    assert text.encode("utf-8", "surrogateescape") == b"name = \xe4\n"


def test_the_clock_on_the_wall() -> None:
    assert abs(HOST.now() - time.time()) < 60


@pytest.mark.parametrize("name", ["missing", "missing/deeper", "file/deeper"])
def test_what_is_not_there_reads_as_nothing(folder: Path, name: str) -> None:
    (folder / "file").write_text("x")
    assert HOST.read(str(folder / name)) is None
    assert HOST.stat(str(folder / name)) is None
    assert HOST.xattrs(str(folder / name)) == {}
    assert HOST.listdir(str(folder / name)) == []


def test_a_link_a_folder_a_pipe_and_a_socket_are_not_read(folder: Path) -> None:
    (folder / "target").write_text("secret")
    (folder / "link").symlink_to("target")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
    for name in ("link", "pipe", "socket", "."):
        with pytest.raises(ClinicalError, match="Reading"):
            HOST.read(str(folder / name))
    kinds = {name: info.kind for name in HOST.listdir(str(folder)) if (info := HOST.stat(str(folder / name)))}
    assert kinds == {"target": "file", "link": "link", "pipe": "other", "socket": "other"}


def test_a_pipe_in_the_place_of_a_file_gets_its_mode(folder: Path) -> None:
    os.mkfifo(folder / "pipe", 0o666)
    planned = HOST.stat(str(folder / "pipe"))
    assert planned is not None
    HOST.set_meta(str(folder / "pipe"), 0o600, planned.uid, planned.gid, planned)
    assert (folder / "pipe").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["gone", "link", "socket", "no-folder-above"])
def test_what_is_something_else_by_now_is_left_to_whoever_exchanged_it(folder: Path, kind: str) -> None:
    (folder / "below").mkdir()
    path = folder / "below" / "file"
    path.write_text("x")
    planned = HOST.stat(str(path))
    assert planned is not None
    path.unlink()
    if kind == "link":
        path.symlink_to("/etc/shadow")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "no-folder-above":
        (folder / "below").rmdir()
        (folder / "below").write_text("no folder")
    with pytest.raises(ExchangedError):
        HOST.set_meta(str(path), 0o600, planned.uid, planned.gid, planned)


def test_a_huge_file_is_refused_and_does_not_fill_the_memory(folder: Path) -> None:
    with open(folder / "huge", "wb") as file:
        file.truncate(door.READ_LIMIT + 1)
    with pytest.raises(ClinicalError, match="larger than"):
        HOST.read(str(folder / "huge"))
    with open(folder / "huge", "r+b") as file:
        file.truncate(door.READ_LIMIT)
    assert len(HOST.read(str(folder / "huge")) or b"") == door.READ_LIMIT


def test_stat_tells_the_twelve_bits_and_where_a_link_points(folder: Path) -> None:
    (folder / "file").write_text("x")
    (folder / "file").chmod(0o4750)
    (folder / "link").symlink_to("file")
    file, link = HOST.stat(str(folder / "file")), HOST.stat(str(folder / "link"))
    assert file is not None
    assert (file.kind, file.mode, file.uid, file.gid) == ("file", 0o4750, ME, MINE)
    assert link is not None
    assert (link.kind, link.target) == ("link", "file")


def test_names_that_nobody_has_are_told_as_numbers() -> None:
    assert (HOST.uid("root"), HOST.gid("root"), HOST.owner_name(0), HOST.group_name(0)) == (0, 0, "root", "root")
    assert (HOST.uid("no-such-name"), HOST.gid("no-such-name")) == (None, None)
    assert (HOST.owner_name(4_000_000), HOST.group_name(4_000_000)) == ("4000000", "4000000")


# --- writing ---


def test_a_new_file_has_its_mode_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        write(folder / "new", mode=0o664)
        HOST.mkdir(str(folder / "dir"), 0o775, ME, MINE)
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o664
    assert stat.S_IMODE((folder / "dir").stat().st_mode) == 0o775
    assert litter(folder) == []


def test_a_file_is_replaced_and_never_written_into(folder: Path) -> None:
    (folder / "file").write_text("old\n")
    with open(folder / "file") as reader:
        write(folder / "file")
        assert reader.read() == "old\n"
    assert (folder / "file").read_text() == "new\n"


def test_mode_owner_and_attributes_are_kept(folder: Path) -> None:
    path = folder / "file"
    path.write_text("old\n")
    path.chmod(0o4751)
    attributes_or_skip(path, "user.note", b"\x00kept\xff")
    if ME == 0:
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o4751)
    before = path.stat()
    File(str(path)).put(HOST, file_image(b"new\n"))
    after = path.stat()
    assert (path.read_text(), after.st_ino != before.st_ino) == ("new\n", True)
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert HOST.xattrs(str(path)) == {"user.note": b"\x00kept\xff"}


def test_an_access_list_is_kept_and_comes_back(folder: Path) -> None:
    path = folder / "file"
    path.write_text("old\n")
    path.chmod(0o640)
    attributes_or_skip(path, "system.posix_acl_access", ACL)
    before = File(str(path)).capture(HOST)
    File(str(path)).put(HOST, file_image(b"new\n"))
    assert os.getxattr(path, "system.posix_acl_access") == ACL
    path.unlink()
    File(str(path)).put(HOST, before)
    assert File(str(path)).capture(HOST) == before
    assert os.getxattr(path, "system.posix_acl_access") == ACL


def test_attributes_that_were_not_there_before_go_again(folder: Path) -> None:
    path = folder / "file"
    path.write_text("old\n")
    before = File(str(path)).capture(HOST)
    attributes_or_skip(path, "user.note", b"new")
    File(str(path)).put(HOST, before)
    assert File(str(path)).capture(HOST) == before


def test_a_link_at_the_place_is_replaced_not_followed(folder: Path) -> None:
    (folder / "target").write_text("theirs\n")
    (folder / "link").symlink_to("target")
    write(folder / "link")
    assert not (folder / "link").is_symlink()
    assert (folder / "target").read_text() == "theirs\n"


def test_owner_and_mode_of_a_link_are_never_set(folder: Path) -> None:
    (folder / "target").write_text("theirs\n")
    (folder / "target").chmod(0o600)
    (folder / "link").symlink_to("target")
    with pytest.raises(ClinicalError):
        HOST.set_meta(str(folder / "link"), 0o666, ME, MINE, seen(folder / "link"))
    with pytest.raises(ClinicalError, match="not followed"):
        Meta(str(folder / "link")).put(HOST, {"kind": "file", "mode": 0o666})
    assert stat.S_IMODE((folder / "target").stat().st_mode) == 0o600


@as_root
def test_giving_a_file_away_keeps_its_set_user_bit(folder: Path) -> None:
    (folder / "file").write_text("x")
    HOST.set_meta(str(folder / "file"), 0o4755, NOBODY, NOBODY, seen(folder / "file"))
    assert stat.S_IMODE((folder / "file").stat().st_mode) == 0o4755


class Swapping(RealHost):
    """A machine on which somebody exchanges a file right after each look at it."""

    def __init__(self, path: Path, by: Path) -> None:
        self.path, self.by = path, by

    def stat(self, path: str) -> Stat | None:
        info = super().stat(path)
        if path == str(self.path) and self.by.exists():
            os.replace(self.by, self.path)
        return info


@as_root
@pytest.mark.parametrize(
    "image",
    [
        pytest.param(narrower_image("file", 0o022, NOBODY), id="taking bits away"),
        pytest.param({"kind": "file", "mode": 0o600}, id="setting a mode"),
        pytest.param({"kind": "file", "mode": 0o600, "uid": NOBODY, "gid": NOBODY}, id="putting it back"),
    ],
)
def test_a_file_that_is_exchanged_after_the_look_is_not_given_away(folder: Path, image: Image) -> None:
    """Without any race: the one that opens it sees another file than the one that looked."""
    planned, of_root = folder / "planned", folder / "shadow"
    planned.write_text("mine")
    os.chown(planned, NOBODY, NOBODY)
    planned.chmod(0o666)
    of_root.write_text("root's")
    of_root.chmod(0o644)
    with pytest.raises(ClinicalError, match="somebody has exchanged it"):
        Meta(str(planned)).put(Swapping(planned, of_root), image)
    info = planned.stat()
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (0, 0, 0o644)
    assert planned.read_text() == "root's"


@as_root
def test_an_owner_that_nobody_planned_to_change_is_not_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("x")
    (folder / "file").chmod(0o666)
    monkeypatch.setattr(os, "fchown", lambda *_arguments: pytest.fail("it is set"))
    Meta(str(folder / "file")).put(HOST, narrower_image("file", 0o022, 0))
    assert stat.S_IMODE((folder / "file").stat().st_mode) == 0o644


@as_root
@pytest.mark.parametrize("kind", ["file", "dir"])
def test_what_was_taken_from_an_account_goes_back_to_it_and_nothing_else_does(folder: Path, kind: str) -> None:
    path = folder / "it"
    path.mkdir() if kind == "dir" else path.touch()
    for theirs in (folder, path):
        os.chown(theirs, NOBODY, NOBODY)
    meta = Meta(str(path))
    before = meta.capture(HOST)
    meta.put(HOST, {"kind": kind, "mode": 0o600, "uid": 0, "gid": 0})
    meta.put(HOST, before)
    assert meta.capture(HOST) == before
    meta.put(HOST, {"kind": kind, "mode": 0o600, "uid": 0, "gid": 0})
    path.rename(folder / "aside")
    path.mkdir() if kind == "dir" else path.touch()
    with pytest.raises(ClinicalError, match="it is root's"):
        meta.put(HOST, before)
    assert path.stat().st_uid == 0


@as_root
def test_what_is_roots_is_given_away_only_where_root_alone_can_exchange_it(folder: Path) -> None:
    """As where a run that took bits away is put back, and a file of root's lies there by then."""
    (folder / "file").write_text("root's")
    folder.chmod(0o777)
    before = {"kind": "file", "mode": 0o644, "uid": NOBODY, "gid": NOBODY}
    with pytest.raises(ClinicalError, match="lies where others can exchange it"):
        Meta(str(folder / "file")).put(HOST, before)
    assert (folder / "file").stat().st_uid == 0
    folder.chmod(0o755)
    Meta(str(folder / "file")).put(HOST, before)
    assert (folder / "file").stat().st_uid == NOBODY


def test_a_link_of_roots_on_the_way_is_followed(folder: Path) -> None:
    if ME != 0:
        pytest.skip("the folder is not root's")
    (folder / "real").mkdir()
    (folder / "way").symlink_to("real")
    write(folder / "way" / "file")
    assert (folder / "real" / "file").read_text() == "new\n"


@as_root
@pytest.mark.parametrize("trap", ["shared folder", "user's link"])
def test_a_link_that_somebody_else_could_move_is_refused(folder: Path, trap: str) -> None:
    (folder / "victim").mkdir()
    (folder / "shared").mkdir()
    link = folder / "shared" / "way"
    link.symlink_to(folder / "victim")
    if trap == "shared folder":
        (folder / "shared").chmod(0o1777)
    else:
        os.lchown(link, NOBODY, NOBODY)
    place = link / "file"
    for act in (
        lambda: write(place),
        lambda: HOST.symlink(str(place), "/dev/null"),
        lambda: HOST.mkdir(str(place), 0o755, 0, 0),
        lambda: HOST.remove(str(place)),
    ):
        with pytest.raises(ClinicalError, match="somebody else than root could move"):
            act()
    assert list((folder / "victim").iterdir()) == []


@pytest.mark.parametrize("path", ["relative", "/", "/tmp/../etc/x", "/tmp//x", "/tmp/x/"])
def test_only_plain_absolute_paths_are_changed(path: str) -> None:
    with pytest.raises(ClinicalError, match="not a plain absolute path"):
        HOST.write(path, b"", 0o644, ME, MINE, {})


def test_a_link_replaces_a_file_and_a_file_a_link(folder: Path) -> None:
    (folder / "unit").write_text("x")
    HOST.symlink(str(folder / "unit"), "/dev/null")
    assert os.readlink(folder / "unit") == "/dev/null"
    write(folder / "unit")
    assert (folder / "unit").read_text() == "new\n"
    assert litter(folder) == []


def test_a_link_over_a_folder_is_refused_and_leaves_nothing_behind(folder: Path) -> None:
    (folder / "dir").mkdir()
    for act in (lambda: HOST.symlink(str(folder / "dir"), "/dev/null"), lambda: write(folder / "dir")):
        with pytest.raises(ClinicalError):
            act()
    assert (folder / "dir").is_dir()
    assert litter(folder) == []


def test_a_folder_that_is_there_gets_its_mode(folder: Path) -> None:
    (folder / "dir").mkdir(mode=0o777)
    (folder / "dir" / "file").write_text("x")
    HOST.mkdir(str(folder / "dir"), 0o700, ME, MINE)
    assert stat.S_IMODE((folder / "dir").stat().st_mode) == 0o700
    assert (folder / "dir" / "file").exists()


def test_a_folder_is_not_made_through_a_link(folder: Path) -> None:
    (folder / "target").mkdir(mode=0o755)
    (folder / "link").symlink_to("target")
    with pytest.raises(ClinicalError):
        HOST.mkdir(str(folder / "link"), 0o700, ME, MINE)
    assert stat.S_IMODE((folder / "target").stat().st_mode) == 0o755


def test_removing(folder: Path) -> None:
    (folder / "target").write_text("x")
    (folder / "link").symlink_to("target")
    (folder / "empty").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "file").write_text("x")
    for name in ("link", "empty", "never-there", "no-folder/never-there"):
        HOST.remove(str(folder / name))
    with pytest.raises(ClinicalError, match="not empty"):
        HOST.remove(str(folder / "full"))
    assert HOST.listdir(str(folder)) == ["full", "target"]


def test_what_a_killed_run_left_is_swept_and_does_not_stand_in_the_way(folder: Path) -> None:
    for kind in ("file", "dir"):
        temporary = folder / f".new{TEMPORARY_SUFFIX}"
        temporary.mkdir() if kind == "dir" else temporary.write_text("half")
        File(str(folder / "new")).put(HOST, file_image(b"new\n"))
        assert HOST.listdir(str(folder)) == ["new"]
        (folder / "new").unlink()


@contextmanager
def small_files_only(size: int) -> Iterator[None]:
    """No file of this process may grow beyond size bytes, which the kernel tells much like a full disk."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_write_that_does_not_fit_leaves_the_old_file_and_no_scrap(folder: Path) -> None:
    (folder / "file").write_text("old\n")
    with small_files_only(1000), pytest.raises(ClinicalError, match="File too large"):
        write(folder / "file", b"x" * 100_000)
    assert HOST.listdir(str(folder)) == ["file"]
    assert (folder / "file").read_text() == "old\n"


@as_root
@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ("size=64k", HostWriteError, r"No space left on device\. Free space"),
        ("ro", ReadOnlyError, r"Read-only file system\. Remount it writable and run again, or .* hardening_skip"),
    ],
)
def test_a_full_and_a_read_only_disk(folder: Path, options: str, kind: type[HostWriteError], message: str) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(HostWriteError, match=message) as error:
            write(folder / "file", b"x" * 200_000)
        assert error.type is kind
        assert HOST.listdir(str(folder)) == []
    finally:
        subprocess.run(["umount", folder], check=True)


def test_what_is_added_comes_after_what_is_there_and_is_read_by_nobody_else(folder: Path) -> None:
    for content in (b"one\n", b"two\n"):
        HOST.append(str(folder / "ledger"), content)
    assert (folder / "ledger").read_text() == "one\ntwo\n"
    assert (folder / "ledger").stat().st_mode & 0o777 == 0o600
    (folder / "link").symlink_to(folder / "ledger")
    with pytest.raises(ClinicalError, match="Adding to"):
        HOST.append(str(folder / "link"), b"three\n")


def test_a_value_is_written_in_place(folder: Path) -> None:
    (folder / "value").write_text("12345\n")
    inode = (folder / "value").stat().st_ino
    HOST.write_value(str(folder / "value"), "1")
    assert ((folder / "value").read_text(), (folder / "value").stat().st_ino) == ("1\n", inode)
    with pytest.raises(ClinicalError, match="Setting"):
        HOST.write_value(str(folder / "missing"), "1")


# --- running ---


def test_a_command_gets_a_plain_environment_and_its_words_unchanged() -> None:
    done = HOST.run([sys.executable, "-c", "import os, sys; print(os.environ['LC_ALL'], sys.argv[1])", "a b; c"])
    assert (done.rc, done.out) == (0, "C a b; c\n")
    assert "PYTHONPATH" not in HOST.run(["env"]).out


def test_a_command_that_fails_tells_its_first_words() -> None:
    done = HOST.run(["sh", "-c", "echo; echo wrong >&2; echo more >&2; exit 3"])
    assert (done.rc, done.err_line) == (3, "wrong")
    assert HOST.run(["true"]).err_line == "it said nothing"


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(ClinicalError, match="no such command"):
        HOST.run(["no-such-command-anywhere"])


def test_a_command_gets_the_proxies_of_the_play_and_nothing_else_of_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "mirror.example")
    monkeypatch.setenv("APT_CONFIG", "/home/somebody/apt.conf")
    told = dict(line.split("=", 1) for line in HOST.run(["env"]).out.split("\n") if "=" in line)
    assert (told["http_proxy"], told["NO_PROXY"]) == ("http://proxy.example:3128", "mirror.example")
    assert "APT_CONFIG" not in told
    assert HOST.run(["sh", "-c", "echo $http_proxy"], env={"http_proxy": ""}).out == "\n"


def test_input_can_be_opened_again_by_its_name() -> None:
    assert HOST.run(["sh", "-c", "cat /dev/stdin; test -f /dev/stdin && cat /dev/stdin"], stdin="ab").out == "abab"


def test_input_and_bytes_that_are_no_text() -> None:
    assert HOST.run(["cat"], stdin="grüß").out == "grüß"
    assert HOST.run(["printf", r"\377"]).out == "\ufffd"


def test_a_command_that_hangs_is_ended_with_its_children(folder: Path) -> None:
    script = f"sleep 60 & echo $! > {folder}/child; wait"
    with pytest.raises(ClinicalError, match="no answer within"):
        HOST.run(["sh", "-c", script], timeout=0.5)
    child = int((folder / "child").read_text())
    for _attempt in range(50):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split(")")[1][:3]:
            return
        time.sleep(0.02)
    pytest.fail("the child lives on")


def test_a_daemon_that_keeps_the_output_open_does_not_hold_up_the_end(folder: Path) -> None:
    script = f"setsid sh -c 'echo $$ > {folder}/daemon; exec sleep 30' & sleep 60"
    began = time.monotonic()
    with pytest.raises(ClinicalError, match="no answer within"):
        HOST.run(["sh", "-c", script], timeout=0.5)
    assert time.monotonic() - began < 10
    os.kill(int((folder / "daemon").read_text()), signal.SIGKILL)


def test_only_programs_in_the_usual_places_are_found(folder: Path) -> None:
    (folder / "tool").write_text("#!/bin/sh\n")
    assert HOST.which(str(folder / "tool")) is None
    (folder / "tool").chmod(0o755)
    assert HOST.which(str(folder / "tool")) == str(folder / "tool")
    assert HOST.which("tool") is None


def test_what_is_spawned_lives_on_by_itself(folder: Path) -> None:
    """In a session of its own, so that nothing that ends this one ends it, and with nothing of ours open."""
    starter = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[3])!r})
import conftest
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
RealHost().spawn(["sh", "-c", "ps -o sid= -p $$ > {folder}/began; readlink /proc/$$/fd/0 >> {folder}/began; \\
    until [ -e {folder}/go ]; do sleep 0.05; done; mv {folder}/began {folder}/ended"])
"""
    subprocess.run([sys.executable, "-c", starter], check=True, capture_output=True, timeout=60)
    (folder / "go").touch()
    for _attempt in range(200):
        if (folder / "ended").exists():
            break
        time.sleep(0.05)
    session, source = (folder / "ended").read_text().split()
    assert int(session) != os.getsid(0)
    assert source == "/dev/null"


def test_account_files_are_locked_for_everybody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that holds the lock of passwd and useradd is waited for, and named where it does not end."""
    lock = tmp_path / "lock"
    monkeypatch.setattr(real, "ACCOUNTS_LOCK", str(lock))
    monkeypatch.setattr(real, "ACCOUNTS_LOCK_WAIT", 0.0)
    held = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with RealHost().accounts_locked():
        pass
    argv = [sys.executable, "-c", held, str(lock)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(ClinicalError, match="another program has kept it"), RealHost().accounts_locked():
            pass
        other.communicate(b"\n")
    with RealHost().accounts_locked():
        pass


# --- looking at several things together ---


def test_looks_are_made_at_the_same_time_and_told_in_their_order() -> None:
    meeting = threading.Barrier(2, timeout=30)  # each waits for the other, so one after the other would never end

    def look(number: int) -> int:
        meeting.wait()
        return number

    assert HOST.gather([functools.partial(look, number) for number in range(4)]) == [0, 1, 2, 3]
    assert HOST.gather([]) == []


def test_a_look_that_fails_fails_all_of_them_and_none_goes_on_alone() -> None:
    def fails() -> int:
        raise ClinicalError("Reading", "it", "no")

    before = threading.active_count()
    with pytest.raises(ClinicalError, match="Reading it: no"):
        HOST.gather([fails, lambda: 1, fails])
    assert threading.active_count() == before


def test_a_file_of_any_size_has_a_digest(folder: Path) -> None:
    large = folder / "large"
    with large.open("wb") as file:
        file.truncate(door.READ_LIMIT + 1)
    info = HOST.stat(str(large))
    assert info is not None
    assert info.size == door.READ_LIMIT + 1
    assert HOST.digest(str(large)) == hashlib.sha256(bytes(door.READ_LIMIT + 1)).hexdigest()
    with pytest.raises(ClinicalError, match="Reading"):
        HOST.digest(str(folder / "nothing"))


def test_a_file_a_folder_and_a_link_get_the_time_of_their_last_change_again(folder: Path) -> None:
    (folder / "file").write_text("x")
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("file")
    for name in ("file", "folder", "link"):
        HOST.set_mtime(str(folder / name), 1_234_567_890_123_456_789)
        info = HOST.stat(str(folder / name))
        assert info is not None
        assert info.mtime == 1_234_567_890_123_456_789


def test_a_folder_gets_exactly_these_attributes(folder: Path) -> None:
    attributes_or_skip(folder, "user.old", b"1")
    HOST.set_xattrs(str(folder), {"user.new": b"2"})
    assert HOST.xattrs(str(folder)) == {"user.new": b"2"}


def test_a_folder_with_a_list_of_access_comes_back_with_it(folder: Path) -> None:
    attributes_or_skip(folder, "system.posix_acl_access", ACL)
    before = File(str(folder)).capture(HOST)
    HOST.set_xattrs(str(folder), {})
    os.chmod(folder, 0o700)
    File(str(folder)).put(HOST, before)
    assert File(str(folder)).capture(HOST) == before


def test_a_folder_hands_no_access_control_list_down_to_what_is_written_in_it(tmp_path: Path) -> None:
    whole = acl.complete(0o750, ["default:user:7:rwx"], folder=True)
    try:
        os.setxattr(tmp_path, acl.DEFAULT_ATTRIBUTE, acl.packed(whole, {}.get, {}.get)[acl.DEFAULT_ATTRIBUTE])
    except OSError as error:
        pytest.skip(f"this file system has no access control lists: {error}")
    (tmp_path / "others").touch()
    assert acl.ATTRIBUTE in os.listxattr(tmp_path / "others")  # so the folder does hand one down
    RealHost().write(str(tmp_path / "ours"), b"x", 0o640, os.getuid(), os.getgid(), {})
    assert os.listxattr(tmp_path / "ours") == []
    assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o640
