# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each language has its quotes, and they have one home."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._text import quoting
from rooms import PLUGINS

TEXTS = ("plain", "two words", "it's", 'a "b"', "back\\slash", "100%", "$HOME", "tab\there", "line\nbreak", "#x", "ä")


@pytest.mark.parametrize("text", TEXTS)
def test_a_field_of_a_mount_table_is_what_it_was(text: str) -> None:
    field = quoting.mount_field(text)
    assert quoting.from_mount_field(field) == text
    assert not set(field) & set(" \t\n#")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("/usr/sbin/nft", "/usr/sbin/nft"),
        ("--on=5s", "--on=5s"),
        ("", "''"),
        ("two words", "'two words'"),
        ("it's 100% of $HOME\n", "'it\\'s 100%% of $$HOME\\n'"),
        ("back\\slash", "'back\\\\slash'"),
    ],
)
def test_a_word_of_a_unit_s_command_line_is_one_word(text: str, word: str) -> None:
    assert quoting.unit_word(text) == word
    assert quoting.unit_command(["/bin/echo", text]) == f"/bin/echo {word}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here to ask")
@pytest.mark.parametrize("text", TEXTS)
def test_systemd_takes_each_word(text: str, tmp_path: Path) -> None:
    unit = tmp_path / "quoted.service"
    lines = ["[Unit]", f"Description={quoting.unit_line(text)}", "[Service]", "Type=oneshot"]
    lines.append(f"ExecStart={quoting.unit_command(['/bin/echo', text])}")
    unit.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert "quoted.service:" not in done.stderr


def test_what_people_read_in_a_unit_is_one_line_without_specifiers() -> None:
    assert quoting.unit_line("the ward's\n[Service]\nExecStart=/bin/evil 5%\\") == (
        "the ward's [Service] ExecStart=/bin/evil 5%%"
    )


def test_a_place_has_a_unit() -> None:
    assert quoting.unit_of_place("/var/log") == "var-log.mount"
    assert quoting.unit_of_place("/srv/a-b") == "srv-a\\x2db.mount"


@pytest.mark.parametrize("text", TEXTS)
def test_a_word_of_a_shell_is_one_word(text: str) -> None:
    assert quoting.shell_words(quoting.shell_word(text)) == [text]
    said = subprocess.run(["sh", "-c", f"printf %s {quoting.shell_word(text)}"], capture_output=True, check=True)
    assert said.stdout.decode() == text


def test_a_quote_that_does_not_end_makes_no_words() -> None:
    assert quoting.shell_words("echo 'x") is None
    assert quoting.shell_words("echo \\") is None


def test_quotes_of_programs_are_taken_away() -> None:
    assert quoting.from_apt_value(' "1";') == "1"
    assert quoting.from_sudo_value('"a\\ b"') == "a b"
    assert quoting.from_sshd_value('say \\"x\\"') == 'say "x"'
    assert quoting.from_pam_option(r"[a\] b]") == "a] b"
    assert quoting.from_shell_assignment('"/bin:/usr/bin";') == "/bin:/usr/bin"


def test_a_label_of_prometheus_ends_where_it_ends() -> None:
    assert quoting.prometheus_label('a"b\\\n') == 'a\\"b\\\\\\n'


#: Methods of texts by which quotes are put in or taken away, when their first argument has one.
QUOTING = ("replace", "strip", "lstrip", "translate", "removeprefix", "removesuffix")


def _quotes(node: ast.AST) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
        return "shlex" in names
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in QUOTING):
        return False
    given = node.args[0] if node.args else None
    return isinstance(given, ast.Constant) and isinstance(given.value, str) and bool(set(given.value) & set("'\"\\%"))


def test_no_other_source_quotes() -> None:
    others = [
        f"{path.relative_to(PLUGINS)}:{node.lineno}"  # type: ignore[attr-defined]
        for path in sorted(PLUGINS.rglob("*.py"))
        if path.name != "quoting.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if _quotes(node)
    ]
    assert others == [], "each language has its function in _text.quoting"
