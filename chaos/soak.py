"""Days in minutes: a gateway's daily schedule sped up, with clients that come and go, and whether anything leaks.

Only the schedule of events is sped up; the service's clock, its timeouts and its back-off are the real ones. Lines are released two seconds
after their last use, so that each simulated day opens and closes hundreds of them.
"""

from dataclasses import replace

import trio

from chaos.faults import BASE_RATE, Fault, drop_of, near_farm
from chaos.load import Options, World
from chaos.truth import Truth

_HOURS_A_DAY, _SECONDS_AN_HOUR = 24, 3600
LINE_IDLE_S = 2


def soak_options(options: Options) -> Options:
    """Few clients, so that symbols are wanted by nobody now and then."""
    return replace(options, streams=12, callers=8, settings={"IBACTORS_LINE_IDLE_SECONDS": str(LINE_IDLE_S)})


def day(truth: Truth, hour_s: float) -> list[tuple[float, Fault]]:
    """What happens in an ordinary day of a gateway, by the hour; an hour takes `hour_s` seconds."""
    stocks = frozenset(symbol.name for symbol in truth.symbols.values() if symbol.farm == "usfarm")
    everything = frozenset(truth.symbols)
    restart_s = round(hour_s, 1)

    def pace(name: str, rate: float) -> Fault:
        return Fault(name=f"pace of the {name}", begin=(f"rate {rate}",))

    def farm_broken() -> Fault:
        broken = _lasting("farm broken", 0.2 * hour_s, "farm-down usfarm", "farm-up usfarm", stocks)
        return replace(broken, suspects=near_farm(truth, "usfarm"))

    return [
        (0.0, pace("night", 1)),
        (0.25, _lasting("nightly reset, data lost", 0.5 * hour_s, "1100", "1101", everything, session=True)),
        (2.0, farm_broken()),
        (4.0, pace("early trading", BASE_RATE)),
        (7.0, drop_of(truth)),
        (9.5, pace("opening", 2 * BASE_RATE)),
        (11.0, farm_broken()),
        (13.0, _lasting("competing session", 0.4 * hour_s, "competing on", "competing off", everything, health=False)),
        (16.0, pace("evening", BASE_RATE)),
        (18.0, _lasting("connectivity lost, data kept", 0.3 * hour_s, "1100", "1102", everything, session=True)),
        (22.0, _lasting("daily restart", restart_s, f"refuse {restart_s}", "", everything, session=True)),
    ]


def _lasting(
    name: str, hold_s: float, begin: str, end: str, symbols: frozenset[str], *, session: bool = False, health: bool = True
) -> Fault:
    ends = (end,) if end else ()
    return Fault(name=name, begin=(begin,), end=ends, hold_s=hold_s, symbols=symbols, session=session, health=health)


async def soak(world: World, hours: float, speed: float) -> None:
    """Live through the hours."""
    hour_s = _SECONDS_AN_HOUR / speed
    begun = trio.current_time()
    for number in range(int(hours // _HOURS_A_DAY) + 1):
        for at, fault in day(world.truth, hour_s):
            hour = number * _HOURS_A_DAY + at
            if hour >= hours:
                break
            await trio.sleep_until(begun + hour * hour_s)
            await world.conductor.cause([fault])
    await trio.sleep_until(begun + hours * hour_s)
