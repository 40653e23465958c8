"""Completion, as bash does it."""

import shutil
import subprocess
from argparse import ArgumentParser, Namespace

import pytest

from ibactors import cli
from ibactors.commands import completion
from ibactors.config import Settings


def _prepare(_name: str, parser: ArgumentParser) -> None:
    parser.add_argument("--port")


def _asked(shell: str) -> Namespace:
    return cli.make_parser(["completion"], _prepare).parse_args(["completion", shell])


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["wat"], "watch"),
        (["order", "b"], "buy"),
        (["order", "buy", "AAPL", "--lim"], "--limit"),
        (["demo", "--po"], "--port"),
        (["key", "n"], "new"),
    ],
)
def test_bash_is_offered_what_fits(capsys: pytest.CaptureFixture[str], typed: list[str], offered: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    completion.run(Settings(), _asked("bash"))
    words = " ".join(f"'{word}'" for word in typed)
    script = f"COMP_WORDS=(ibactors {words}); COMP_CWORD={len(typed)}; _ibactors; echo ${{COMPREPLY[*]}}"
    result = subprocess.run([bash, "-c", f"{capsys.readouterr().out}\n{script}"], check=True, capture_output=True, text=True)  # noqa: S603
    assert result.stdout.split() == [offered]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_know_all_commands(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    completion.run(Settings(), _asked(shell))
    text = capsys.readouterr().out
    assert all(name in text for name in cli.COMMANDS)
