"""A simulator at noon of a trading day, whenever the tests run: while a market is closed no bar forms, and no message 90 comes."""

import datetime as dt

from ibactors.sim import Simulator, SimulatorOptions

NOON = dt.datetime(2026, 11, 24, 17, 0, 4, 900_000, tzinfo=dt.UTC)
"""In New York, on a Tuesday."""


def simulator_at_noon() -> Simulator:
    """Its clock goes on from there."""
    begun = dt.datetime.now(dt.UTC)
    accounts = ("DU1234567", "DU7654321")
    return Simulator(
        SimulatorOptions(port=0, control_port=0, rate=20, accounts=accounts, now=lambda: NOON + (dt.datetime.now(dt.UTC) - begun))
    )
