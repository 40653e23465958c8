"""The one router: which route a path is, and what its parameters are."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from ibactors.errors import InvalidRequest
from ibactors.keys import Scope
from ibactors.web.contract.routes import NOWHERE, WEBSOCKET, Route, RouteTable
from ibactors.web.operation import Call, Nothing, Operation


def route(path: str, method: str = "GET", *, tail: bool = False) -> Route:
    return Route(method=method, path=path, scope=Scope.READ, tail=tail)


TABLE = RouteTable(
    [
        route("/"),
        route("/contracts/{con_id}"),
        route("/contracts/search"),
        route("/contracts/{con_id}/rules"),
        route("/orders/{order_id}", "DELETE"),
        route("/orders/{order_id}"),
        route("/options/chain/{symbol}/{expiry}"),
        route("/files/{name}", tail=True),
        route("/files/list"),
        route("/ws/stream", WEBSOCKET),
    ]
)


@pytest.mark.parametrize(
    ("path", "found", "parameters"),
    [
        ("/", "/", {}),
        ("/contracts/265598", "/contracts/{con_id}", {"con_id": "265598"}),
        ("/contracts/search", "/contracts/search", {}),
        ("/contracts/search/", "/contracts/search", {}),
        ("/contracts/search/rules", "/contracts/{con_id}/rules", {"con_id": "search"}),
        ("/contracts/1/rules/", "/contracts/{con_id}/rules", {"con_id": "1"}),
        ("/options/chain/BRK B/20261218", "/options/chain/{symbol}/{expiry}", {"symbol": "BRK B", "expiry": "20261218"}),
        ("/files/list", "/files/list", {}),
        ("/files/list/of/them", "/files/{name}", {"name": "list/of/them"}),
        ("/contracts/{con_id}", "/contracts/{con_id}", {"con_id": "{con_id}"}),
    ],
)
def test_a_path_has_one_route_and_literals_go_before_parameters(path: str, found: str, parameters: dict[str, str]) -> None:
    place, values = TABLE.find(path)
    assert place.routes["GET"].path == found
    assert values == parameters


@pytest.mark.parametrize(
    "path", ["//", "/contracts", "/contracts//", "/contracts//rules", "/files", "/files//list", "/x", "/Contracts/1", "/orders/1/2"]
)
def test_there_is_nothing_at_other_paths(path: str) -> None:
    assert TABLE.find(path) == (NOWHERE, {})


def test_head_has_the_route_of_get_and_what_is_allowed_is_said() -> None:
    place, _ = TABLE.find("/orders/1")
    assert place.routes["HEAD"] is place.routes["GET"]
    assert place.allowed == "DELETE, GET, HEAD, OPTIONS"
    assert TABLE.find("/ws/stream")[0].allowed == "OPTIONS"


def test_routes_agree_on_the_names_of_their_parameters() -> None:
    with pytest.raises(ValueError, match="other names"):
        RouteTable([route("/contracts/{con_id}"), route("/contracts/{id}/rules")])


class ChainQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    con_id: int
    expiry: dt.date
    strikes: int = 10


async def get_chain(call: Call[ChainQuery, Nothing]) -> object:
    return call.query


CHAIN: Operation[Any, Any] = Operation(
    method="GET",
    path="/options/{con_id}/{expiry}",
    scope=Scope.READ,
    handle=get_chain,
    summary="",
    tag="",
    query=ChainQuery,
    body=Nothing,
)


def test_parameters_of_the_path_have_types_like_those_of_the_query() -> None:
    query = CHAIN.query_of([("strikes", "3")], {"con_id": "265598", "expiry": "2026-12-18"})
    assert query == ChainQuery(con_id=265598, expiry=dt.date(2026, 12, 18), strikes=3)


@pytest.mark.parametrize(
    ("given", "path", "field"),
    [
        ([], {"con_id": "AAPL", "expiry": "2026-12-18"}, "con_id"),
        ([], {"con_id": "1", "expiry": "tomorrow"}, "expiry"),
        ([("con_id", "2")], {"con_id": "1", "expiry": "2026-12-18"}, "con_id"),
        ([("x", "2")], {"con_id": "1", "expiry": "2026-12-18"}, "x"),
    ],
)
def test_parameters_that_are_wrong_are_named(given: list[tuple[str, str]], path: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CHAIN.query_of(given, path)
    assert caught.value.field == field
    if field == "x":
        assert caught.value.remedy == "Accepted: strikes."
