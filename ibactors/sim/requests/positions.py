"""Requests for positions (61, 71): all of them at once, and then each again when a trade has changed it."""

from collections.abc import Callable, Mapping, Sequence

from ibactors.sim import ledger
from ibactors.sim.ledger import Account, Holding
from ibactors.sim.messages import accounts as messages
from ibactors.sim.request import Request
from ibactors.sim.requests.portfolio import account_named
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

_ALL = ("positions", -1)
_MULTI = "positions multi"


class Positions:
    """One subscription to the positions of some accounts; `encode` makes the frame of one."""

    def __init__(self, session: Session, accounts: Sequence[Account], encode: Callable[[Account, Holding], bytes]) -> None:
        self._session = session
        self._accounts = accounts
        self._encode = encode
        self._sent: dict[tuple[str, int], tuple[int, float]] = {}

    def repeat(self) -> None:
        """Send what is new or changed; a position that was closed today is listed with size 0, as recorded."""
        for account in self._accounts:
            for holding in account.holdings:
                key = (account.name, holding.instrument.con_id)
                state = (holding.size, holding.cost)
                if self._sent.get(key) != state:
                    self._sent[key] = state
                    self._session.send(self._encode(account, holding))


def _positions(session: Session, fields: FieldReader) -> None:
    fields.version()

    def encode(account: Account, holding: Holding) -> bytes:
        size, cost = str(holding.size), ledger.price(holding.cost)
        return messages.position(holding.instrument, account=account.name, size=size, cost=cost)

    accounts = list(session.gateway.ledger.accounts.values())
    positions = session.repeating[_ALL] = Positions(session, accounts, encode)
    positions.repeat()
    session.send(messages.position_end())


def _cancel(session: Session, fields: FieldReader) -> None:
    """Stop the updates; cancelling twice is harmless and has no answer."""
    fields.version()
    session.repeating.pop(_ALL, None)


def _positions_multi(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    account = account_named(session, request_id, fields.text())
    model = fields.text()
    if account is None:
        return

    def encode(account: Account, holding: Holding) -> bytes:
        return messages.position_multi(
            request_id,
            holding.instrument,
            account=account.name,
            size=str(holding.size),
            cost=ledger.price(holding.cost),
            model=model,
        )

    positions = session.repeating[_MULTI, request_id] = Positions(session, [account], encode)
    positions.repeat()
    session.send(messages.position_multi_end(request_id))


def _cancel_multi(session: Session, fields: FieldReader) -> None:
    fields.version()
    session.repeating.pop((_MULTI, fields.identifier()), None)


REQUESTS: Mapping[int, Request] = {
    61: Request(name="reqPositions", handle=_positions),
    64: Request(name="cancelPositions", handle=_cancel),
    74: Request(name="reqPositionsMulti", handle=_positions_multi),
    75: Request(name="cancelPositionsMulti", handle=_cancel_multi),
}
