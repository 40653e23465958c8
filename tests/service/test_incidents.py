"""Five incidents with real processes: what the operator sees names the cause, and docs/debugging.md shows it."""

import re
from pathlib import Path

import pytest

from tests.incidents.__main__ import DOCUMENT, place_of
from tests.incidents.incidents import INCIDENTS, played

NAMED: dict[str, tuple[str, ...]] = {
    "crash": (
        r"symbol:TSLA +running .* 1 .*TypeError: Encoding objects of type NotAQuote is unsupported",
        r"(?m)^TypeError: Encoding objects of type NotAQuote is unsupported\nwhile actor 'symbol:TSLA' handled Ticked\(",
        r"actor_crashed .*actor=symbol:TSLA",
        r'ibactors_actor_restarts_total\{kind="symbol"\} 1\.0',
    ),
    "mute": (
        r'"status":"degraded".*"reason":"The gateway fell silent: no data for 1 s and no answer to a probe within 2 s\."',
        r"phase=silent reason='The gateway is silent and has not answered a probe yet\.'",
        r'ibactors_session_phase\{phase="backing_off"\} 1\.0',
    ),
    "slow-client": (
        r"ibactors_slow_reader_skips_total [1-9]",
        r"ws:/ws/stream#1 .* at 127\.0\.0\.1:\d+  ",
        r"ws:/ws/stream#1/sender  Connection\._write .* for [1-9].*\[shielded, deadline in \d",
    ),
    "second-factor": (
        r'"phase":"two_factor_pending"',
        r"login_changed .*phase=two_factor_pending",
        r"login_changed .*phase=two_factor_expired",
        r'ibactors_logins_total\{outcome="two_factor_expired"\} 1\.0',
    ),
    "blocked-loop": (
        r"curl ended with 28",
        r'faulty\.py", line \d+ in look_up_rating',
        r"loop_blocked .*where='look_up_rating \(tests/incidents/faulty\.py:\d+\)'",
        r"held it up for [23]\d\d\d\.\d ms, computing \d+% of the time(\n  .*)*FaultyListener\.ticked\n.* in look_up_rating",
    ),
}


def places(text: str) -> set[str]:
    """The calls that an output names, each with its file; of the task tree only those of the client that the incident is about."""
    frames = re.findall(r'File "(?:…/)?((?:ibactors|tests)/[^"]+)", line \d+,? in (?:\w+\.)*(\w+)', text)
    waits = re.findall(r"(?m)^.*(?:where='|ws:/ws/stream#1\S*  )(?:\w+\.)*(\w+) \((.+?\.py):\d+\)", text)
    return {f"{file} {function}" for file, function in frames} | {f"{file} {function}" for function, file in waits}


@pytest.mark.slow
@pytest.mark.parametrize("name", INCIDENTS)
async def test_what_the_operator_sees_names_the_cause(name: str, tmp_path: Path) -> None:
    async with played(name, tmp_path) as scene:
        text = scene.text
        for pattern in NAMED[name]:
            assert re.search(pattern, text), f"{pattern}\nis not in\n{text}"
        assert places(document(name)) <= places(text), "docs/debugging.md is out of date; ./dev incidents writes it anew"
        assert "DU1234567" not in text + scene.log


def document(name: str) -> str:
    """The output that the document shows."""
    found = place_of(name).search(DOCUMENT.read_text(encoding="utf-8"))
    assert found is not None
    return found[0]


@pytest.mark.parametrize("name", INCIDENTS)
def test_document_shows_an_output_that_names_the_cause(name: str) -> None:
    for pattern in NAMED[name]:
        assert re.search(pattern, document(name)), pattern


@pytest.mark.slow
async def test_crash_is_in_the_log_once(tmp_path: Path) -> None:
    async with played("crash", tmp_path) as scene:
        assert scene.log.count("actor_crashed") == 1
        assert scene.log.count("Traceback (most recent call last)") == 1
