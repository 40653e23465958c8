"""One version stands everywhere, and the changelog says what came with it."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import ibactors_client
import pytest

import ibactors

ROOT = Path(__file__).parents[2]


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_service_client_and_readme_have_one_version() -> None:
    assert ibactors.__version__ == ibactors_client.__version__
    assert f"Status: {ibactors.__version__};" in text_of("README.md")


def test_images_are_built_with_the_version() -> None:
    command = re.search(r"^own=\$\((sed -n .*? ibactors/__init__\.py)\)", text_of("build.sh"), re.MULTILINE)
    assert command is not None
    found = subprocess.run(["/bin/sh", "-c", command[1]], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603  # our own
    assert found.stdout == f"{ibactors.__version__}\n"


TAGS = {"api": "i:api i:{own}-api", "gateway": "i:9.8.7 i:9.8 i:stable i:{own}-9.8.7"}


@pytest.mark.parametrize("target", TAGS)
def test_images_have_tags_of_the_version(target: str) -> None:
    environment = os.environ | {"BUILDER": "true", "GATEWAY_VERSION": "9.8.7"}
    command = [str(ROOT / "build.sh"), "stable", "--target", target, "--image", "i"]
    built = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603  # our own
    assert built.stdout.split() == TAGS[target].format(own=ibactors.__version__).split()


def test_changelog_has_the_version_with_its_day_and_nothing_older_before_it() -> None:
    headings = re.findall(r"^## (.+)$", text_of("CHANGELOG.md"), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert headings.index(released[0]) <= 1
    assert re.fullmatch(rf"{re.escape(ibactors.__version__)} \(\d{{4}}-\d\d-\d\d\)", released[0])


def recipe(root: Path) -> ModuleType:
    """`./dev release`, of the repository in *root*."""
    folder = ROOT / "tests" / "release"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("release_recipe", folder / "run.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    vars(module)["ROOT"] = root
    return module


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A commit with its tag, of which a release may be made."""
    for path in ("ibactors/__init__.py", "client/src/ibactors_client/__init__.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text('__version__ = "1.2.3"\n', encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text("## 1.2.3 (2030-01-02)\n\n## 1.2.2 (2029-01-02)\n", encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "All"], ["tag", "v1.2.3"]):
        subprocess.run([*git, *command], check=True)  # noqa: S603  # our own
    return tmp_path


def test_release_takes_a_clean_commit_with_its_tag(repository: Path) -> None:
    assert recipe(repository).check_versions(rehearse=False) == "1.2.3"


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("ibactors/__init__.py", '__version__ = "1.2.4"\n', "versions disagree"),
        ("CHANGELOG.md", "## 1.2.2 (2030-01-02)\n", "the newest release in CHANGELOG.md"),
        ("CHANGELOG.md", "## 1.2.3 (unreleased)\n", "the newest release in CHANGELOG.md"),
        ("CHANGELOG.md", "## Unreleased\n\n## 1.2.3 (2030-01-02)\n", "a section Unreleased"),
        ("new.py", "", "the tree is not clean"),
    ],
)
def test_release_of_anything_else_is_refused(repository: Path, path: str, text: str, reason: str) -> None:
    (repository / path).write_text(text, encoding="utf-8")
    release = recipe(repository)
    with pytest.raises(release.Refused, match=reason):
        release.check_versions(rehearse=False)


def test_release_without_its_tag_is_refused(repository: Path) -> None:
    subprocess.run(["git", "-C", str(repository), "tag", "-d", "v1.2.3"], check=True, capture_output=True)  # noqa: S603, S607  # our own
    release = recipe(repository)
    with pytest.raises(release.Refused, match=r"not v1\.2\.3"):
        release.check_versions(rehearse=False)
    assert release.check_versions(rehearse=True) == "1.2.3"


def test_audit_that_could_not_look_fails_a_release_only(repository: Path) -> None:
    tools = repository / ".audit" / "bin"
    tools.mkdir(parents=True)
    for name, answer in (("pip-audit", "no route >&2; exit 1"), ("detect-secrets", """'{"results": {}}'""")):
        (tools / name).write_text(f"#!/bin/sh\necho {answer}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    command = [sys.executable, str(ROOT / "tests" / "audit" / "run.py")]
    statuses = [subprocess.run([*command, *more], cwd=repository, check=False).returncode for more in ([], ["--complete"])]  # noqa: S603  # our own
    assert statuses == [0, 1]
