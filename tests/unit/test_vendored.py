"""Files of others are what their makers published, and come with their licences."""

import hashlib
from pathlib import Path

import pytest

from ibactors.web.page import serve
from ibactors.web.rest import docs

in_each_folder = pytest.mark.parametrize("folder", [Path(str(module.__file__)).with_name("vendored") for module in (docs, serve)])


@in_each_folder
def test_vendored_files_are_those_of_the_list_byte_for_byte(folder: Path) -> None:
    listed = {name: digest for digest, name in (line.split() for line in (folder / "SHA256SUMS").read_text("ascii").splitlines())}
    there = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*/*")}
    assert there == listed


@in_each_folder
def test_each_has_its_licence_and_origin(folder: Path) -> None:
    origins = (folder / "README.md").read_text("utf-8")
    packages = [path for path in folder.iterdir() if path.is_dir()]
    assert packages
    for package in packages:
        assert (package / "LICENSE").stat().st_size > 1000
        assert f"| `{package.name}` |" in origins
