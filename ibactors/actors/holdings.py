"""Profit and loss, and whole portfolios, as streams have them: addresses and messages; the actor is in `holdings_actor.py`."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from ibactors.actors.account import AccountStates
from ibactors.actors.directory import DirectoryRef
from ibactors.errors import IbactorsError
from ibactors.kernel.pool import MemberRef
from ibactors.kernel.topic import Topic
from ibactors.model.accounts import Position, PositionProfit, Profit, ProfitKey
from ibactors.model.instruments import Instrument, SecType
from ibactors.model.sessions import SessionStatus
from ibactors.model.times import Value


class HoldingsKey(Value, frozen=True, kw_only=True):
    """What is wanted, and of which account; an empty one stands for all of the login."""

    channel: Literal["pnl", "portfolio"]
    account: str = ""
    model: str = ""
    con_id: int = 0

    def __str__(self) -> str:
        return ":".join(filter(None, (self.account, self.model, str(self.con_id or ""))))


@dataclass(frozen=True, slots=True)
class Update:
    """Time to see who is to be listened to, and to tell what has changed."""


@dataclass(frozen=True, slots=True)
class IdleCheck:
    """Time to see whether anybody still listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged:
    """The session with the gateway came up or broke."""

    session: SessionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldChanged:
    """What the accounts hold has changed, or is not known any more."""

    states: AccountStates


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitChanged:
    """Figures have come, or an error in their place."""

    key: ProfitKey
    outcome: Profit | IbactorsError | None


HoldingsMessage = Update | IdleCheck
HoldingsNews = SessionChanged | HeldChanged | ProfitChanged


class HoldingsRef(MemberRef[HoldingsMessage, HoldingsNews]):
    """One stream of profits, as the web layer sees it."""

    def __init__(self, key: HoldingsKey) -> None:
        super().__init__(":".join(filter(None, (f"{key.channel}-stream", f"{key}"))), key)
        self.of = key
        self.states: Topic[AccountStates] = Topic(AccountStates(epoch=0, by_account={}))
        """What is known of each account; outlives a crash of the actor."""

    @property
    def wanted(self) -> bool:
        return self.states.listeners > 0 or super().wanted


class HoldingsRefs(DirectoryRef[HoldingsRef]):
    """Where the web layer asks for such streams."""

    def __init__(self) -> None:
        super().__init__("holdings")

    async def of(self, key: HoldingsKey, *, caller: str) -> HoldingsRef:
        """Who keeps one. Raises TooManyProfits."""
        return await self.open(key, partial(HoldingsRef, key), caller=caller)


def profit_of(position: Position, profit: Profit) -> PositionProfit:
    """The figures of a position, with their currency."""
    return PositionProfit(
        currency=position.currency,
        daily=profit.daily,
        unrealized=profit.unrealized,
        realized=profit.realized,
        value=profit.value,
        timestamp=profit.timestamp,
    )


def instrument_of(position: Position) -> Instrument | None:
    """What tells whose data a position's figures depend on; None for a kind that is not known here."""
    try:
        kind = SecType(position.sec_type)
    except ValueError:
        return None
    return Instrument(symbol=position.symbol, sec_type=kind, currency=position.currency, con_id=position.con_id, exchange=position.exchange)
