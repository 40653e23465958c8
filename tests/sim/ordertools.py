"""placeOrder requests of a few words for protocol tests, and the answers to them by name."""

from tests.sim.rawclient import Bench, RawClient, contract

AAPL = contract("AAPL")
ACCOUNT = "DU1234567"

# The places in openOrder (5) at version 178 that tests look at.
OPEN = {"action": 13, "quantity": 14, "type": 15, "limit": 16, "aux": 17, "tif": 18, "group": 19}
OPEN |= {"account": 20, "perm": 25, "what_if": 92, "status": 93, "commission": 103, "warning": 107}


def place(
    order_id: int,
    action: str = "BUY",
    size: str = "100",
    kind: str = "MKT",
    limit: str = "",
    aux: str = "",
    *,
    block: tuple[str | int, ...] = AAPL,
    version: int = 178,
    **terms: str | int,
) -> tuple[str | int, ...]:
    """A placeOrder request; `terms` are named as in the official API, with underscores as they are there."""
    t: dict[str, str | int] = {"account": ACCOUNT, "transmit": 1, "tif": "DAY", **terms}

    def get(*names: str) -> list[str | int]:
        return [t.get(n, "") for n in names]

    fields: list[str | int] = [3, order_id, *block, "", "", action, size, kind, limit, aux]
    fields += get("tif", "ocaGroup", "account", "openClose", "origin", "orderRef", "transmit", "parentId")
    fields += [0, 0, "", 0, *get("outsideRth", "hidden")]
    fields += ["", "0.0", *get("goodAfterTime", "goodTillDate"), "", "", ""]
    fields += [""] if version < 177 else []
    fields += ["", 0, "", -1, *get("ocaType"), "", "", *get("allOrNone"), "", "", 0, 0, "", 0, *[""] * 5, 0]
    fields += ["", "", "", "", 0, "", *get("trailStopPrice", "trailingPercent"), "", "", "", "", "", "", ""]
    fields += [0, "", "", 0, 0, "", "", *get("whatIf"), "", 0, 0, 0, 0]
    fields += ["", "", *get("lmtPriceOffset"), "", "", "", 0, "", "", "", "", "", "", "", "", 0, 0, 0, ""]
    gates: dict[int, str | int] = {158: "", 160: "", 162: 0, 166: "", 169: ""}
    fields += [value for gate, value in gates.items() if version >= gate]
    # A midpoint peg has an offset for whole ticks and one for half ones.
    fields += ["", ""] if kind == "PEG MID" and version >= 170 else []
    return tuple(fields)


async def pinned(bench: Bench, bid: str = "100.00", ask: str = "100.02", last: str = "100.00", symbol: str = "AAPL") -> None:
    """Hold the market still at exact prices."""
    assert await bench.control(f"set {symbol} {bid} {ask} {last}") == "ok"


def kinds(frames: list[list[str]]) -> list[tuple[str, ...]]:
    """Frames of orders in short: message and status, or message and error code."""
    short: list[tuple[str, ...]] = []
    for f in frames:
        if f[0] == "5":
            short.append(("5", f[OPEN["status"]]))
        elif f[0] == "3":
            short.append(("3", f[2]))
        elif f[0] == "4":
            short.append(("4", f[3]))
        elif f[0] in ("11", "59"):
            short.append((f[0],))
    return short


async def answers(client: RawClient, *requests: tuple[str | int, ...]) -> list[list[str]]:
    """Everything that the server says to some requests before it tells the time."""
    for fields in requests:
        await client.send(*fields)
    return await client.synchronise()


async def told(bench: Bench, *commands: str) -> None:
    """Carry out control commands that have to succeed."""
    for command in commands:
        answer = await bench.control(command)
        assert answer == "ok", (command, answer)
