"""The documents that the service serves, as they were agreed on: a change of one of them is a change of the contract.

`./dev golden` writes them anew, for a change that is meant; its diff then shows what clients will notice.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ibactors.web.app import OPERATIONS
from ibactors.web.rest.openapi import build_document
from ibactors.web.stream.asyncapi import build_asyncapi

FOLDER = Path(__file__).parent
RENEW = "./dev golden"


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each document by the name of its file; the version of the program is not part of the contract."""
    for name, document in (
        ("openapi.json", build_document(OPERATIONS, secured=False)),
        ("openapi-keys.json", build_document(OPERATIONS, secured=True)),
        ("asyncapi.json", build_asyncapi()),
    ):
        document["info"]["version"] = "any"
        yield name, json.loads(json.dumps(document))


def renew() -> None:
    """Write the documents as they are now."""
    for name, document in documents():
        (FOLDER / name).write_text(json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
