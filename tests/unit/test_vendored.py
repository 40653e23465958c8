"""Files of others are what their makers published, and come with their licences."""

import hashlib
from pathlib import Path

from ibactors.web.rest import docs

FOLDER = Path(docs.__file__).with_name("vendored")


def test_vendored_files_are_those_of_the_list_byte_for_byte() -> None:
    listed = {name: digest for digest, name in (line.split() for line in (FOLDER / "SHA256SUMS").read_text("ascii").splitlines())}
    there = {path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*/*")}
    assert there == listed


def test_each_has_its_licence_and_origin() -> None:
    origins = (FOLDER / "README.md").read_text("utf-8")
    folders = [path for path in FOLDER.iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert (folder / "LICENSE").stat().st_size > 1000
        assert f"| `{folder.name}` |" in origins
