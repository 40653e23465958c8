"""What one session has told of its accounts so far: figures, positions and what they are worth.

The gateway tells one item at a time, and what belongs to an account is put together here when somebody asks.
"""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

import msgspec

from ibactors.bridge.accounts import AccountHalf, AccountPart
from ibactors.errors import IbactorsError
from ibactors.model.accounts import AccountBook, AccountState, Figure, PortfolioItem, Position
from ibactors.model.times import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedFigure:
    """A figure of the summary with its name."""

    tag: str
    figure: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """The first full set of something is in."""

    what: AccountHalf


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A row of something could not be read."""

    what: AccountHalf


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """IB does not send something, or not any more."""

    what: AccountPart
    error: IbactorsError


Item: TypeAlias = Position | PortfolioItem | TaggedFigure | Complete | Unreadable | Refused


class KnownAccounts:
    """The newest of each item; begun anew with each session, so that nothing of an old one is shown as current."""

    def __init__(self) -> None:
        self._complete: set[str] = set()
        self.unreadable: set[str] = set()
        """Of what a row could not be read; the others would pass for all there is."""
        self._figures: dict[tuple[str, str, str], Figure] = {}
        self._positions: dict[tuple[str, int], Position] = {}
        self._portfolio: dict[tuple[str, int], PortfolioItem] = {}
        self._arrived: dict[AccountHalf, float] = {"summary": 0.0, "positions": 0.0}
        self.refusals: dict[str, IbactorsError] = {}
        """Why IB does not send what it is asked for."""

    def take(self, item: Item, arrived: float) -> None:
        """Take note of what the gateway has told; *arrived* is Unix time."""
        match item:
            case TaggedFigure(tag=tag, figure=figure):
                self._figures[figure.account, tag, figure.currency] = figure
                self._arrived["summary"] = arrived
            case Position():
                self._take_position(item)
                self._arrived["positions"] = arrived
            case PortfolioItem():
                self._portfolio[item.account, item.con_id] = item
                self.refusals.pop("portfolio", None)
            case Complete(what=what):
                self._complete.add(what)
                self._arrived[what] = arrived
                self.refusals.pop(what, None)
            case Refused(what=what, error=error):
                self.refusals[what] = error
                self._complete.discard(what)  # what is known is not kept up to date
                if what == "portfolio":
                    self._portfolio.clear()  # it is not kept up to date any more
            case Unreadable(what=what):
                self.unreadable.add(what)
            case _:
                assert_never(item)

    def _take_position(self, item: Position) -> None:
        key = item.account, item.con_id
        if item.position:
            self._positions[key] = item
        else:
            # Should it be opened again, then what is known is not of the new one.
            self._positions.pop(key, None)
            self._portfolio.pop(key, None)

    @property
    def refused(self) -> str | None:
        """What IB does not send, and why; None when it sends all."""
        told = [f"The account's {what}: {error}" for what, error in self.refusals.items()]
        told += [f"The account's {what}: a row cannot be read" for what in sorted(self.unreadable)]
        return "; ".join(told) or None

    def has(self, what: str) -> bool:
        """Whether the first full set of `summary` or `positions` is in."""
        return what in self._complete

    @property
    def is_complete(self) -> bool:
        """Whether all first sets are in."""
        return self.has("summary") and self.has("positions")

    def book(self, account: str, *, owners: frozenset[str] | None) -> AccountBook:
        """What is known of *account*, with the positions of *owners*; None stands for those of all accounts."""
        return AccountBook(
            account=account,
            figures={(tag, currency): figure for (owner, tag, currency), figure in self._figures.items() if owner == account},
            positions=tuple(
                self._with_market_figures(position) for position in self._positions.values() if owners is None or position.account in owners
            ),
            summary_timestamp=rfc3339(self._arrived["summary"]),
            positions_timestamp=rfc3339(self._arrived["positions"]),
        )

    def state(self, account: str) -> AccountState:
        """The whole state of *account* as of now."""
        book = self.book(account, owners=frozenset({account}))
        return AccountState(
            account=account, account_summary=book.summary, positions=book.positions, timestamp=rfc3339(max(self._arrived.values()))
        )

    def _with_market_figures(self, position: Position) -> Position:
        item = self._portfolio.get((position.account, position.con_id))
        if item is None or item.position != position.position:
            return position  # there are none, or they are of what was held before
        return msgspec.structs.replace(
            position,
            market_price=item.market_price,
            market_value=item.market_value,
            unrealized_pnl=item.unrealized_pnl,
            realized_pnl=item.realized_pnl,
            market_timestamp=item.timestamp,
        )
