"""The client's structs are what the service's documents say."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ibactors_client import models, orders

GOLDEN = Path(__file__).parent.parent / "golden"
SCHEMAS: dict[str, Any] = {
    **json.loads((GOLDEN / "asyncapi.json").read_text())["components"]["schemas"],
    **json.loads((GOLDEN / "openapi.json").read_text())["components"]["schemas"],
}
PAIRS: dict[str, type[msgspec.Struct]] = {
    "Quote": models.Quote,
    "Stale": models.Stale,
    "StatusChange": models.Status,
    "StreamError": models.StreamError,
    "Gap": models.Gap,
    "LiveBar": models.LiveBar,
    "Position": models.Position,
    "Figure": models.Figure,
    "SessionReport": models.Session,
    "Health": models.Health,
    "GatewayState": models.GatewayState,
    "GatewayShown": models.Gateway,
    "PastBar": models.Bar,
    "Bars": models.Bars,
    "ContractDetails": models.Contract,
    "OptionClass": models.OptionClass,
    "Chain": models.Chain,
    "OrderShown": orders.Order,
    "EventShown": orders.OrderEvent,
    "OrdersShown": orders.OpenOrders,
    "PreviewShown": orders.Preview,
    "ExecutionShown": orders.Execution,
    "GapShown": orders.MissingSpan,
    "Trading": orders.Trading,
    "AccountProfit": models.Profit,
    "FoundContract": models.FoundContract,
    "Depth": models.Depth,
    "DepthRow": models.DepthRow,
    "PastHeadline": models.Headline,
    "Article": models.Article,
    "ScanRow": models.ScanRow,
}
WHOLE = {
    "Quote",
    "Position",
    "Figure",
    "SessionReport",
    "Health",
    "GatewayState",
    "PastBar",
    "Bars",
    "OptionClass",
    "Chain",
    "EventShown",
} | {
    "ExecutionShown",
    "GapShown",
    "AccountProfit",
    "FoundContract",
    "DepthRow",
    "PastHeadline",
    "Article",
}
"""Those in which nothing of the service's is left out."""
OF_OTHERS = {"Stale": {"channel", "account"}}
"""Members of other messages that the client reads as the same."""


def kinds(schema: dict[str, Any]) -> set[str]:
    """The JSON types that a schema allows."""
    if "$ref" in schema:
        return kinds(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return set().union(*map(kinds, schema["anyOf"]))
    return {schema.get("type", "string")}


@pytest.mark.parametrize("name", PAIRS)
def test_struct_reads_what_the_service_may_say(name: str) -> None:
    described = SCHEMAS[name]
    members = {field.encode_name: field for field in msgspec.structs.fields(PAIRS[name])}
    (own,), components = msgspec.json.schema_components([PAIRS[name]], ref_template="#/own/{name}")
    own = components[own["$ref"].rpartition("/")[2]]
    for member, field in members.items():
        if member in OF_OTHERS.get(name, ()):
            continue
        assert member in described["properties"], member
        if field.required:
            assert member in described["required"], f"{member} may be missing"
        takes = own["properties"][member]
        takes = set().union(*({one.get("type", "object")} for one in takes.get("anyOf", [takes])))
        says = {"number" if kind == "integer" and "number" in takes else kind for kind in kinds(described["properties"][member])}
        assert says <= takes, f"{member}: the service says {says}, the client takes {takes}"


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_nothing_is_left_out(name: str) -> None:
    members = {field.encode_name for field in msgspec.structs.fields(PAIRS[name])}
    assert members == SCHEMAS[name]["properties"].keys() - {"type"}
