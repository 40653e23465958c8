"""The contract stays as it is until somebody changes it on purpose."""

import json
from typing import Any

import pytest

from tests.conftest import Service, running_service
from tests.golden import FOLDER, RENEW
from tests.service.keyed import keyed_service


def agreed(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


async def served(service: Service, path: str) -> Any:
    document = await service.get(path)
    document["info"]["version"] = "any"
    return document


@pytest.mark.parametrize(("path", "name"), [("/openapi.json", "openapi.json"), ("/asyncapi.json", "asyncapi.json")])
async def test_documents_are_those_that_were_agreed_on(path: str, name: str) -> None:
    async with running_service() as service:
        assert await served(service, path) == agreed(name), f"If this change of the contract is meant, renew the file: {RENEW}"


async def test_document_of_a_service_with_keys_is_the_one_that_was_agreed_on() -> None:
    async with keyed_service() as service:
        assert await served(service, "/openapi.json") == agreed("openapi-keys.json"), f"If this change is meant, renew the file: {RENEW}"
