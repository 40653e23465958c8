"""Requests as good clients send them, which the fuzzers begin with."""

from tests.sim.rawclient import contract, hello, market_data, pack

AAPL = contract("AAPL")
OPENING = hello() + pack(71, 2, 99, "")
REAL = [
    market_data(5, AAPL),
    pack(49, 1),
    pack(61, 1),
    pack(62, 1, 9, "All", "NetLiquidation"),
    pack(6, 2, 1, "DU1234567"),
    pack(9, 8, 7, *AAPL, 0, "", "", ""),
    pack(20, 4, *AAPL, 0, "", "1 hour", "2 D", 1, "TRADES", 1, 0, ""),
    pack(10, 5, 8, *AAPL, 5, 1, ""),
    pack(97, 9, *AAPL, "Last", 0, 0),
    pack(7, 3, 1, 0, "", "", "", "", "", ""),
    pack(2, 2, 5),
]
