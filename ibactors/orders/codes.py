"""What IB's error codes mean for an order, by what is being asked of it. Data, without wildcards.

The same number means different things: 201 ends a new order, but after a change the order lives on as it was. A code that is not here is a
warning and a reason to reconcile, never a cancel: a client library that cancels with every code it does not know kills live orders.
Sources: IB's page of message codes, and the threads and recordings behind the table of the design.
"""

import enum
from typing import NamedTuple


class Action(enum.StrEnum):
    """What is being asked of IB for an order."""

    PLACE = "place"
    CHANGE = "change"
    CANCEL = "cancel"


class Meaning(enum.StrEnum):
    """What a code says about that."""

    REFUSES = "refuses"
    """It is not done: a new order is rejected; a changed one lives on unchanged; a cancel was refused and the order may live on."""
    WARNS = "warns"
    HOLDS = "holds"
    """A warning that says why the order waits."""
    CONFIRMS = "confirms"
    """The order is cancelled."""
    NOT_FOUND = "not_found"
    """IB does not know the number. Proves nothing: it also comes after a cancel that worked."""
    DROPPED = "dropped"
    """The message was thrown away, or may have been (100)."""
    UNKNOWN = "unknown"
    """Not in the table: told as a warning, and the order is looked up."""


class Row(NamedTuple):
    """The meaning of one code for each action."""

    place: Meaning
    change: Meaning
    cancel: Meaning


def _rows(codes: str, place: Meaning, change: Meaning, cancel: Meaning) -> dict[int, Row]:
    return {int(code): Row(place, change, cancel) for code in codes.split()}


_R, _W, _U = Meaning.REFUSES, Meaning.WARNS, Meaning.UNKNOWN

ROWS: dict[int, Row] = {
    # What stops a new order, or a change. Said after a cancel, they say nothing about the order.
    **_rows("103 107 109 110 133 148 152 200 201 203 320 321 328 382 383 387 388 391 434 435 436 442 443 451 460 464", _R, _R, _U),
    **_rows("10006 10052 10063 10224 10241 10243 10244 10255 10256 10257 10267 10268 10269 10270 10274", _R, _R, _U),
    **_rows("10311 10314 10315 10318 10329", _R, _R, _U),
    # What can only be said of a change.
    **_rows("104 105 134 329 439 440 462 10326 10327", _U, _R, _U),
    # Of a cancel: refused, and the order may live on.
    **_rows("161 10148", _U, _U, _R),
    136: Row(_U, _U, _R),
    **_rows("135 10147", Meaning.NOT_FOUND, Meaning.NOT_FOUND, Meaning.NOT_FOUND),
    202: Row(Meaning.CONFIRMS, Meaning.CONFIRMS, Meaning.CONFIRMS),
    100: Row(Meaning.DROPPED, Meaning.DROPPED, Meaning.DROPPED),
    # What is worth telling and changes nothing.
    **_rows("399 404", Meaning.HOLDS, Meaning.HOLDS, _W),
    **_rows("2109 2137 2148 2161 2168 2169 10349 10167", _W, _W, _W),
}

_PRECAUTIONS = "A setting of the gateway stops it: Global Configuration, {}. Change it there, or keep within it."
GATEWAY_SETTINGS = {
    **dict.fromkeys((382, 383, 451), _PRECAUTIONS.format("Presets, Precautionary Settings")),
    **dict.fromkeys((10311, 10329), _PRECAUTIONS.format("API, Precautions, which may bypass the warning for directly routed orders")),
}
"""What stands in the gateway's own settings, where a code is about them."""

READ_ONLY = 321
"""IB's number for this and other refusals; its text says which."""
_READ_ONLY = "read-only"
_WAITS = "will not be placed at the exchange until"


def meaning_of(code: int, action: Action) -> Meaning:
    """What *code* says of *action*; UNKNOWN for a code that is not in the table."""
    row = ROWS.get(code)
    return _U if row is None else row[list(Action).index(action)]


def is_read_only(code: int, text: str) -> bool:
    """True for the 321 of a gateway whose API is read-only: no order can be sent, listed or cancelled there."""
    return code == READ_ONLY and _READ_ONLY in text.lower()


def hold_reason(code: int, text: str) -> str | None:
    """Why IB holds an order back, by a notice: 404 (shares are being located), 399 (the exchange is closed)."""
    if code == 404:  # noqa: PLR2004  # IB's number
        return "locate"
    return text if code == 399 and _WAITS in text else None  # noqa: PLR2004  # IB's number
