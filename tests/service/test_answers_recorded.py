"""What real gateways answered about contracts, options, history, scans and accounts, as the documented JSON; read from data."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import running_service
from tests.service.scripted import REAL, Frame, Script, scripted_gateway

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "recorded_answers.json").read_text())["cases"]
# Where the number of a request stands in it, where that is not the first field.
NUMBER = {"9": 2, "1": 2, "62": 2, "55": 2, "54": 2, "23": 2, "74": 2, "76": 2}


def script_of(cases: list[dict[str, Any]]) -> Script:
    """What a gateway does that answers so."""
    known: dict[str, dict[str, list[str]]] = {}
    for case in cases:
        for kind, answers in case["answers"].items():
            known.setdefault(kind, {}).update(answers)

    def answer(request: Frame) -> list[Frame]:
        said = next((frames for what, frames in known[request[0]].items() if not what or what in request), [])
        number = request[NUMBER.get(request[0], 1)]
        return [[number if field == "{id}" else field for field in frame.split("|")] for frame in said]

    return {**REAL, **dict.fromkeys(known, answer)}


def found(value: Any, path: str) -> Any:
    """What an answer has at a path such as rows.0.symbol, rows.*.symbol or #rows."""
    if path.startswith("#"):
        return len(found(value, path[1:]))
    if ".*." in path:
        rows, rest = path.split(".*.")
        return [found(row, rest) for row in found(value, rows)]
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


@pytest.mark.parametrize("gateway", sorted({case["gateway"] for case in CASES}))
async def test_recorded_answers_are_told_as_documented(gateway: str) -> None:
    cases = [case for case in CASES if case["gateway"] == gateway]
    async with scripted_gateway(script_of(cases), version=178) as port, running_service(gateway_port=port) as service:
        for case in cases:
            for asked in case["asked"]:
                response = await service.http.request(asked.get("method", "GET"), asked["path"], json=asked.get("body"))
                assert response.status_code == asked.get("status", 200), (case["name"], response.text)
                told = response.json()
                assert {path: found(told, path) for path in asked["finds"]} == asked["finds"], case["name"]
