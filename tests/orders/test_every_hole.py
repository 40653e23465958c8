"""Every hole that docs/reliability.md tells of is played by a test that carries its number."""

import re
from pathlib import Path
from typing import Any

from ibactors.web.app import OPERATIONS
from ibactors.web.carrying import Carrier
from ibactors.web.contract.asgi import handover

ROOT = Path(__file__).parent.parent.parent
_ROW = re.compile(r"^\| (\d+) \| \S", re.MULTILINE)
_TEST = re.compile(r"^(?:async )?def test_hole_0?(\d+)_", re.MULTILINE)


def test_each_hole_that_is_told_is_played_and_each_that_is_played_is_told() -> None:
    table = (ROOT / "docs/reliability.md").read_text(encoding="utf-8").partition("| hole |")[2].partition("\n\n")[0]
    told = [int(number) for number in _ROW.findall(table)]
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py")]
    played = {int(number) for text in texts for number in _TEST.findall(text)}
    assert told == list(range(1, 41))
    assert sorted(played) == told


class _NoHolder:
    """A bus over which nothing may go."""

    async def read(self, question: Any) -> Any:
        raise AssertionError(question)

    def takes_orders(self) -> bool:
        return True

    async def act(self, question: Any) -> Any:
        raise AssertionError(question)


async def _no_body() -> Any:
    raise AssertionError("nobody reads it")


async def test_hole_09_nothing_about_an_order_but_reading_crosses_the_bus_unless_that_is_set() -> None:
    carrier, answers = Carrier(_NoHolder(), (), orders=False), {}
    trading = [operation for operation in OPERATIONS if operation.path.startswith(("/orders", "/trading")) and operation.method != "GET"]
    for operation in trading:
        scope: Any = {"method": operation.method, "path": operation.path, "state": {}, "headers": []}
        handover(scope).route = operation
        answer = await carrier.answer(scope, _no_body)
        answers[operation.method, operation.path] = answer.status, b'"not_on_edge"' in answer.body
    assert ("POST", "/orders") in answers
    assert set(answers.values()) == {(409, True)}
