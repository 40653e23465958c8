"""A combination by its legs has a quote, over REST and the stream: what the legs cost together."""

from tests.conftest import Service

APPLE, MICROSOFT = 265598, 272093


async def fixed(service: Service) -> None:
    await service.gateway.do("set AAPL 100.00 100.02 100.01")
    await service.gateway.do("set MSFT 150.00 150.03 150.01")


async def test_combination_by_its_legs_has_a_quote(service: Service) -> None:
    await fixed(service)
    quote = await service.get(f"/market/quote/AAPL?legs={APPLE}:2:buy,{MICROSOFT}:1:sell")
    assert (quote["bid"], quote["ask"], quote["last"]) == (49.97, 50.04, None)
    assert (quote["sec_type"], quote["symbol"], quote["market_data_type"]) == ("BAG", "AAPL", "live")


async def test_combination_may_cost_less_than_nothing(service: Service) -> None:
    await fixed(service)
    quote = await service.get(f"/market/quote/AAPL?sec_type=BAG&legs={APPLE}:1:buy,{MICROSOFT}:1:sell:SMART")
    assert (quote["bid"], quote["ask"]) == (-50.03, -49.98)


async def test_combination_streams_and_follows_each_leg(service: Service) -> None:
    await fixed(service)
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL", legs=f"{APPLE}:1:buy,{MICROSOFT}:1:buy", id="pair")
        quote = await stream.expect("quote", id="pair", bid=250.0, ask=250.05)
        assert quote["sec_type"] == "BAG"
        await service.gateway.do("set MSFT 151.00 151.03 151.01")
        await stream.expect("quote", id="pair", bid=251.0, ask=251.05)
        await service.gateway.do("set AAPL 99.00 99.02 99.01")
        await stream.expect("quote", id="pair", bid=250.0, ask=250.05)


async def test_combination_of_an_unknown_leg_is_not_found(service: Service) -> None:
    assert (await service.get(f"/market/quote/AAPL?legs={APPLE}:1:buy,1:1:sell", 404))["code"] == "contract_not_found"
