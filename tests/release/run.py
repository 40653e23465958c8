"""Makes a release in dist/ from the commit that is checked out, and proves it: ./dev release

    python tests/release/run.py               a release: of a clean tree, whose tag is v and the version
    python tests/release/run.py --rehearse    the same without a tag and without the audit, in a folder that is thrown away

What is made: sdist and wheel of the service and of its client, a bill of materials, checksums, and where they come from. Each is built
twice, in two places, the second wheel from its sdist, and must come out with the same bytes. Nothing is published.
"""

from __future__ import annotations

import argparse
import filecmp
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from started import answers_as, install

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".release" / "bin"
DISTRIBUTIONS = (".", "client")
VERSIONS = ("ibactors/__init__.py", "client/src/ibactors_client/__init__.py")
BUILD = "import sys, flit_core.buildapi as b; [getattr(b, f'build_{kind}')(sys.argv[1]) for kind in sys.argv[2:]]"


class Refused(Exception):
    """There is no release of this; the message says why."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes a release in dist/, and proves it.")
    parser.add_argument("--rehearse", action="store_true", help="without tag and audit, in a folder that is thrown away")
    rehearse = parser.parse_args().rehearse
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ibactors-release-") as folder:
        work = Path(folder)
        try:
            version = check_versions(rehearse=rehearse)
            made = build(work)
            describe(made, version)
            check(made)
            install(sorted(made.glob("*.whl")), work / "venv")
            say(f"release: installed and started: {answers_as(version, work / 'venv')}")
            if not rehearse:
                audit()
                keep(made)
        except Refused as exc:
            say(f"release: REFUSED: {exc}")
            return 1
    say(f"release: ibactors {version} {'rehearsed' if rehearse else 'is in dist/'} ({time.monotonic() - began:.0f} s)")
    return 0


def check_versions(*, rehearse: bool) -> str:
    """The version that stands everywhere. Raises Refused."""
    found = {path: re.findall(r'^__version__ = "(.+)"$', (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE) for path in VERSIONS}
    version = found[VERSIONS[0]][0]
    if any(those != [version] for those in found.values()):
        raise Refused(f"versions disagree: {found}")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(r"^## (\d.*)$", changelog, re.MULTILINE)
    if heading is None or not re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", heading[1]):
        raise Refused(f"the newest release in CHANGELOG.md is {heading and heading[1]!r}, and not {version} with its day")
    if rehearse:
        return version
    if "## Unreleased" in changelog:
        raise Refused("CHANGELOG.md has a section Unreleased, whose entries belong to the version")
    if git("status", "--porcelain"):
        raise Refused("the tree is not clean: commit, or put away, what `git status` shows")
    tags = git("tag", "--points-at", "HEAD").split()
    if f"v{version}" not in tags:
        raise Refused(f"the commit has the tags {tags}, and not v{version}: git tag -s v{version}")
    return version


def build(work: Path) -> Path:
    """The folder with sdists and wheels of the commit. Raises Refused where a second build differs."""
    first, second = work / "first", work / "second"
    for made, place in ((first, work / "a"), (second, work / "elsewhere" / "b")):
        made.mkdir()
        place.mkdir(parents=True)
        subprocess.run(f"git archive HEAD | tar -x -C '{place}'", shell=True, cwd=ROOT, check=True)  # noqa: S602  # a folder of our own
        for distribution in DISTRIBUTIONS:
            if made is first:
                flit(place / distribution, made, "sdist", "wheel")
            else:
                flit(place / distribution, made, "sdist")
    for sdist in second.glob("*.tar.gz"):
        with tarfile.open(sdist) as archive:
            archive.extractall(work / "unpacked", filter="data")
        flit(work / "unpacked" / sdist.name.removesuffix(".tar.gz"), second, "wheel")
    names = sorted(path.name for path in first.iterdir())
    same, different, missing = filecmp.cmpfiles(first, second, names, shallow=False)
    if different or missing or len(same) != 2 * len(DISTRIBUTIONS):
        raise Refused(f"built twice, with different bytes: {different + missing}")
    say(f"release: built twice with the same bytes: {', '.join(names)}")
    return first


def flit(source: Path, made: Path, *kinds: str) -> None:
    run([TOOLS / "python", "-c", BUILD, str(made), *kinds], cwd=source, SOURCE_DATE_EPOCH=git("log", "-1", "--format=%ct"))


def describe(made: Path, version: str) -> None:
    """Bill of materials, provenance and checksums, beside what they are about."""
    bill = made / f"ibactors-{version}.cdx.json"
    run([TOOLS / "cyclonedx-py", "requirements", "requirements.txt", "--pyproject", "pyproject.toml", "--output-reproducible", "-o", bill])
    materials = json.loads(bill.read_text(encoding="utf-8"))
    materials["components"] += vendored()
    bill.write_text(json.dumps(materials, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    subjects = [{"name": path.name, "digest": {"sha256": digest(path)}} for path in sorted(made.iterdir())]
    say(f"release: {len(materials['components'])} components in the bill of materials")
    definition = {
        "buildType": "urn:ibactors:release",
        "externalParameters": {"SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct")},
        "resolvedDependencies": [
            {"uri": "git", "digest": {"gitCommit": git("rev-parse", "HEAD")}},
            {"uri": "tests/release/requirements.txt", "digest": {"sha256": digest(ROOT / "tests/release/requirements.txt")}},
        ],
    }
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": definition, "runDetails": {"builder": {"id": "urn:ibactors:release:by-hand"}}},
    }
    (made / f"ibactors-{version}.provenance.json").write_text(json.dumps(statement, indent=1) + "\n", encoding="utf-8")
    sums = "".join(f"{digest(path)}  {path.name}\n" for path in sorted(made.iterdir()))
    (made / "SHA256SUMS").write_text(sums, encoding="utf-8")


def vendored() -> list[dict[str, object]]:
    """Components that no package manager knows of: the files of others in the wheel."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\S+) (\S+) \| (\S+) \|", (ROOT / "ibactors/web/rest/vendored/README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    if not rows:
        raise Refused("the table of vendored files has no rows")
    return [
        {
            "type": "library",
            "bom-ref": f"vendored-{folder}",
            "name": name,
            "version": version,
            "purl": f"pkg:npm/{name}@{version}",
            "licenses": [{"license": {"id": licence}}],
        }
        for folder, name, version, licence in rows
    ]


def check(made: Path) -> None:
    """By the tools that look at packages."""
    packages = [path for path in sorted(made.iterdir()) if path.name.endswith((".whl", ".tar.gz"))]
    run([TOOLS / "twine", "check", "--strict", *packages])
    # W002 are duplicates: licences of vendored files lie beside these and among the metadata.
    run([TOOLS / "check-wheel-contents", "--ignore", "W002", *(path for path in packages if path.suffix == ".whl")])
    say("release: twine and check-wheel-contents are content")


def audit() -> None:
    """Known holes. Raises Refused for any, and where not everything was audited."""
    run(["sh", "tests/environment.sh", ".audit", "tests/audit/requirements.txt"])
    done = subprocess.run([sys.executable, "tests/audit/run.py", "--complete"], cwd=ROOT, check=False)
    if done.returncode:
        raise Refused("the audit found something, or did not audit everything")


def keep(made: Path) -> None:
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    shutil.copytree(made, ROOT / "dist")


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def run(command: list[str | Path], cwd: Path = ROOT, **environment: str) -> None:
    """A command whose output is shown only when it fails. Raises Refused."""
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{Path(command[0]).name} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
