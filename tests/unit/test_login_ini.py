"""The files that a login writes, read by Java's own reader and by one that follows the documentation of java.util.Properties."""

import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings

from ibactors.errors import InvalidRequest, StartupError
from ibactors.gateway.ini import CONFIG, JTS, merged, write_config, write_jts
from ibactors.gateway.properties import escape
from ibactors.model.logins import check_credential

READER = Path(__file__).with_name("ReadProperties.java")
ODD = ["\\", "=", "#", "!", ":", "é", "€", "😀", " p\\a=s#s!é€😀:x", "#lead", "!bang", "a b", "\\u0041", "%s${x}", "\"'`", "\ud800"]

texts = st.text(st.characters(blacklist_categories=["Cc"]), max_size=30)


def read_properties(content: bytes) -> dict[str, str]:
    """The part of java.util.Properties.load that is about one line a property."""
    found = {}
    for line in content.decode("iso-8859-1").splitlines():
        text = line.lstrip(" \t\f")
        if not text or text[0] in "#!":
            continue
        match = re.match(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)", text)
        assert match
        found[_unescape(match[1])] = _unescape(match[2])
    return found


def _unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(match[2], match[2])

    units = re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", one, text)
    return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    if not shutil.which("javac"):
        pytest.skip("there is no Java here; ./dev interop-ibc installs one")
    classes = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "-d", str(classes), str(READER)], check=True)  # noqa: S603, S607
    command = ["java", "-cp", str(classes), READER.stem]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        yield process
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 0


def read_by_java(java: subprocess.Popen[str], path: Path) -> dict[str, str]:
    assert java.stdin
    assert java.stdout
    java.stdin.write(f"{path}\n")
    java.stdin.flush()
    pairs = (pair.split("=") for pair in java.stdout.readline().split())
    return {_from_hex(key): _from_hex(value) for key, value in pairs}


def _from_hex(digits: str) -> str:
    return bytes.fromhex(digits).decode("utf-16-be", "surrogatepass")


@given(texts, texts)
@example(ODD[8], "".join(ODD[:-1]))
def test_an_independent_reader_gets_every_value(tmp_path_factory: pytest.TempPathFactory, user: str, password: str) -> None:
    path = tmp_path_factory.getbasetemp() / "config.ini"
    write_config(path, {"IbLoginId": user, "IbPassword": password})
    assert read_properties(path.read_bytes()) == {**CONFIG, "IbLoginId": user, "IbPassword": password}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts, texts)
@example(ODD[8], "".join(ODD))
def test_java_gets_every_value(java: subprocess.Popen[str], tmp_path_factory: pytest.TempPathFactory, user: str, password: str) -> None:
    path = tmp_path_factory.getbasetemp() / "config.ini"
    write_config(path, {"IbLoginId": user, "IbPassword": password})
    assert read_by_java(java, path) == {**CONFIG, "IbLoginId": user, "IbPassword": password}


@given(st.text())
def test_an_escaped_value_is_one_line_of_ascii(value: str) -> None:
    assert re.fullmatch(r"[ -~]*", escape(value))


@pytest.mark.parametrize("password", ODD[:-1])
def test_odd_passwords_are_accepted_and_written_as_they_are(password: str, tmp_path: Path) -> None:
    check_credential("password", password.strip())
    write_config(tmp_path / "config.ini", {"IbPassword": password.strip()})
    assert read_properties((tmp_path / "config.ini").read_bytes())["IbPassword"] == password.strip()


