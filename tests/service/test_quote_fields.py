"""What quotes have besides, for those who ask for it: one line, the union of what is asked, null where IB tells nothing."""

from typing import Any

from tests.conftest import Service


def has(*fields: str) -> Any:
    return lambda response: response.status_code == 200 and all(response.json()["fields"].get(field) is not None for field in fields)


async def test_fields_are_the_union_of_what_is_asked_on_one_line(service: Service) -> None:
    assert "fields" not in await service.get("/market/quote/AAPL")
    path = "/market/quote/AAPL?fields=shortable,mark_price,auction,dividends"
    quote = (await service.until(path, has("shortable", "mark_price", "auction", "dividends"))).json()
    assert quote["fields"]["shortable"]["shares"] >= 1_000_000
    assert quote["fields"]["shortable"]["level"] == 3.0
    assert quote["fields"]["dividends"] == {"past_year": 0.96, "next_year": 1.0, "next_date": "2027-02-09", "next_amount": 0.25}
    assert quote["fields"]["auction"]["volume"] > 0
    more = await service.get("/market/quotes?symbols=AAPL&fields=volatility")
    assert more["quotes"]["AAPL"]["fields"].keys() == {"shortable", "mark_price", "auction", "dividends", "volatility"}
    stats = await service.gateway.stats()
    assert stats["lines"] == {"AAPL": 1}, "one line, requested anew"


async def test_what_ib_does_not_tell_of_a_kind_is_null_and_not_asked_for(service: Service) -> None:
    quote = await service.get("/market/quote/EUR.USD?fields=shortable,greeks,halt,vwap")
    assert quote["fields"] == {"shortable": None, "greeks": None, "halt": None, "vwap": None}
    assert quote["bid"]


async def test_stream_tells_fields_with_each_change(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL", fields="vwap,mark_price", id=1)
        while not (quote := await stream.expect("quote", id=1)).get("fields", {}).get("vwap"):
            pass
        assert abs(quote["fields"]["vwap"] - quote["last"]) < 20
        await stream.send(action="subscribe", symbol="MSFT", fields="wap", id=2)
        assert (await stream.expect("error", id=2))["field"] == "fields"


async def test_field_that_is_not_known_is_refused_by_name(service: Service) -> None:
    assert (await service.get("/market/quote/AAPL?fields=short", 422))["field"] == "fields"
