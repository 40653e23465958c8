"""Judging: what must hold before an order or a preview is taken, and what it is worth; everything but the sending.

The last look at the limits and the queued write are one step without a wait, so that what the limits count is what is taken.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import trio
from msgspec.structs import replace

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_terms import Surveyor
from ibactors.actors.orders import boot_now
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.order_lists import Listed
from ibactors.bridge.pacing import MOST_OPENINGS
from ibactors.errors import GatewayDisconnected, IbactorsError, InvalidRequest
from ibactors.model.times import Value
from ibactors.orders.canonical import Canonical, canonical
from ibactors.orders.codes import READ_ONLY
from ibactors.orders.collar import NEWEST, Reference, ReferenceKind
from ibactors.orders.consistency import check_request
from ibactors.orders.errors import (
    REFUSALS,
    GatewayReadOnly,
    JournalFailed,
    OrderRate,
    PreviewRequired,
    PriceCollar,
    Reconciling,
    TradingHalted,
    TradingOff,
)
from ibactors.orders.limits import MINUTE, Candidate, Passed, State, Verdict, check, check_child, not_allowed, verdict
from ibactors.orders.order import Order
from ibactors.orders.request import PlaceBody
from ibactors.orders.safety import Refusal, Rules, account_refusal
from ibactors.orders.terms import Side, Terms


class Assessed(Value, frozen=True, kw_only=True):
    """A request, resolved and on the tick, with the market that it is measured against."""

    listed: Listed
    orders: Canonical
    candidate: Candidate
    children: tuple[Candidate, ...] = ()
    looked: float = 0.0
    """When the market was looked at, on trio's clock."""

    def against(self, reference: Reference | None) -> "Assessed":
        """The same, measured against the market of now."""
        entry = entry_of(self.candidate.terms, reference)
        children = tuple(replace(child, reference=entry) for child in self.children)
        return replace(self, candidate=replace(self.candidate, reference=reference), children=children, looked=trio.current_time())


