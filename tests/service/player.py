"""A gateway of another make, for orders: it plays conversations that real gateways had, and lists what became of them.

It speaks server version 173 with the frames of a real gateway as its forms, in which only the order's own fields are filled in. It shares
no code with the simulator, and nothing that it says about an order is of its own making.
"""

import json
from pathlib import Path
from typing import Any

from tests.service.scripted import CONTRACT, STARTUP, Frame, Script, Scripted, account_summary

VERSION = 173
_SIM_DATA = Path(__file__).parent.parent / "sim/data/recorded_orders.json"
_RECORDED: dict[str, Any] = json.loads(_SIM_DATA.read_text())
_FILL: list[Frame] = next(each for each in _RECORDED["fills"] if each["version"] == VERSION)["frames"]
_COMPLETED: Frame = next(each for each in _RECORDED["completed"] if each["version"] == VERSION)["frame"]
_CONDITIONS = 111
"""Where a form says how many conditions there are."""
_OVER = frozenset({"Cancelled", "Filled", "Inactive"})
_APPLE = {"TSLA": "AAPL", "76792991": "265598", "TESLA INC": "APPLE INC", "US88160R1014": "US0378331005"}


class Placed:
    """An order as the client sent it, in message 3."""

    def __init__(self, fields: Frame, client_id: str, perm_id: str) -> None:
        self.order_id, self.client_id, self.perm_id = fields[1], client_id, perm_id
        self.action, self.quantity, self.type, self.limit, self.aux, self.tif = fields[16:22]
        self.account, self.ref = fields[23], fields[26]
        self.status = ""
        self.completed = ""
        self.listed: list[Frame] = []
        """What a list of open orders says of it."""
        self.fills: list[Frame] = []


class Player:
    """What the gateway of a conversation does. `said` is what it answers to the next order or cancel."""

    def __init__(self, conversation: dict[str, Any]) -> None:
        self.next_id = int(conversation["next_id"])
        self.perm_id = int(conversation["perm_id"])
        self.last = float(conversation["last"])
        self.said: list[list[Any]] = []
        self.orders: dict[str, Placed] = {}
        self.requests: list[Frame] = []
        """Every message 3."""
        self.client_id = ""

    @property
    def script(self) -> Script:
        """For `running_script`."""
        return {
            "71": self._start,
            "61": lambda _: [["62", "1"]],
            "62": account_summary,
            "9": lambda request: [["10", request[2], *(_APPLE.get(field, field) for field in CONTRACT)], ["52", "1", request[2]]],
            "91": lambda request: [["93", request[1], "1", "0", "0.01"]],
            "1": self._quote,
            "3": self._place,
            "4": lambda request: self._say(self.orders[request[2]]),
            "5": lambda _: self._open_orders(),
            "16": lambda _: self._open_orders(),
            "99": lambda _: [*(_completed(order) for order in self.orders.values() if order.completed), ["102"]],
            "7": self._executions,
            "49": lambda _: [["49", "1", "1752606307"]],
        }

    async def speak(self, scripted: Scripted, said: list[list[Any]]) -> None:
        """Say something of the last order without being asked."""
        self.said = said
        await scripted.push(*self._say(list(self.orders.values())[-1]))

    def _start(self, request: Frame) -> list[Frame]:
        self.client_id = request[2]
        return [STARTUP[0], ["9", "1", str(self.next_id)], *STARTUP[2:]]

    def _quote(self, request: Frame) -> list[Frame]:
        line = request[2]
        prices = {"1": self.last - 0.01, "2": self.last + 0.01, "4": self.last}
        return [["1", "6", line, tick, f"{price:.2f}", "100", "0"] for tick, price in prices.items()]

    def _place(self, request: Frame) -> list[Frame]:
        self.requests.append(request)
        known = self.orders.get(request[1])
        perm_id = str(self.perm_id + len(self.orders)) if known is None else known.perm_id
        order = self.orders[request[1]] = Placed(request, self.client_id, perm_id)
        # What is not transmitted is answered by nothing at all, until the last of its family is.
        return self._say(order) if request[27] == "1" else []

    def _say(self, order: Placed) -> list[Frame]:
        said, self.said = self.said, []
        members = list(self.orders.values())
        return [_frame(members[each[0]], *each[1:]) if isinstance(each[0], int) else _frame(order, *each) for each in said]

    def _open_orders(self) -> list[Frame]:
        living = (order for order in self.orders.values() if order.status and order.status not in _OVER and not order.completed)
        return [*(frame for order in living for frame in order.listed), ["53", "1"]]

    def _executions(self, request: Frame) -> list[Frame]:
        fills = [[fill[0], request[2], *fill[2:]] for order in self.orders.values() for fill in order.fills]
        return [*fills, ["55", "1", request[2]]]


def _frame(order: Placed, kind: str, *what: Any) -> Frame:
    """One thing that a gateway says of an order, as a frame."""
    match kind:
        case "open":
            order.status = what[0]
            frame = _open(order, *what)
            order.listed = [frame]
        case "status":
            status, filled, remaining, *more = what
            average, held = str(more[0] if more else 0), more[1] if len(more) > 1 else ""
            order.status = status
            frame = ["3", order.order_id, status, str(filled), str(remaining), average, order.perm_id, "0", average]
            frame += [order.client_id, held, "0"]
            order.listed.append(frame)
        case "fill":
            frame = _fill(order, *what)
            order.fills.append(frame)
        case "fee":
            frame = ["59", "1", what[0], str(what[1]), what[2], "1.7976931348623157E308", "", ""]
        case _:
            frame = ["4", "2", order.order_id, str(what[0]), what[1], ""]
    return frame


def _open(order: Placed, status: str, echo: dict[str, Any] | None = None) -> Frame:
    frame = [status if field == "PreSubmitted" else field for field in _FILL[0]]
    frame[1] = order.order_id
    frame[13:19] = order.action, order.quantity, order.type, order.limit or "0.0", order.aux or "0.0", order.tif
    frame[20], frame[23], frame[24], frame[25] = order.account, order.ref, order.client_id, order.perm_id
    told = dict(echo or {})
    conditions = told.pop("conditions", None)
    for name, value in told.items():
        frame[{"limit": 16, "quantity": 14}[name]] = value
    if conditions:  # one of them, in force outside regular hours too; the form has none
        frame[_CONDITIONS : _CONDITIONS + 1] = ["1", *conditions, "1", "0"]
    return frame


def _fill(order: Placed, execution_id: str, quantity: int, price: float) -> Frame:
    frame = list(_FILL[2])
    so_far = sum(int(fill[19]) for fill in order.fills) + quantity
    side = "BOT" if order.action == "BUY" else "SLD"
    frame[2], frame[14], frame[16], frame[18], frame[19], frame[20] = (
        order.order_id, execution_id, order.account, side, str(quantity), str(price),
    )  # fmt: skip
    frame[21], frame[22], frame[24], frame[25], frame[26] = order.perm_id, order.client_id, str(so_far), str(price), order.ref
    return frame


def _completed(order: Placed) -> Frame:
    """Message 101 knows neither our number nor our client id."""
    frame = [order.completed if field == "Cancelled by Trader" else field for field in _COMPLETED]
    frame[12:18] = order.action, order.quantity, order.type, order.limit or "0.0", order.aux or "0.0", order.tif
    frame[19], frame[22], frame[23] = order.account, order.ref, order.perm_id
    return frame
