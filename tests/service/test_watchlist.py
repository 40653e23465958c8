"""The watchlist that the service keeps for a key."""

import stat
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Service, running_service
from tests.service.keyed import bearer, keyed_service

LIST: list[dict[str, Any]] = [
    {"symbol": "AAPL"},
    {"symbol": "EUR", "sec_type": "CASH", "label": "EUR.USD"},
    {"symbol": "AAPL", "sec_type": "OPT", "con_id": 4242, "label": "AAPL 261218C00230000"},
    {"symbol": "SPX", "sec_type": "OPT", "expiry": "20261218", "strike": 6000.5, "right": "C", "exchange": "CBOE", "currency": "USD"},
]


async def put(service: Service, instruments: Any, *, key: str = "read") -> Any:
    return await service.http.put("/watchlist", json={"instruments": instruments}, headers=bearer(key))


async def test_list_is_kept_over_restarts_for_its_key_alone(tmp_path: Path) -> None:
    async with keyed_service(state_path=str(tmp_path)) as service:
        first = await service.http.get("/watchlist", headers=bearer("read"))
        assert first.json() == {"kept": True, "instruments": None}
        assert (await put(service, LIST)).json() == {"kept": True, "instruments": LIST}
        assert (await service.http.get("/watchlist", headers=bearer("trade"))).status_code == 403
    file = tmp_path / "watchlists" / "read.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["read.json"]
    async with keyed_service(state_path=str(tmp_path)) as service:
        assert (await service.http.get("/watchlist", headers=bearer("read"))).json()["instruments"] == LIST
        assert (await put(service, [])).status_code == 200
        assert (await service.http.get("/watchlist", headers=bearer("read"))).json()["instruments"] == []


@pytest.mark.parametrize(
    ("instruments", "field"),
    [
        ([{"symbol": "AAPL"}] * 201, "instruments"),
        ([{"symbol": "!!"}], "instruments[0].symbol"),
        ([{"symbol": "AAPL", "price": 1}], "instruments[0].price"),
        ([{"symbol": "AAPL", "label": "x" * 61}], "instruments[0].label"),
        (None, "instruments"),
    ],
)
async def test_list_that_is_none_is_refused_and_the_old_one_stays(tmp_path: Path, instruments: Any, field: str) -> None:
    async with keyed_service(state_path=str(tmp_path)) as service:
        await put(service, LIST)
        refusal = await put(service, instruments)
        assert refusal.status_code == 422
        assert refusal.json()["field"] == field
        assert (await service.http.get("/watchlist", headers=bearer("read"))).json()["instruments"] == LIST


async def test_without_keys_none_is_kept(tmp_path: Path) -> None:
    async with running_service(state_path=str(tmp_path)) as service:
        assert await service.get("/watchlist") == {"kept": False, "instruments": None}
        refusal = await service.http.put("/watchlist", json={"instruments": LIST})
        assert (refusal.status_code, refusal.json()["code"]) == (409, "watchlist_not_kept")
        assert not (tmp_path / "watchlists").exists()


async def test_disk_that_takes_nothing_is_told_and_what_nobody_can_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "watchlists").write_text("not a folder")
    async with keyed_service(state_path=str(tmp_path)) as service:
        refusal = await put(service, LIST)
        assert (refusal.status_code, refusal.json()["code"]) == (409, "watchlist_not_kept")
        (tmp_path / "watchlists").unlink()
        (tmp_path / "watchlists").mkdir()
        (tmp_path / "watchlists" / "read.json").write_text("{")
        assert (await service.http.get("/watchlist", headers=bearer("read"))).json() == {"kept": True, "instruments": None}
        assert (await put(service, LIST)).status_code == 200
