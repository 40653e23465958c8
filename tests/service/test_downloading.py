"""`ibactors history`, against a service."""

import csv
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
import trio

from ibactors import downloading
from ibactors.config import Settings
from tests.conftest import Service

BARS = ("AAPL", "--bar", "1h", "--start", "2026-11-02", "--end", "2026-11-20")


async def download(service: Service, *words: str) -> int:
    parser = ArgumentParser()
    downloading.add_arguments(parser)
    arguments = parser.parse_args([*words, "--url", service.url])
    return await trio.to_thread.run_sync(downloading.run, Settings(), arguments)


async def whole(service: Service) -> list[Any]:
    bars = (await service.get("/history/bars/AAPL?bar=1h&start=2026-11-02&end=2026-11-20&limit=10000&wait=60"))["bars"]
    assert len(bars) > 60
    return list(bars)


async def test_file_has_the_bars_of_all_pages_and_is_gone_on_with(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "PAGE", 25)
    file = tmp_path / "aapl.csv"
    assert await download(service, *BARS, "--output", str(file)) == 0
    text = file.read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["t"] for row in rows] == [bar["t"] for bar in await whole(service)]
    for cut in (len(text) // 2, len(text), len(text.splitlines()[0]) + 1):
        file.write_text(text[:cut])
        assert await download(service, *BARS, "--output", str(file)) == 0
        assert file.read_text() == text


async def test_json_has_an_object_a_line(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert await download(service, *BARS, "--json") == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == await whole(service)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("NOPE", "--bar", "1d", "--start", "2026-01-01"), "NOPE"),
        (("AAPL", "--bar", "7m", "--start", "2026-01-01"), "bar"),
        (("AAPL", "--bar", "1d", "--start", "yesterday"), "start"),
    ],
)
async def test_refusal_is_told_in_words(service: Service, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str) -> None:
    assert await download(service, *words) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("text", ["a diary\n", "no end of a line", "t,o\nyesterday,1\n", "\xff\n"])
async def test_file_with_something_else_is_left_alone(service: Service, tmp_path: Path, text: str) -> None:
    file = tmp_path / "diary.csv"
    file.write_text(text, encoding="latin-1")
    assert await download(service, *BARS, "--output", str(file)) == 1
    assert file.read_text(encoding="latin-1") == text


async def test_service_that_does_not_answer_is_given_up_after_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    downloading.add_arguments(parser)
    arguments = parser.parse_args([*BARS, "--url", "http://127.0.0.1:9", "--patience", "0"])
    assert await trio.to_thread.run_sync(downloading.run, Settings(), arguments) == 1
    assert "Nothing answers at http://127.0.0.1:9" in capsys.readouterr().err


def test_progress_tells_how_far_it_is() -> None:
    progress = downloading.Progress("AAPL", "2026-01-01", "2026-01-11")
    progress.add(1200, "2026-01-06T00:00:00Z")
    assert progress.line("").startswith("AAPL: 1,200 bars up to 2026-01-06T00:00:00Z, 50%, ")
    assert progress.line("wait").endswith("; wait")