@pytest.mark.parametrize(
    ("value", "complaint", "remedy"),
    [
        ("", "password is empty", "Give the password"),
        (" hunter2", "starts or ends with a blank", "Remove the blank"),
        ("hunter2 ", "starts or ends with a blank", "Remove the blank"),
        ("hunter2\nTradingMode=live", "control character", "without line ends"),
        ("hunter2\r", "control character", "without line ends"),
        ("hunt\0er2", "control character", "without line ends"),
        ("hunt\ter2", "control character", "without line ends"),
        ("hunter2\u2028x", "control character", "without line ends"),
        ("hunter2\ud800", "control character", "without line ends"),
    ],
)
def test_credentials_that_cannot_be_typed_are_refused_without_showing_them(value: str, complaint: str, remedy: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint) as caught:
        check_credential("password", value)
    assert caught.value.field == "password"
    assert remedy in caught.value.remedy
    assert "hunt" not in str(caught.value) + caught.value.remedy


def test_config_has_every_key_once_and_no_line_of_a_users(tmp_path: Path) -> None:
    path = tmp_path / "config.ini"
    write_config(path, {"TradingMode": "live"})
    keys = [line.split("=")[0] for line in path.read_text("ascii").splitlines()]
    assert keys == list(CONFIG)


def test_config_is_private_replaced_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "private" / "config.ini"
    write_config(path, {"IbPassword": "one"})
    before = path.open()
    path.chmod(0o644)
    write_config(path, {"IbPassword": "two"})
    with before:
        assert "IbPassword=one\n" in before.read()
    assert "IbPassword=two\n" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("values", "complaint"), [({"TradingMod": "live"}, "TradingMod is no setting"), ({"ControlFrom": "a\nb"}, "ControlFrom")]
)
def test_settings_that_ibc_would_not_understand_are_refused(tmp_path: Path, values: dict[str, str], complaint: str) -> None:
    path = tmp_path / "config.ini"
    with pytest.raises(StartupError, match=complaint):
        write_config(path, values)
    assert not path.exists()


def test_a_new_jts_ini_trusts_this_machine_alone_and_speaks_english(tmp_path: Path) -> None:
    path = tmp_path / "jts.ini"
    write_jts(path)
    lines = path.read_text().splitlines()
    assert lines[0] == "[IBGateway]"
    assert {"TrustedIPs=127.0.0.1", "ApiOnly=true", "WriteDebug=false"} <= set(lines[1 : lines.index("[Logon]")])
    assert {"Locale=en", "TimeZone=Etc/UTC", "UseSSL=true"} <= set(lines[lines.index("[Logon]") :])


def test_jts_ini_keeps_what_the_gateway_wrote(tmp_path: Path) -> None:
    path = tmp_path / "jts.ini"
    path.write_bytes(
        b"; caf\xe9\n[Logon]\r\nuseRemoteSettings=false\nLocale=de\nTimeZone=Europe/Berlin\n\n[Communication]\nPeer=zdc1.ibllc.com:4001\n"
    )
    write_jts(path, time_zone="America/Chicago")
    once = path.read_bytes()
    write_jts(path, time_zone="America/Chicago")
    assert path.read_bytes() == once
    assert once.startswith(b"; caf\xe9\n[Logon]\n")
    assert b"\nuseRemoteSettings=false\n" in once
    assert b"\n[Communication]\nPeer=zdc1.ibllc.com:4001\n" in once
    assert b"Locale=de" not in once
    assert b"Berlin" not in once
    assert once.count(b"TimeZone=America/Chicago\n") == 1
    assert once.count(b"Locale=en\n") == once.count(b"[IBGateway]\n") == 1


line = st.one_of(st.sampled_from(["[Logon]", "[IBGateway]", "[Other]", "Locale=de", "TrustedIPs=0.0.0.0"]), st.text("ab=[] ", max_size=6))


@given(st.lists(line, max_size=12))
def test_settings_are_there_once_and_nothing_else_is_lost(lines: list[str]) -> None:
    result = merged(lines, JTS)
    for section, values in JTS.items():
        assert result.count(f"[{section}]") == 1
        for key, value in values.items():
            assert f"{key}={value}" in result
    ours = {key for values in JTS.values() for key in values}
    for text in lines:
        assert text in result or text.partition("=")[0].strip() in ours or text.rstrip().endswith("]")
