"""Control commands for how the gateway treats orders: its settings, its moods, and what the next ones are told."""

from collections.abc import Callable

from ibactors.sim.control.commands import CommandRefused, number, table
from ibactors.sim.orders.precautions import PRECAUTIONS, REFUSALS, WARNINGS
from ibactors.sim.server import Server

_MOST = 1_000_000
_DAY_S = 86_400
_HANGS = ("PendingSubmit", "PreSubmitted", "Inactive")


def _switch(name: str) -> Callable[[Server, list[str]], None]:
    def turn(server: Server, arguments: list[str]) -> None:
        setattr(server.gateway.quirks, name, arguments[0] == "on")

    return turn


def _loading(server: Server, arguments: list[str]) -> None:
    server.gateway.quirks.loading_s = number(arguments[0], 0, _DAY_S)


def _what_if(server: Server, arguments: list[str]) -> None:
    server.gateway.quirks.what_if = arguments[0]


def _commissions(server: Server, arguments: list[str]) -> None:
    quirks = server.gateway.quirks
    quirks.commissions = arguments[0]
    quirks.commission_delay_s = number(arguments[1], 0, _DAY_S) if len(arguments) > 1 else None


def _answer_order(server: Server, arguments: list[str]) -> None:
    code = int(number(arguments[0], 0, _MOST))
    if code not in REFUSALS and code not in WARNINGS:
        known = ", ".join(map(str, sorted({*REFUSALS, *WARNINGS})))
        raise CommandRefused(f"no order is answered with {code}; there are {known}")
    nth = int(number(arguments[2], 1, _MOST)) if len(arguments) > 2 else 1
    server.gateway.quirks.refusals = [0] * (nth - 1) + [code] * _count(arguments)


def _answer_cancel(server: Server, arguments: list[str]) -> None:
    server.gateway.quirks.cancel_answers = [int(arguments[0])] * _count(arguments)


def _hang(server: Server, arguments: list[str]) -> None:
    if arguments[0] not in _HANGS:
        raise CommandRefused(f"no order hangs in {arguments[0]!r}; there are {', '.join(_HANGS)}")
    server.gateway.quirks.hangs = [arguments[0]] * _count(arguments)


def _precaution(server: Server, arguments: list[str]) -> None:
    name, limit = arguments[0], number(arguments[1], 0, 1e12)
    server.gateway.quirks.precautions.pop(name, None)
    if limit:
        server.gateway.quirks.precautions[name] = limit


def _count(arguments: list[str]) -> int:
    return int(number(arguments[1], 0, _MOST)) if len(arguments) > 1 else 1


COMMANDS = table(
    ("read-only", "on|off", _switch("read_only")),
    ("presets", "on|off", _switch("presets")),
    ("late-perm-ids", "on|off", _switch("perm_ids_late")),
    ("incarnations", "on|off", _switch("incarnations")),
    ("open-at-connect", "on|off", _switch("open_at_connect")),
    ("pending-cancels", "on|off", _switch("pending_cancels")),
    ("shuffled-lists", "on|off", _switch("shuffled_lists")),
    ("submits-at-once", "on|off", _switch("submits_at_once")),
    ("loading", "SECONDS", _loading),
    ("what-if", "parts|one|first|placeholder|no-commission|never", _what_if),
    ("commissions", "plain|minus-one|unset [SECONDS]", _commissions),
    ("answer-order", "CODE [N] [NTH]", _answer_order),
    ("answer-cancel", "161|10147|10148 [N]", _answer_cancel),
    ("hang", "STATUS [N]", _hang),
    ("precaution", f"{'|'.join(PRECAUTIONS)} N", _precaution),
)
