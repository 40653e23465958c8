"""Executions from statements, where IB does not list them any more: `POST /executions/import`."""

import time
from typing import Annotated

import msgspec
import trio

from ibactors.actors.order_asks import ImportExecutions
from ibactors.errors import ActorDown, AskTimeout, InvalidRequest, MailboxFull
from ibactors.keys import Scope
from ibactors.model.hours import zone_of
from ibactors.orders import errors as e
from ibactors.orders.statement import read_statement
from ibactors.web.contract.moments import Moment, seconds_of
from ibactors.web.contract.queries import AccountName
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.rest.orders import orders_of

MOST_BYTES = 4 * 1024 * 1024


class WholeSpan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"begin": "from", "end": "to"}):
    """A span of an account in which the statement has all executions: `gaps` end there."""

    account: AccountName
    begin: Moment
    """From when on."""
    end: Moment
    """Until when; not in the future."""


class StatementBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement."""

    statement: Annotated[str, msgspec.Meta(min_length=1)]
    """The text of a Flex query's trades on the level of executions, as XML or CSV, or of an answer of GET /executions, as JSON or CSV."""
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=50)] = "America/New_York"
    """Of times that do not say theirs, as a Flex query has them."""
    whole: WholeSpan | None = None
    """Where it is known to be complete; without it nothing is said of gaps."""


class ExecutionsImported(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    new: int
    """Executions that the journal did not have."""
    known: int
    """Executions that it had; a commission that was missing is joined."""
    skipped: int
    """Rows that are no executions, such as orders, lots and sums."""
    order_ids: tuple[str, ...]
    """Orders of ours that it has executions of."""


async def import_executions(call: Call[Nothing, StatementBody]) -> ExecutionsImported:
    orders, body = orders_of(call), call.body
    try:
        zone = zone_of(body.time_zone)
    except ValueError as error:
        raise InvalidRequest(f"{error}.", field="time_zone", remedy="Send a name such as America/New_York.") from None
    account, whole = _span(body.whole)
    found = await trio.to_thread.run_sync(read_statement, body.statement, zone)
    msg = ImportExecutions(executions=found.executions, by=f"key:{call.caller.name}", account=account, whole=whole)
    done = await orders.import_executions(msg)
    return ExecutionsImported(new=done.new, known=done.known, skipped=found.skipped, order_ids=done.order_ids)


def _span(whole: WholeSpan | None) -> tuple[str, tuple[float, float] | None]:
    if whole is None:
        return "", None
    since, until = float(seconds_of(whole.begin, "whole.from") or 0), float(seconds_of(whole.end, "whole.to") or 0)
    if not since < until <= time.time():
        raise InvalidRequest("whole.to is not after whole.from, or is in the future.", field="whole.to")
    return whole.account, (since, until)


OPERATIONS = (
    Operation(
        method="POST",
        path="/executions/import",
        handle=import_executions,
        summary="Take over executions from a statement",
        description=(
            "By execution id: what is known changes nothing, so that a statement may be sent again. What has our token in its order "
            "reference becomes a fill of that order. A row that cannot be read, or contradicts the order that it names, refuses all of it."
        ),
        tag="Trading",
        scope=Scope.ADMIN,
        query=Nothing,
        body=StatementBody,
        most_bytes=MOST_BYTES,
        returns=ExecutionsImported,
        problems=(
            *(ActorDown, MailboxFull, AskTimeout, InvalidRequest, e.TradingOff),
            *(e.JournalFailed, e.JournalFull, e.JournalBusy, e.JournalClosed),
        ),
    ),
)
