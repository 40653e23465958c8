"""Builds the images and runs them on a real Docker engine: ./dev image-test

    python tests/image/run.py [--only WORD]     all, or the checks whose name contains the word
    python tests/image/run.py lint              the linters alone

What is built is the project's own Dockerfile and compose.yaml, unchanged. Exit status 1 when anything is not as it must be.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import engine
import mirror
from checks import CHECKS, Host

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / ".image"
TOOLS = CACHE / "tools"
LIMITS_MB = {"api": 120}
"""Megabytes over the base image."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds the images and runs them on a real Docker engine.")
    parser.add_argument("part", nargs="?", choices=("all", "lint", "inside"), default="all")
    parser.add_argument("--only", default="", help="checks whose name contains this")
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part == "inside":
        return check(arguments.home, arguments.only)
    engine.install_packages()
    install_tools()
    lint()
    if arguments.part == "lint":
        return 0
    home = Path(tempfile.mkdtemp(prefix="ibactors-engine-"))
    try:
        build(home)
        inside = [sys.executable, __file__, "inside", "--home", str(home), "--only", arguments.only]
        return subprocess.run(["unshare", "--net", "--", *inside], check=False).returncode
    finally:
        shutil.rmtree(home, ignore_errors=True)


def install_tools() -> None:
    """The linters, in an environment of their own."""
    lock = Path(__file__).with_name("requirements.txt")
    stamp = TOOLS / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not stamp.exists():
        say("installing the linters")
        shutil.rmtree(TOOLS, ignore_errors=True)
        run([sys.executable, "-m", "venv", "--without-pip", TOOLS])
        pip = [sys.executable, "-m", "pip", "--python", TOOLS / "bin" / "python", "install", "-qq", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "--no-deps", "-r", lock])
        stamp.touch()


def lint() -> None:
    """Each deployment file by its own tool."""
    tool = TOOLS / "bin"
    every_profile = ("--profile", "demo", "--profile", "sidecar", "--profile", "gateway")
    commands: list[Sequence[str | Path]] = [
        [tool / "hadolint", "Dockerfile"],
        ["shellcheck", "build.sh", "dev", "lock.sh", "image/install-gateway", "image/install-ibc"],
        [tool / "docker-compose", *every_profile, "config", "--quiet"],
        [tool / "compose-lint", "--fail-on", "low", "compose.yaml"],
        [tool / "cfn-lint", *sorted(ROOT.glob("deploy/aws/*.yaml"))],
        [tool / "kubernetes-validate", "--kubernetes-version", "1.31", "--strict", *sorted(ROOT.glob("deploy/kubernetes/*.yaml"))],
    ]
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{command[0]} found something:\n{done.stdout}{done.stderr}")
    lint_unit()
    say(f"{len(commands) + 1} linters clean")


def lint_unit() -> None:
    """The unit for systemd, with a command that is there, and how much it leaves open: tenths of its exposure."""
    unit = (ROOT / "deploy/systemd/ibactors.service").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / "ibactors.service"
        here.write_text(unit.replace("/opt/ibactors/bin/ibactors", str(Path(sys.executable).with_name("ibactors"))), encoding="utf-8")
        told = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False).stderr
        if told:  # of what it does not know it tells, and exits with 0
            raise SystemExit(f"systemd-analyze found something:\n{told}")
        run(["systemd-analyze", "security", "--offline=true", "--threshold=20", here])


def build(home: Path) -> None:
    """Both images by build.sh, with the gateway's installer and version from a mirror on loopback: a stand-in for IB's."""
    base = engine.base_tar(CACHE)
    with engine.running_engine(home, bridged=False) as docker, mirror.serving(CACHE / "mirror") as installer:
        engine.import_base(docker, base)
        base_mb = _size_mb(docker, engine.BASE_IMAGE)
        environment = {
            "BUILDER": docker[0],
            "BUILD_OPTIONS": "--network host --progress plain",
            "DOCKER_HOST": docker[-1],
            "BASE_IMAGE": engine.BASE_IMAGE,
            "GATEWAY_VERSION_URL": installer.version_url,
            "GATEWAY_URL": installer.url,
            "GATEWAY_SHA256": installer.sha256,
        }
        for target, tag in (("api", "ibactors:api"), ("gateway", f"ibactors:{mirror.VERSION}")):
            began = time.monotonic()
            run(["./build.sh", "stable", "--target", target], **environment)
            size = _size_mb(docker, tag) - base_mb
            say(f"built {tag} in {time.monotonic() - began:.0f} s: {size:.0f} MB over its base of {base_mb:.0f} MB")
            if size > LIMITS_MB.get(target, size):
                raise SystemExit(f"{tag} has {size:.0f} MB over its base, more than the {LIMITS_MB[target]} MB that it may have")


def _size_mb(docker: list[str], tag: str) -> float:
    return int(subprocess.run([*docker, "image", "inspect", "-f", "{{.Size}}", tag], check=True, capture_output=True).stdout) / 1e6


def check(home: Path, only: str) -> int:
    """Run the images; in a network namespace of this process's own, where the engine may make a bridge and publish ports."""
    run(["ip", "link", "set", "lo", "up"])
    failed = []
    chosen = [step for step in CHECKS if only in step.__name__]
    with engine.running_engine(home, bridged=True) as docker:
        host = Host(docker=docker, compose=[str(TOOLS / "bin" / "docker-compose")], root=ROOT, project=home / "project")
        host.prepare()
        for step in chosen:
            began = time.monotonic()
            name = step.__name__.replace("_", " ")
            try:
                found = step(host)
            except Exception as error:  # noqa: BLE001  # the next check may still tell something
                failed.append(name)
                say(f"FAILED  {name}: {error}\n{host.logs()}")
            else:
                say(f"ok      {name} ({time.monotonic() - began:.1f} s){f': {found}' if found else ''}")
            finally:
                host.clean_up()
    say(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def run(command: Sequence[str | Path], **environment: str) -> None:
    """A command whose output is shown only when it fails."""
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
