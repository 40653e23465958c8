"""What one session has told of its accounts so far: figures, positions and what they are worth.

The gateway tells one item at a time, and what belongs to an account is put together here when somebody asks.
"""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

import msgspec

from ibactors.model.accounts import AccountBook, AccountState, Figure, PortfolioItem, Position
from ibactors.model.times import now


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedFigure:
    """A figure of the summary with its name."""

    tag: str
    figure: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """The first full set of something is in."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A row of something could not be read."""

    what: str


Item: TypeAlias = Position | PortfolioItem | TaggedFigure | Complete | Unreadable


class KnownAccounts:
    """The newest of each item; begun anew with each session, so that nothing of an old one is shown as current."""

    def __init__(self) -> None:
        self._complete: set[str] = set()
        self.unreadable: set[str] = set()
        """Of what a row could not be read; the others would pass for all there is."""
        self._figures: dict[tuple[str, str, str], Figure] = {}
        self._positions: dict[tuple[str, int], Position] = {}
        self._portfolio: dict[tuple[str, int], PortfolioItem] = {}

    def take(self, item: Item) -> None:
        """Take note of what the gateway has told."""
        match item:
            case TaggedFigure(tag=tag, figure=figure):
                self._figures[figure.account, tag, figure.currency] = figure
            case Position():
                if item.position:
                    self._positions[item.account, item.con_id] = item
                else:
                    self._positions.pop((item.account, item.con_id), None)
            case PortfolioItem():
                self._portfolio[item.account, item.con_id] = item
            case Complete(what=what):
                self._complete.add(what)
            case Unreadable(what=what):
                self.unreadable.add(what)
            case _:
                assert_never(item)

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
        )

    def state(self, account: str) -> AccountState:
        """The whole state of *account* as of now."""
        book = self.book(account, owners=frozenset({account}))
        return AccountState(account=account, account_summary=book.summary, positions=book.positions, timestamp=now())

    def _with_market_figures(self, position: Position) -> Position:
        item = self._portfolio.get((position.account, position.con_id))
        if item is None:
            return position
        return msgspec.structs.replace(
            position,
            market_price=item.market_price,
            market_value=item.market_value,
            unrealized_pnl=item.unrealized_pnl,
            realized_pnl=item.realized_pnl,
        )
