"""Installs what the tests with the real IBC need, and runs them: python tests/ibc/install.py [PYTEST'S ARGUMENTS...]

Java, Xvfb and x11vnc from Debian, as root; IBC's jar and script from the wheel ibc2, into .interop/ibc, where they are run and
nothing else; our stand-in for the gateway, compiled. What is there already is left as it is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
PLACE = HERE.parent.parent / ".interop" / "ibc"
"""`package` has the wheel's files, `standin.jar` our stand-in."""
LOCK = HERE / "locks" / "ibc2.txt"
STANDIN = HERE / "standin"
PROGRAMS = {"java": "default-jre", "javac": "default-jdk-headless", "Xvfb": "xvfb", "x11vnc": "x11vnc"}
"""The programs and Debian's packages for them."""


class InstallError(Exception):
    """Something could not be installed; the text says what and why."""


def main() -> int:
    try:
        install_programs()
        install_ibc()
        compile_standin()
    except (InstallError, OSError) as error:
        sys.stderr.write(f"interop-ibc: {error}\n")
        return 2
    tests = [sys.executable, "-m", "tests.twice", "-m", "ibc", str(HERE), *sys.argv[1:]]
    return subprocess.run(tests, check=False).returncode  # noqa: S603 - our own command


def install_programs() -> None:
    """Debian's packages of the programs that are missing. Swing needs more of Java than a headless one has."""
    packages = {package for program, package in PROGRAMS.items() if not shutil.which(program)}
    if not any(Path("/usr/lib/jvm").glob("*/lib/libawt_xawt.so")):
        packages.add(PROGRAMS["java"])
    if not packages:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise InstallError(
            f"these Debian packages are missing, and only root can install them: apt-get install {' '.join(sorted(packages))}"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], environment)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(packages)], environment)


def install_ibc() -> None:
    """IBC as it comes in the wheel, unless what is there fits the lock."""
    folder, stamp = PLACE / "package", PLACE / "package.lock"
    if stamp.exists() and stamp.read_bytes() == LOCK.read_bytes():
        return
    shutil.rmtree(folder, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    run([*pip, "--only-binary", ":all:", "--target", str(folder), "-r", str(LOCK)])
    for script in (folder / "ibc2" / "_ibc" / "scripts").glob("*.sh"):
        script.chmod(0o755)
    shutil.copy(LOCK, stamp)


def compile_standin() -> None:
    """Our stand-in for the gateway, as a jar."""
    sources = sorted(STANDIN.rglob("*.java"))
    jar, stamp, classes = PLACE / "standin.jar", PLACE / "standin.lock", PLACE / "classes"
    wanted = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(classes, ignore_errors=True)
    run(["javac", "-Xlint:all,-serial", "-Werror", "-d", str(classes), *map(str, sources)])
    with zipfile.ZipFile(jar, "w") as file:
        for found in sorted(classes.rglob("*.class")):
            file.write(found, found.relative_to(classes))
    stamp.write_text(wanted)


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 - our own commands
    if done.returncode:
        raise InstallError(f"{' '.join(command[:3])} failed: {(done.stderr or done.stdout).strip()[-800:]}")


if __name__ == "__main__":
    sys.exit(main())
