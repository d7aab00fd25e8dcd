# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-in files: read as their program does, ordered as systemd does, marked as ours."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._host.dropin import (
    HEADER,
    encode,
    merged,
    ordered_files,
    read_text,
    with_header,
)
from fake_host import FakeHost


def test_a_link_is_followed_as_the_program_would() -> None:
    host = FakeHost()
    host.add_file("/usr/lib/app.conf", "a = 1\n")
    host.add_link("/etc/app.conf", "../usr/lib/app.conf")
    assert read_text(host, "/etc/app.conf") == "a = 1\n"


def test_what_is_not_there_is_told_from_what_is_empty() -> None:
    host = FakeHost()
    host.add_file("/etc/empty.conf", "")
    host.add_link("/etc/dangling.conf", "nowhere")
    assert read_text(host, "/etc/empty.conf") == ""
    assert read_text(host, "/etc/absent.conf") is None
    assert read_text(host, "/etc/dangling.conf") is None


def test_bytes_that_are_no_text_are_written_back_as_they_were() -> None:
    host = FakeHost()
    host.add_file("/etc/app.conf", b"name = \xe4\xff\n")
    text = read_text(host, "/etc/app.conf")
    assert text is not None
    assert encode(text) == b"name = \xe4\xff\n"


def test_a_name_in_an_earlier_folder_hides_it_in_a_later_one() -> None:
    host = FakeHost()
    for path in ("/usr/lib/s.d/10-a.conf", "/usr/lib/s.d/50-b.conf", "/etc/s.d/50-b.conf", "/etc/s.d/90-c.conf"):
        host.add_file(path)
    host.add_file("/etc/s.d/README")
    assert ordered_files(host, ["/etc/s.d", "/run/s.d", "/usr/lib/s.d"]) == [
        "/usr/lib/s.d/10-a.conf",
        "/etc/s.d/50-b.conf",
        "/etc/s.d/90-c.conf",
    ]
    assert ordered_files(host, ["/etc/s.d"], "README") == ["/etc/s.d/README"]


def test_our_own_keeps_what_earlier_runs_put_there() -> None:
    assert merged({"b": "1", "a": "1"}, {"b": "2", "c": "3"}) == {"a": "1", "b": "2", "c": "3"}
    assert list(merged({"b": "1"}, {"a": "2"})) == ["a", "b"]
    assert with_header(["a = 1", "b = 2"]) == f"{HEADER}a = 1\nb = 2\n"
