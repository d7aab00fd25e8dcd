# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets in and who does not, as dcmtk, openssl and curl see it."""

from __future__ import annotations

import pytest
from outside import ADDRESSES, ARCHIVES, PKI, READER, SENDER, dicom, each, rest, root, run, ssh

IMAGE = "/tmp/one.dcm"
archives = pytest.mark.parametrize("archive", ARCHIVES)


@pytest.fixture(autouse=True, scope="module")
def _image() -> None:
    dump = r"(0008,0016) UI [1.2.840.10008.5.1.4.1.1.4]\n(0008,0018) UI [1.2.3.4.5]\n(0010,0020) LO [REFUSED]\n"
    ssh(SENDER, f"printf '{dump}' > /tmp/one.dump && dump2dcm /tmp/one.dump {IMAGE}")


@archives
def test_a_declared_peer_is_answered(archive: str) -> None:
    code, said = dicom("echoscu", archive, "CT1")
    assert (code, "Received Echo Response (Success)" in said) == (0, True), said


@archives
@pytest.mark.parametrize(
    ("title", "called", "tls", "why"),
    [
        pytest.param("CT1", "SOMEBODY", "sender", "Called AE Title Not Recognized", id="wrong called title"),
        pytest.param("CT9", "CLINARCH", "sender", "Calling AE Title Not Recognized", id="unknown calling title"),
        pytest.param("ct1", "CLINARCH", "sender", "Calling AE Title Not Recognized", id="nearly the title"),
        pytest.param("HEALTHPROBE", "CLINARCH", "sender", "Calling AE Title Not Recognized", id="another address"),
        pytest.param("CT1", "CLINARCH", "rogue", "reset by peer|aborted Association|TLS", id="rogue authority"),
        pytest.param("CT1", "CLINARCH", "expired", "reset by peer|aborted Association|TLS", id="expired certificate"),
        pytest.param("CT1", "CLINARCH", "none", "reset by peer|aborted Association|TLS", id="no certificate"),
        pytest.param("CT1", "CLINARCH", "", "aborted Association", id="plaintext"),
    ],
)
def test_others_are_refused(archive: str, title: str, called: str, tls: str, why: str) -> None:
    code, said = dicom("echoscu", archive, title, called=called, tls=tls)
    assert code != 0
    assert any(word in said for word in why.split("|")), said


@archives
@pytest.mark.parametrize(("version", "taken"), [("tls1", False), ("tls1_1", False), ("tls1_2", True), ("tls1_3", True)])
def test_tls_is_as_bcp_195_wants_it(archive: str, version: str, taken: bool) -> None:
    certificate = "-cert sender.pem -key sender.key -CAfile ca.pem -verify_return_error"
    old = "" if taken else "-cipher ALL:@SECLEVEL=0"
    host = f"{ADDRESSES[archive]}:2762"
    done = ssh(
        SENDER, f"cd /srv/test/pki && openssl s_client -{version} {old} {certificate} -connect {host} < /dev/null"
    )
    assert ("Cipher is (NONE)" not in done.stdout) == taken, done.stdout + done.stderr


@archives
def test_a_peer_may_what_was_allowed_and_nothing_else(archive: str) -> None:
    find = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")
    assert dicom("echoscu", archive, "WATCH")[0] == 0
    assert "(Success)" in dicom("findscu", archive, "READING", *find)[1]
    for title in ("WATCH", "READING"):
        code, said = dicom("storescu", archive, title, IMAGE)
        assert (code != 0, "(Success)" in said) == (True, False), said
    for title in ("CT1", "WATCH"):
        assert "(Success)" not in dicom("findscu", archive, title, *find)[1]
    assert "REFUSED" not in rest(archive, "/patients?expand", "-u", READER)[1]


@pytest.mark.parametrize("port", [2762, 443, 8042])
def test_an_undeclared_address_reaches_no_port(port: int) -> None:
    knock = "timeout 2 bash -c '< /dev/tcp/{}/{}'"

    def other(archive: str) -> int:
        stranger = next(name for name in ARCHIVES if name != archive)
        return ssh(stranger, knock.format(ADDRESSES[archive], port)).returncode

    assert set(each(other).values()) == {124}
    assert set(each(lambda archive: ssh(archive, knock.format("127.0.0.1", port)).returncode).values()) == {0}


@archives
@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param((), "401", id="nobody"),
        pytest.param(("-u", READER), "200", id="password"),
        pytest.param(("-u", "reader:wrong"), "401", id="wrong password"),
        pytest.param(("--cert", f"{PKI}/probe.pem", "--key", f"{PKI}/probe.key"), "200", id="certificate"),
        pytest.param(("--cert", f"{PKI}/rogue.pem", "--key", f"{PKI}/rogue.key"), "400", id="rogue certificate"),
        pytest.param(("--cert", f"{PKI}/expired.pem", "--key", f"{PKI}/expired.key"), "400", id="expired certificate"),
        pytest.param(("--tls-max", "1.1", "-u", READER), "000", id="old TLS"),
    ],
)
def test_rest_opens_to_those_who_say_who_they_are(archive: str, words: tuple[str, ...], code: str) -> None:
    assert rest(archive, "/system", *words)[0] == code


@archives
def test_rest_can_neither_stop_it_nor_run_scripts(archive: str) -> None:
    for path in ("/tools/shutdown", "/tools/reset", "/tools/execute-script", "/tools//reset", "/tools/%72eset"):
        assert rest(archive, path, "-u", READER, "-X", "POST", "-d", "")[0] == "403", path


def test_orthanc_itself_answers_nobody_without_a_login() -> None:
    inside = "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8042/system"
    outside = ("curl", "-s", "--max-time", "2")
    assert set(each(lambda archive: root(archive, inside)).values()) == {"401"}
    seen = each(lambda archive: run(*outside, f"http://{ADDRESSES[archive]}:8042/system").returncode)
    assert set(seen.values()) == {28}


@archives
def test_metrics_are_for_monitors(archive: str) -> None:
    url = f"https://{ADDRESSES[archive]}/metrics"
    assert "orthanc_jobs_running" in ssh(SENDER, f"curl -s --max-time 10 --cacert /srv/test/pki/ca.pem {url}").stdout
    assert rest(archive, "/metrics", "-u", READER)[0] == "403"
