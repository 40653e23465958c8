"""One version stands everywhere, and the changelog says what came with it."""

import re
import subprocess
from pathlib import Path

import ibactors_client

import ibactors

ROOT = Path(__file__).parents[2]


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_service_client_and_readme_have_one_version() -> None:
    assert ibactors.__version__ == ibactors_client.__version__
    assert f"Status: {ibactors.__version__};" in text_of("README.md")


def test_images_are_built_with_the_version() -> None:
    command = re.search(r"VERSION=\$\((sed -n .*? ibactors/__init__\.py)\)", text_of("build.sh"))
    assert command is not None
    found = subprocess.run(["/bin/sh", "-c", command[1]], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603  # our own
    assert found.stdout == f"{ibactors.__version__}\n"


def test_changelog_has_the_version_with_its_day_and_nothing_older_before_it() -> None:
    headings = re.findall(r"^## (.+)$", text_of("CHANGELOG.md"), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert headings.index(released[0]) <= 1
    assert re.fullmatch(rf"{re.escape(ibactors.__version__)} \(\d{{4}}-\d\d-\d\d\)", released[0])
