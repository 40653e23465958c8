"""A mirror with an installer of IB Gateway, as a build argument names one: here the installer of a stand-in.

IB's installer cannot be fetched in a test. The stand-in's is a shell script that unpacks itself, takes the same arguments and leaves the
same files: the gateway's folder and, beside it, the Java that it brings. Inside is the Swing program that the tests of IBC use.
"""

import hashlib
import http.server
import io
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import engine

STANDIN = Path(__file__).parent.parent / "ibc" / "standin"
VERSION = "10.37.1z"
SIMULATOR_PORT = 14002
"""Where the stand-in finds the simulator, once it is logged in."""
RECORD = "/var/lib/ibactors/attempts"
"""Where it writes down each login."""
JAVA = Path("/usr/lib/jvm/java-17-openjdk-amd64/bin")
JAVA_MODULES = "java.base,java.desktop,java.logging,java.prefs,java.xml,jdk.unsupported"
JRE = Path("/usr/local/i4j_jres/standin/17")
INSTALLER = """\
#!/bin/sh
# The installer of a stand-in for IB Gateway: -q -dir FOLDER
set -eu
[ "$1" = -q ] && [ "$2" = -dir ]
mkdir -p "$3"
tail -n +8 "$0" | tar -xz -C / --transform "s,^gateway,${3#/},"
exit 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """Where it is, and what it must be."""

    url: str
    sha256: str
    version_url: str


@contextmanager
def serving(folder: Path) -> Iterator[Installer]:
    """The mirror serves on loopback inside the block."""
    path = build_installer(folder)
    handler = partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_address[1]}"
        (folder / "version.json").write_text(
            f'ibgatewaystable_callback({{"buildVersion":"{VERSION}","buildDateTime":"20261101 12:00:00"}});'
        )
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        yield Installer(url=f"{here}/{path.name}", sha256=digest, version_url=f"{here}/version.json")
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def build_installer(folder: Path) -> Path:
    """Compile the stand-in, take a small Java for it, pack both behind the script."""
    folder.mkdir(parents=True, exist_ok=True)
    engine.install_java()
    jre = folder / "jre"
    if not jre.exists():
        subprocess.run(
            [JAVA / "jlink", "--add-modules", JAVA_MODULES, "--strip-debug", "--no-man-pages", "--no-header-files", "--output", jre],
            check=True,
        )
    classes = folder / "classes"
    subprocess.run([JAVA / "javac", "--release", "17", "-d", classes, *sorted(STANDIN.glob("**/*.java"))], check=True)
    jar = folder / "standin.jar"
    subprocess.run([JAVA / "jar", "--create", "--file", jar, "-C", classes, "."], check=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        tar.add(jar, "gateway/jars/standin.jar")
        tar.add(jre, str(JRE).lstrip("/"))
        _add_text(tar, "gateway/standin.properties", f"simulator={SIMULATOR_PORT}\nrecord={RECORD}\n")
        _add_text(tar, "gateway/ibgateway.vmoptions", "-Xmx256m\n")
        _add_text(tar, "gateway/.install4j/inst_jre.cfg", f"{JRE}\n")
        _add_text(tar, "gateway/.install4j/i4jparams.conf", '<variable name="javaOptions" value="" />\n')
    path = folder / "ibgateway-standin-linux-x64.sh"
    path.write_bytes(INSTALLER.encode() + packed.getvalue())
    return path


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(text)
    member.mode = 0o644
    tar.addfile(member, io.BytesIO(text.encode()))
