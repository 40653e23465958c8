"""A private Docker engine for the image tests: Debian's own, in a folder of its own, stopped at the end.

It changes nothing of the machine's network: it builds without a bridge, and runs containers in a network namespace of its own. Needs
root, and installs Debian's packages when they are missing.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = {
    "/usr/sbin/dockerd": "docker.io",
    "/usr/sbin/iptables": "iptables",
    "/usr/bin/mmdebstrap": "mmdebstrap",
    "/usr/bin/shellcheck": "shellcheck",
    "/usr/bin/systemd-analyze": "systemd",
}
DOCKER = "/usr/bin/docker"
"""Debian's client: it has BuildKit built in."""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
BASE_PACKAGES = ("ca-certificates", "python3", "python3-venv", "libharfbuzz0b")
"""The last one is for Debian's Java, in the gateway's stand-in; the Java that IB's installer brings has it inside."""
BASE_IMAGE = "ibactors-base:test"
START_S = 30.0
JAVA = {"/usr/lib/jvm/java-17-openjdk-amd64/bin/jlink": "openjdk-17-jdk-headless"}


def install_packages() -> None:
    """What the engine needs."""
    _install(PACKAGES)


def install_java() -> None:
    """What the gateway's stand-in is compiled with."""
    _install(JAVA)


def _install(packages: dict[str, str]) -> None:
    """Debian's packages, as far as their files are missing."""
    missing = [package for path, package in packages.items() if not Path(path).exists()]
    if missing:
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", *command], check=True, stdout=subprocess.DEVNULL, env=environment)


@contextmanager
def running_engine(home: Path, *, bridged: bool) -> Iterator[list[str]]:
    """The engine runs inside the block, its images in *home*; gives the command of a client that talks to it.

    Without a bridge, builds use the machine's network. With one, whoever calls has a network namespace of its own.
    """
    socket, log = home / "docker.sock", home / "engine.log"
    command = [
        "/usr/sbin/dockerd",
        *("--data-root", home / "data", "--exec-root", home / "exec", "--pidfile", home / "pid", "--host", f"unix://{socket}"),
        *("--default-ulimit", "nofile=1024:20000"),
        *(() if bridged else ("--iptables=false", "--ip-forward=false", "--bridge=none")),
    ]
    with log.open("ab") as output:
        engine = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait_for(socket, engine, log)
        yield [DOCKER, "--host", f"unix://{socket}"]
    finally:
        engine.terminate()
        engine.wait()
        for mounted in (home / "exec" / "netns").glob("*"):
            subprocess.run(["umount", mounted], check=False)


def _wait_for(socket: Path, engine: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while subprocess.run([DOCKER, "--host", f"unix://{socket}", "version"], capture_output=True, check=False).returncode:
        if engine.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"The Docker engine did not start; the end of its log:\n{log.read_text()[-2000:]}")
        time.sleep(0.2)


def base_tar(cache: Path) -> Path:
    """A stand-in for python:3.x-slim made from Debian's packages; kept in *cache*, as it takes most of a minute."""
    tar = cache / f"base-{'-'.join(BASE_PACKAGES)}.tar"
    if not tar.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = tar.with_suffix(".part.tar")
        subprocess.run(
            [
                *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}"),
                f"--customize-hook=upload {CERTIFICATES} {CERTIFICATES}",
                *("bookworm", part),
            ],
            check=True,
        )
        part.rename(tar)
    return tar


def import_base(docker: list[str], tar: Path) -> None:
    """The machine's certificates belong to the base image alone: pip inside a build needs them here, and nowhere else."""
    environment = (
        f"ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin PIP_CERT={CERTIFICATES} SSL_CERT_FILE={CERTIFICATES}"
    )
    subprocess.run([*docker, "import", "--change", environment, tar, BASE_IMAGE], check=True, stdout=subprocess.DEVNULL)