class Judge:
    """Judges requests, and keeps what the limits count besides the journal."""

    def __init__(
        self,
        keeper: Keeper,
        connection: ConnectionRef,
        surveyor: Surveyor,
        rules: Rules,
        key_rules: Mapping[str, Rules],
        live_accounts: frozenset[str],
        is_dead: Callable[[str], bool],
        *,
        needs_preview: bool = False,
    ) -> None:
        self.needs_preview = needs_preview
        self._keeper = keeper
        self._connection = connection
        self._surveyor = surveyor
        self._rules = rules
        self._key_rules = key_rules
        self._live_accounts = live_accounts
        self._is_dead = is_dead
        self._placed_at: dict[str, deque[float]] = {}
        self.reserved: dict[str, Order] = {}
        """Taken by the limits, and not in the journal yet."""
        self.changing: set[str] = set()
        """Orders of which a change is being written down: its message comes to the desk next."""

    def account_of(self, named: str | None) -> str:
        """The account, which must be named where there are several; empty where nobody can say."""
        if named is not None:
            return named
        accounts = self._connection.sessions.value.accounts
        if not accounts and len(known := [name for name, count in self._keeper.book.shelf.accounts.items() if count]) == 1:
            return known.pop()
        return accounts[0] if len(accounts) == 1 else ""

    def named(self, account: str) -> str:
        """The account, if there is one. Raises GatewayDisconnected, InvalidRequest."""
        if not account:
            if not self._connection.sessions.value.up:
                raise GatewayDisconnected("There is no session that says which account is meant; name it in `account`.")
            raise InvalidRequest("The session has several accounts.", field="account", remedy="Name one.")
        return account

    def check_open(self, account: str, *, messages: int = 1, asks: bool = False) -> OrderDesk:
        """Whether a new order of so many *messages* may be taken now, or, with *asks*, a preview; the desk that it goes to."""
        ref = self._keeper.ref
        if not (ref.takes_orders or (asks and ref.is_on)):
            raise TradingOff(f"Trading is {ref.mode}; no order is sent.", extra={"limit": str(ref.mode), "setting": "IBACTORS_TRADING"})
        if (why := ref.why_halted) is not None:
            raise TradingHalted(f"Trading is halted: {why}.")
        desk = self._keeper.desk
        if desk is not None and desk.log.read_only is not None:
            raise GatewayReadOnly(f"The gateway refuses orders: {desk.log.read_only}", ib_code=READ_ONLY)
        if (why := self._keeper.journal.may_open) is not None:
            raise JournalFailed(why)
        session = self._connection.sessions.value
        if desk is None or not desk.connected or not session.up:
            raise GatewayDisconnected(session.reason or "The gateway does not reach IB at the moment.")
        if desk.is_crowded(len(self.reserved) + len(self.changing) + messages):
            raise OrderRate(f"{MOST_OPENINGS} messages of orders wait for their turn at the gateway.", extra={"retry_after": 1})
        refusal = account_refusal(ref.mode, account, frozenset(session.accounts), self._live_accounts, asks=asks)
        if refusal is not None:
            raise refused(refusal)
        if ref.reconciled.epoch != desk.log.epoch:
            raise Reconciling("IB's lists of this session are not read yet.")
        return desk

    async def assess(self, body: PlaceBody, account: str) -> Assessed:
        """Resolve a request, put it on the tick and find what it is measured against. Raises what it is refused with."""
        check_request(body, datetime.now(UTC))
        listed, tradable = await self._surveyor.contract(body.instrument, body.legs or ())
        orders = canonical(body, account, tradable)
        rate = await self._surveyor.rate(account, listed.currency)
        parent, *others = (member.terms for member in orders.members)
        skips = body.collar == "skip"
        candidate = Candidate(
            terms=parent,
            underlying_price=await self.underlying(parent, listed),
            rate=rate,
            skip_collar=skips,
            members=len(orders.members),
        )
        children = tuple(Candidate(terms=terms, rate=rate, skip_collar=skips) for terms in others)
        assessed = Assessed(listed=listed, orders=orders, candidate=candidate, children=children)
        return assessed.against(await self._surveyor.reference(listed))

    async def newest(self, assessed: Assessed) -> Assessed:
        """The same against a market that is not older than `NEWEST`: others of the request may have taken their time."""
        if trio.current_time() - assessed.looked <= NEWEST:
            return assessed
        return assessed.against(await self._surveyor.reference(assessed.listed))

    async def underlying(self, terms: Terms, listed: Listed) -> Decimal | None:
        """What combinations and sold options are worth by: their own price says little of what is at stake."""
        if terms.is_combination or (terms.sec_type in {"OPT", "FOP"} and terms.side is Side.SELL):
            return await self._surveyor.underlying(listed)
        return None

    def _sets(self, key: str) -> Iterator[tuple[Rules, State]]:
        """What must let it pass, in this step: the service's rules with all orders, then the key's own with the key's."""
        state, own = self._state(key), self._key_rules.get(key)
        if own is None:
            yield self._rules, state
            return
        yield replace(self._rules, limits=replace(self._rules.limits, may_skip_collar=own.limits.may_skip_collar)), state
        orders = tuple(order for order in state.orders if order.key == key)
        yield own, replace(state, orders=orders, spent=self._keeper.book.shelf.spent(state.at, key))

    def _state(self, key: str) -> State:
        shelf, at, placed = self._keeper.book.shelf, time.time(), self._placed_at.get(key, deque())
        while placed and placed[0] <= at - MINUTE:
            placed.popleft()
        return State(
            at=at,
            orders=(*shelf.at_stake.values(), *self.reserved.values()),
            spent=shelf.spent(at),
            positions=self._surveyor.positions(),
            placed_at=tuple(placed),
            halted=self._keeper.ref.why_halted,
            deadman_expired=self._is_dead(key),
        )

    def check_allowed(self, candidate: Candidate, key: str) -> None:
        """Raises OrderNotAllowed for what is not on an allow-list: not even asked about."""
        for rules, _ in self._sets(key):
            if (refusal := not_allowed(candidate.terms, rules)) is not None:
                raise refused(refusal)

    def check_token(self, given: str | None, account: str, key: str, mark: str) -> None:
        """Whether the request was previewed, where that is asked for. Raises PreviewRequired."""
        if given is None and not self.needs_preview:
            return
        why = "preview_token is missing"
        if given is not None:
            why = self._keeper.ref.tokens.why_not(given, key, account, mark, boot_now()) or ""
        if why:
            extra: dict[str, object] = {"setting": "IBACTORS_REQUIRE_PREVIEW"} if self.needs_preview else {}
            raise PreviewRequired(f"{why}.", extra=extra)

    def verdict(self, assessed: Assessed, key: str) -> Verdict:
        """What would become of it if it were placed now."""
        sets = tuple(self._sets(key))
        found = [verdict(assessed.candidate, state, rules) for rules, state in sets]
        refusals = [each.refusal for each in found] + [check_child(child, rules) for rules, _ in sets for child in assessed.children]
        refusal = next((each for each in refusals if each is not None), None)
        measures = tuple(measure for each in found for measure in each.measures)
        return Verdict(refusal=refusal, notional=found[0].notional, measures=measures)

    def take(self, candidate: Candidate, key: str, children: tuple[Candidate, ...] = ()) -> Passed:
        """Check the limits and count the candidate as taken, in one step. Raises what it is refused with."""
        passed: Passed | None = None
        for rules, state in self._sets(key):
            found = check(candidate, state, rules)
            if isinstance(found, Refusal):
                raise refused(found, candidate.reference)
            for child in children:
                if (refusal := check_child(child, rules)) is not None:
                    raise refused(refusal, child.reference)
            passed = passed or found
        if passed is None:
            raise AssertionError("the service has rules")
        self._placed_at.setdefault(key, deque(maxlen=5_000)).extend([time.time()] * candidate.members)
        return passed

    def give_back(self, key: str, orders: Sequence[Order]) -> None:
        """Count no longer what was taken and will not be sent: of what belongs together a later part was refused, or it is a repetition."""
        for order in orders:
            self.reserved.pop(order.order_id, None)
            if placed := self._placed_at.get(key):
                placed.pop()


def entry_of(parent: Terms, reference: Reference | None) -> Reference | None:
    """What a bracket's children are measured against: the price at which their parent begins, if it says one."""
    price = parent.limit_price or parent.stop_price
    return reference if price is None else Reference(kind=ReferenceKind.PARENT, bid=price, ask=price, at=time.time())


def refused(refusal: Refusal, reference: Reference | None = None) -> IbactorsError:
    """A refusal as the error that it is told as; one for the price's sake with the *reference* that it was measured against."""
    quote = reference if refusal.code == PriceCollar.code else None
    members = {"limit": refusal.limit, "value": refusal.value, "setting": refusal.setting, "quote": quote}
    extra: dict[str, object] = {name: value for name, value in members.items() if value is not None}
    if refusal.code == "account_not_found":
        return InvalidRequest(refusal.detail, field="account")
    return REFUSALS[refusal.code](refusal.detail, extra=extra)
