"""Which incoming message belongs to which request, and which one ends it: one table, by message id.

A message names its request by an id, or not at all: IB answers some requests, such as the one for open orders, without one. Those have a
name here instead, and as nothing else tells their answers apart, there is one of a name at a time.
Source: the TWS API's EDecoder; an id stands after the message id, or after a version where the message still has one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Key: TypeAlias = int | str
"""The id of a request, or the name of one that has none."""

OPEN_ORDERS = "open orders"
"""Of reqOpenOrders and of reqAllOpenOrders, whose answers are the same."""
COMPLETED_ORDERS = "completed orders"
CURRENT_TIME = "current time"
SCANNER_PARAMETERS = "scanner parameters"
NEWS_PROVIDERS = "news providers"
FAMILY_CODES = "family codes"
DEPTH_EXCHANGES = "depth exchanges"


def adviser_data(kind: int) -> str:
    """The name of the request for what an adviser has set up: 1 groups, 3 aliases."""
    return f"adviser data {kind}"


def market_rule(rule_id: int) -> str:
    """The name of the request for one market rule."""
    return f"market rule {rule_id}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one kind of message is to the request that it belongs to."""

    keys: Callable[[Sequence[str]], tuple[Key, ...]]
    """Which request that is, by the message's fields; the first one that is open."""
    ends: bool | Callable[[Sequence[str]], bool] = False
    """Whether it is the last one."""

    def is_last(self, fields: Sequence[str]) -> bool:
        """Whether no other message of the request follows."""
        return self.ends if isinstance(self.ends, bool) else self.ends(fields)


def _id(place: int) -> Callable[[Sequence[str]], tuple[Key, ...]]:
    return lambda fields: (int(fields[place]),)


def _named(name: str) -> Callable[[Sequence[str]], tuple[Key, ...]]:
    return lambda _: (name,)


def _order(fields: Sequence[str]) -> tuple[Key, ...]:
    """An order's own request, such as a what-if, or whoever asked for all of them."""
    return int(fields[1]), OPEN_ORDERS


def _done(fields: Sequence[str]) -> bool:
    return fields[-1] == "1"


_FIRST, _SECOND = _id(1), _id(2)

ANSWERS: dict[int, Answer] = {
    # contracts
    10: Answer(_FIRST),  # contractDetails
    18: Answer(_FIRST),  # bondContractDetails
    52: Answer(_SECOND, ends=True),
    75: Answer(_FIRST),  # securityDefinitionOptionParameter
    76: Answer(_FIRST, ends=True),
    79: Answer(_FIRST, ends=True),  # symbolSamples
    82: Answer(_FIRST, ends=True),  # smartComponents
    93: Answer(lambda fields: (market_rule(int(fields[1])),), ends=True),
    # history
    17: Answer(_FIRST, ends=True),  # historicalData: all bars in one message
    88: Answer(_FIRST, ends=True),  # headTimestamp
    89: Answer(_FIRST, ends=True),  # histogramData
    96: Answer(_FIRST, ends=_done),  # historicalTicks
    97: Answer(_FIRST, ends=_done),  # historicalTicksBidAsk
    98: Answer(_FIRST, ends=_done),  # historicalTicksLast
    106: Answer(_FIRST, ends=True),  # historicalSchedule
    # orders and executions
    3: Answer(_order),  # orderStatus
    5: Answer(_order),  # openOrder
    53: Answer(_named(OPEN_ORDERS), ends=True),
    11: Answer(_FIRST),  # execDetails
    55: Answer(_SECOND, ends=True),
    101: Answer(_named(COMPLETED_ORDERS)),
    102: Answer(_named(COMPLETED_ORDERS), ends=True),
    # accounts
    71: Answer(_SECOND),  # positionMulti
    72: Answer(_SECOND, ends=True),
    73: Answer(_SECOND),  # accountUpdateMulti
    74: Answer(_SECOND, ends=True),
    78: Answer(_named(FAMILY_CODES), ends=True),
    16: Answer(lambda fields: (adviser_data(int(fields[2])),), ends=True),  # receiveFA
    # the rest
    19: Answer(_named(SCANNER_PARAMETERS), ends=True),
    20: Answer(_SECOND, ends=True),  # scannerData: all rows in one message
    21: Answer(_FIRST),  # tickOptionComputation, the answer to calculateOptionPrice
    49: Answer(_named(CURRENT_TIME), ends=True),
    80: Answer(_named(DEPTH_EXCHANGES), ends=True),
    83: Answer(_FIRST, ends=True),  # newsArticle
    85: Answer(_named(NEWS_PROVIDERS), ends=True),
    86: Answer(_FIRST),  # historicalNews
    87: Answer(_FIRST, ends=True),
}
