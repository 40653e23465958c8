"""What `deploy/openbb/widgets.json` has OpenBB Workspace ask for is there, in the form that its widgets take."""

import json
from pathlib import Path

from tests.service.trading import place, trading_service

WIDGETS = json.loads((Path(__file__).parents[2] / "deploy" / "openbb" / "widgets.json").read_text(encoding="utf-8"))


async def test_tables_get_flat_rows_where_they_look_for_them(tmp_path: Path) -> None:
    tables = [widget for widget in WIDGETS.values() if widget["type"] == "table"]
    assert tables
    async with trading_service(tmp_path) as service:
        placed = (await place(service, limit_price=100.02)).json()
        await service.until(f"/orders/{placed['order_id']}", lambda response: response.json()["status"] == "filled")
        for widget in tables:
            query = "&".join(f"{each['paramName']}={each['value']}" for each in widget.get("params", ()))
            rows = (await service.get(f"/{widget['endpoint']}?{query}"))[widget["data"]["dataKey"]]
            assert rows, widget["name"]
            assert [name for row in rows for name, value in row.items() if isinstance(value, dict | list)] == []


async def test_chart_gets_bars_of_its_first_symbol(tmp_path: Path) -> None:
    (chart,) = (widget for widget in WIDGETS.values() if widget["type"] == "advanced_charting")
    async with trading_service(tmp_path) as service:
        assert (await service.get(f"/{chart['endpoint']}/config"))["supported_resolutions"]
        symbol = (await service.get(f"/{chart['endpoint']}/symbols?symbol={chart['data']['defaultSymbol']}"))["ticker"]
        bars = await service.get(f"/{chart['endpoint']}/history?symbol={symbol}&resolution=1D&to=1764288000&countback=2")
        assert (bars["s"], len(bars["t"])) == ("ok", 2)
