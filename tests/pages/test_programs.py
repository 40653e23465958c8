"""Every program that README and the pages show runs as it stands there, beside a demo, with what its surroundings would give it."""

import re
import subprocess
from collections.abc import Iterator

import jinja2
import pytest

from tests.pages.desk import Desk, demo
from tests.pages.shown import PAGES, ROOT, URL, blocks, named

pytestmark = pytest.mark.slow

ELSEWHERE = ("orders.cursor", "/orders/stream")
"""Phrases of what tests/service/test_order_examples.py runs, over a restart."""
AROUND = {
    "async def watch()": "{}\nasyncio.run(watch())",
    "def place(client": "{}\nclient = httpx.Client(base_url=url)\nprint(place(client, order))",
    "quote = httpx.get(f": "{}    print(quote)",
    "UrlFetchApp": """
import {{ execFileSync }} from "node:child_process";
const Utilities = {{ parseCsv: (text) => text.trim().split("\\n").map((line) => line.split(",")) }};
const UrlFetchApp = {{
  fetch: (url) => {{
    const text = execFileSync("curl", [url], {{ encoding: "utf8" }});
    return {{ getResponseCode: () => 200, getContentText: () => text }};
  }},
}};
{}
console.log(IB("/market/quotes?symbols=AAPL&format=csv"));""",
    "msg.payload": """
function node(msg) {{ {} }}
const ws = new WebSocket("ws://127.0.0.1:8000/ws/stream");
ws.onopen = () => ws.send(JSON.stringify({{ action: "subscribe", symbols: ["AAPL"] }}));
ws.onmessage = (event) => {{ const sent = node({{ payload: event.data }}); if (sent) console.log(sent); }};""",
}
"""What stands around an example, known by a phrase in it."""
BEFORE = f"""import asyncio
import httpx
url = "{URL}"
order = {{"client_order_id": "page-1", "instrument": {{"symbol": "AAPL"}}, "side": "buy", "quantity": 1}}
order |= {{"type": "market", "time_in_force": "day"}}
"""
NODE = ("node", "--experimental-websocket", "--experimental-eventsource", "--no-warnings")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


def programs(language: str) -> dict[str, str]:
    """By page and place."""
    return {
        f"{named(page)}-{number}": text
        for page in PAGES
        for number, text in enumerate(blocks(page, language), start=1)
        if not any(phrase in text for phrase in ELSEWHERE)
    }


PYTHON, JAVASCRIPT = programs("python"), programs("javascript")


def with_surroundings(text: str) -> str:
    for phrase, around in AROUND.items():
        if phrase in text:
            return around.format(text)
    return text


@pytest.mark.parametrize("text", PYTHON.values(), ids=PYTHON)
def test_python(desk: Desk, text: str) -> None:
    desk.settle()
    (desk.folder / "example.py").write_text(desk.here(f"{BEFORE}{with_surroundings(text)}"))
    desk.run_until(r"\S", "python", "example.py")


@pytest.mark.parametrize("text", JAVASCRIPT.values(), ids=JAVASCRIPT)
def test_javascript(desk: Desk, text: str) -> None:
    if subprocess.run([*NODE, "-e", "new EventSource('http://127.0.0.1:9')"], capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("there is no Node.js with a WebSocket and an EventSource")
    desk.settle()
    (desk.folder / "example.mjs").write_text(desk.here(with_surroundings(text).replace("https://ib.example.com", URL)))
    desk.run_until(r"\S", *NODE, "example.mjs")


def test_sensors_of_home_assistant(desk: Desk) -> None:
    (text,) = blocks(ROOT / "docs" / "recipes" / "home-assistant.md", "yaml")
    sensors = re.findall(r"- resource: (\S+)\n.*?value_template: \"(.*?)\"", text, re.DOTALL)
    assert len(sensors) == text.count("resource:")
    for url, template in sensors:
        answer = desk.until_well(desk.here(url))
        assert jinja2.Template(template, undefined=jinja2.StrictUndefined).render(value_json=answer) not in {"", "None"}
