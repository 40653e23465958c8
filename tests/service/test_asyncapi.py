"""The AsyncAPI document: complete, and valid for a parser that is not ours."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest

from ibactors.model.gaps import Gap
from ibactors.web.contract.messages import Message
from ibactors.web.stream.asyncapi import build_asyncapi
from ibactors.web.stream.channels import CHANNELS
from tests.conftest import Service

HERE = Path(__file__).parent.parent / "asyncapi"
INSTALLED = Path(__file__).parent.parent.parent / ".interop" / "asyncapi"


def references(value: Any) -> set[str]:
    """All $refs in a document."""
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def resolve(document: Any, reference: str) -> Any:
    for step in reference.removeprefix("#/").split("/"):
        document = document[step]
    return document


async def test_document_describes_every_message_and_refers_to_nothing_that_is_not_there(service: Service) -> None:
    document = await service.get("/asyncapi.json")
    assert document["asyncapi"].startswith("3.")
    for reference in references(document):
        assert resolve(document, reference)
    described = {message["payload"]["$ref"].rpartition("/")[2] for message in document["components"]["messages"].values()}
    told = {kind for channel in CHANNELS.values() for kind, _ in channel.messages.values()}
    assert described == {kind.__name__ for kind in (*get_args(Message), *told, Gap)} | {"Command"}


@pytest.mark.slow
def test_document_is_valid_for_the_parser_of_asyncapi() -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("the parser needs Node.js")
    if not (INSTALLED / "node_modules").exists():
        shutil.copytree(HERE, INSTALLED, dirs_exist_ok=True)
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=INSTALLED, check=True, capture_output=True)  # noqa: S603
    shutil.copy(HERE / "check.mjs", INSTALLED)
    text = json.dumps(build_asyncapi())
    done = subprocess.run([node, "check.mjs"], cwd=INSTALLED, input=text, text=True, capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert {"command", "quote", "stale", "account", "error"} <= set(json.loads(done.stdout))
