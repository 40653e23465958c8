"""Placing: from a request to one frame on its way, at most once.

A request is claimed from the first look to its commit or refusal, so that two equal ones have one outcome. Nothing is journaled before all
that can be refused is refused; once it is journaled it is told to nobody that it was not, and no second frame of it is ever made.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import structlog
from msgspec.structs import replace

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_asks import Place, Placed, PlaceGroup
from ibactors.actors.order_audit import acted
from ibactors.actors.order_groups import Groups, naming, oca_of, parts_of
from ibactors.actors.order_judging import Assessed, Judge
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_terms import expires_at
from ibactors.actors.orders import boot_now
from ibactors.bridge.order_desk import OrderDesk, OrderFrame
from ibactors.bridge.order_frames import place_frames
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.kernel.ref import Reply
from ibactors.orders.adopting import unlike
from ibactors.orders.claims import Claims
from ibactors.orders.errors import (
    ClientOrderIdReused,
    ClientOrderIdTaken,
    JournalFailed,
    OrderIdsExhausted,
    OrderNotSent,
)
from ibactors.orders.evidence import Sent
from ibactors.orders.limits import Passed
from ibactors.orders.order import CHILDREN, Kin, Order
from ibactors.orders.permits import SEND_WITHIN, Fence, Present, why_not_send
from ibactors.orders.placing import Book, Existing, Group, Intent, numbered, place
from ibactors.orders.placing import Placed as Written
from ibactors.orders.request import MemberBody, PlaceBody, as_text, deadline_of, differing, fingerprint
from ibactors.orders.safety import Mode, account_refusal
from ibactors.orders.terms import Terms
from ibactors.orders.tokens import new_order_id, token_of
from ibactors.orders.transaction import Transaction

log = structlog.get_logger(__name__)


class Claim:
    """Who waits for the outcome of one request."""

    def __init__(self) -> None:
        self.joined: list[Reply[Placed]] = []


def _kin(client_order_id: str, assessed: Sequence[Assessed]) -> tuple[Kin, ...]:
    """All members, the one that stands for them first: the others are named after it."""
    now = int(time.time() * 1000)
    roles = [member.role for each in assessed for member in each.orders.members]
    if len(assessed) > 1:
        roles = ["", *(str(place) for place in range(2, len(assessed) + 1))]
    names = [f"{client_order_id}/{role}" if role else client_order_id for role in roles]
    return tuple(Kin(order_id=new_order_id(now), client_order_id=name, role=role) for name, role in zip(names, roles, strict=True))


def _asked_by(msg: Place | PlaceGroup, order: Order) -> MemberBody | None:
    """What a request asks for in the place that an adopted order has in it, by its token; None for a bracket's child."""
    parts: Sequence[MemberBody] = (msg.body,) if isinstance(msg.body, PlaceBody) else msg.body.orders
    roles = ("", *map(str, range(2, len(parts) + 1)))
    found = (part for role, part in zip(roles, parts, strict=True) if token_of(order.account, msg.client_order_id, role) == order.token)
    return next(found, None)


class Placer:
    """Takes requests; each runs in a task of the actor, never of its caller, who may leave without changing anything."""

    def __init__(self, keeper: Keeper, connection: ConnectionRef, judge: Judge, live_accounts: frozenset[str]) -> None:
        self._keeper = keeper
        self._connection = connection
        self._judge = judge
        self._live_accounts = live_accounts
        self._claims: Claims[Claim] = Claims()
        self._groups = Groups(keeper, judge)

    async def take(self, msg: Place | PlaceGroup) -> None:
        """Carry out one request, and settle its reply and that of all that joined it. Raises only what is a bug."""
        account = self._judge.account_of(msg.body.account)
        claim, mark = Claim(), fingerprint(msg.body)
        held = self._claims.take(account, msg.client_order_id, f"{msg.key} {mark}", claim)
        if held is not None:
            if held.same:
                held.claim.joined.append(msg.reply)
            else:
                msg.reply.fail(ClientOrderIdReused(f"{msg.client_order_id!r} is being used for another request.", extra={"fields": []}))
            return
        try:
            placed = await self._take(msg, account, mark)
        except IbactorsError as error:
            for reply in (msg.reply, *claim.joined):
                reply.fail(error)
        else:
            msg.reply.send(placed)
            for reply in claim.joined:
                reply.send(Placed(order=placed.order, replayed=True))
        finally:
            self._claims.release(account, msg.client_order_id, claim)

    async def _take(self, msg: Place | PlaceGroup, account: str, mark: str) -> Placed:
        account = self._judge.named(account)
        refused: IbactorsError | None = None
        if self._keeper.book.by_token(token_of(account, msg.client_order_id)) is None:
            # As good as always it is new; then the commit is the one look that there has to be.
            try:
                return await self._take_new(msg, account, mark)
            except IbactorsError as error:
                refused = error
        known = await self._known(account, msg.client_order_id)
        if known is not None:
            return self._replay(known, msg, mark)
        if refused is not None:
            raise refused
        return await self._take_new(msg, account, mark)

    async def _known(self, account: str, client_order_id: str) -> Existing | None:
        return await self._keeper.read(self._keeper.reader.by_client_order_id, account, client_order_id)

    async def _take_new(self, msg: Place | PlaceGroup, account: str, mark: str) -> Placed:
        body = msg.body
        self._judge.check_open(account)
        parts, oca = parts_of(body), oca_of(body, msg.client_order_id)
        until = deadline_of(body, msg.received)
        assessed = []
        for position, part in enumerate(parts):
            with naming(body, position):
                self._judge.check_token(part.preview_token, account, msg.key, fingerprint(part))
                assessed.append(await self._judge.assess(part, account))
        generation = await self._groups.generation(oca, account, msg.key)
        assessed = [await self._judge.newest(each) for each in assessed]
        # From here to the queued write nothing waits: what the limits count is what is taken.
        desk = self._judge.check_open(account, messages=sum(len(each.orders.members) for each in assessed))
        last = last_moment(until, OrderNotSent)
        group = self._groups.name(oca, account, msg.key, generation) if oca is not None else None
        orders = self._count(msg, account, parts, assessed, group)
        return await self._commit(orders, desk, msg, mark, group, last)

    def _replay(self, known: Existing, msg: Place | PlaceGroup, mark: str) -> Placed:
        order = self._keeper.ref.shown.get(known.order.order_id, known.order)
        if known.order.adopted:
            asked = _asked_by(msg, known.order)
            if asked is not None and (fields := unlike(known.order.terms, asked)):
                raise ClientOrderIdReused(f"IB's order differs in {', '.join(fields)}.", extra={"fields": list(fields)})
        elif known.key != msg.key:
            raise ClientOrderIdTaken("Another key has used this client_order_id.")
        elif known.fingerprint != mark:
            fields = differing(known.request, msg.body)
            raise ClientOrderIdReused(f"The request differs in {', '.join(fields)}.", extra={"fields": list(fields)})
        return Placed(order=order, replayed=True)

    def _count(
        self, msg: Place | PlaceGroup, account: str, parts: Sequence[PlaceBody], assessed: Sequence[Assessed], group: Group | None
    ) -> tuple[Order, ...]:
        """All orders of a request, counted by the limits one after the other, or none of them. Raises what one is refused with."""
        kin = _kin(msg.client_order_id, assessed)
        taken: list[Order] = []
        try:
            for position, (part, each) in enumerate(zip(parts, assessed, strict=True)):
                with naming(msg.body, position):
                    passed = self._judge.take(each.candidate, msg.key, each.children)
                for member in each.orders.members:
                    order = self._order(msg, account, kin, kin[len(taken)], member.terms, passed)
                    order = replace(
                        order,
                        label=part.label or "",
                        adjusted=each.orders.adjusted_of(member.role),
                        oca_name=group.name if group is not None else "",
                        terms=member.terms if group is None else replace(member.terms, oca=group.sent),
                        expires_at=expires_at(member.terms, each.listed),
                    )
                    taken.append(order)
                    self._judge.reserved[order.order_id] = order
        except IbactorsError:
            self._judge.give_back(msg.key, taken)
            raise
        return tuple(taken)

    def _order(self, msg: Place | PlaceGroup, account: str, kin: tuple[Kin, ...], own: Kin, terms: Terms, passed: Passed) -> Order:
        now, is_child = time.time(), own.role in CHILDREN
        return Order(
            order_id=own.order_id,
            client_order_id=own.client_order_id,
            account=account,
            mode=self._keeper.ref.mode,
            key=msg.key,
            token=token_of(account, msg.client_order_id, own.role),
            role=own.role,
            parent=kin[0].order_id if is_child else None,
            kin=kin if len(kin) > 1 else (),
            terms=terms,
            ib_order_id=0,
            client_id=0,
            notional=Decimal(0) if is_child else passed.notional,
            created=now,
            updated=now,
        )

    async def _commit(
        self, orders: tuple[Order, ...], desk: OrderDesk, msg: Place | PlaceGroup, mark: str, group: Group | None, last: float
    ) -> Placed:
        """Durable first, then on its way: the frame is made from what is on disk."""
        keeper, epoch, incarnation = self._keeper, desk.log.epoch, self._keeper.ref.incarnation
        highest = keeper.highest_number(desk.client_id)
        foreseen = numbered(orders, max(desk.next_valid_id, highest + 1) + len(self._judge.reserved) - len(orders), desk.client_id)
        intent = Intent(
            orders=orders,
            group=group,
            request=as_text(msg.body),
            fingerprint=mark,
            book=book_of(self._connection, keeper, desk),
            epoch=epoch,
            next_valid_id=desk.next_valid_id,
            highest_seen=highest,
        )
        found: list[Written | Existing] = []
        sent: list[Placed] = []

        def write_down(tx: Transaction) -> None:
            found[:] = [place(tx, intent)]

        def send() -> None:
            # In the order of the numbers: IB takes one below the last that it saw for a duplicate (103), and callers resume in any order.
            if isinstance(found[0], Written):
                ready = messages if found[0].orders == foreseen else ()
                sent.append(self._send(found[0], desk, epoch, incarnation, ready, last))

        try:
            # What cannot be encoded is not journaled. The numbers are the journal's to give: others than these have it encoded anew.
            messages = place_frames(desk.client, foreseen)
            await keeper.writer.write(write_down, opens=True, then=send)
        except OrderIdsExhausted as error:
            keeper.halt(f"order_ids_exhausted: {error}")
            raise
        except JournalFailed as error:
            keeper.halt(f"journal_failed: {error}")
            raise
        finally:
            for order in orders:
                self._judge.reserved.pop(order.order_id, None)
        if isinstance(found[0], Existing):
            self._judge.give_back(msg.key, orders)
            return self._replay(found[0], msg, mark)
        return sent[0]

    def _send(self, placed: Written, desk: OrderDesk, epoch: int, incarnation: int, messages: tuple[str, ...], last: float) -> Placed:
        """Queue what is written once, in the step in which its commit is known: of a bracket everything, in one write.

        *messages* are those of these very orders, or none.
        """
        orders, order, keeper = placed.orders, placed.orders[0], self._keeper
        fence = Fence(
            kind=Sent.PLACE,
            socket=desk.socket,
            epoch=epoch,
            incarnation=incarnation,
            mode=order.mode,
            account=order.account,
            send_before=min(boot_now() + SEND_WITHIN, last),
        )
        if not messages:
            with suppress(GatewayDisconnected):
                messages = place_frames(desk.client, orders)
        queue_frames(self._keeper, self._connection, desk, tuple(each.order_id for each in orders), fence, self._live_accounts, messages)
        # In the same step: what comes of it is taken in later.
        for each, entry in zip(orders, placed.entries, strict=True):
            self._judge.reserved.pop(each.order_id, None)  # gone already where its task was cancelled during the commit
            keeper.book.put(each)
            keeper.show(each, entry.sequence)
        keeper.ref.changed()
        for each in orders:
            acted("order_placed", f"key:{each.key}", each)  # it may be on the wire already: a line of the log takes its time
        return Placed(order=keeper.ref.shown[order.order_id], replayed=False)


def last_moment(until: datetime, refusal: type[IbactorsError]) -> float:
    """*until* in `boot_now()` seconds, for the fence: a slow disk gives no order more time. Raises *refusal* when it has passed."""
    left = (until - datetime.now(UTC)).total_seconds()
    if left <= 0:
        raise refusal("It could not be sent in time: send_before has passed, or 10 s since the request came. Nothing is written down.")
    return boot_now() + left


def book_of(connection: ConnectionRef, keeper: Keeper, desk: OrderDesk) -> Book:
    """Whose numbers they are: all accounts of one login share them, so that it is named after the first."""
    first = min(connection.sessions.value.accounts, default="")
    mode = keeper.ref.mode
    if mode is Mode.PREVIEW:  # it uses up numbers of the mode that the login is for
        mode = Mode.PAPER if first.startswith("D") else Mode.LIVE
    return Book(login=f"{mode}:{first}", client_id=desk.client_id)


def queue_frame(
    keeper: Keeper, connection: ConnectionRef, desk: OrderDesk, order: Order, fence: Fence, live_accounts: frozenset[str], message: str
) -> None:
    """Give a frame about one order to the desk."""
    queue_frames(keeper, connection, desk, (order.order_id,), fence, live_accounts, (message,))


def queue_frames(
    keeper: Keeper,
    connection: ConnectionRef,
    desk: OrderDesk,
    order_ids: tuple[str, ...],
    fence: Fence,
    live_accounts: frozenset[str],
    messages: tuple[str, ...],
    also: Callable[[], str | None] = lambda: None,
) -> None:
    """Give frames to the desk, to be written at once; a socket that is gone takes them back.

    `also` says what else stands against them, in the last step.
    """

    def why_not(fence: Fence) -> str | None:
        return why_not_send(fence, present_of(fence.kind, keeper, connection, desk, live_accounts)) or also()

    keeper.desks.hear(desk)
    desk.put(OrderFrame(order_ids=order_ids, fence=fence, messages=messages, why_not=why_not, desk=desk))


def present_of(kind: Sent, keeper: Keeper, connection: ConnectionRef, desk: OrderDesk, live_accounts: frozenset[str]) -> Present:
    """The world in the step of the write, for a frame of a kind."""
    managed, mode, asks = frozenset(connection.sessions.value.accounts), Mode(keeper.ref.mode), kind is Sent.PREVIEW
    may = frozenset(account for account in managed if account_refusal(mode, account, managed, live_accounts, asks=asks) is None)
    return Present(
        socket=desk.socket,
        epoch=desk.log.epoch,
        incarnation=keeper.ref.incarnation,
        mode=mode,
        accounts=may,
        boot=boot_now(),
        connected=desk.connected,
        halted=keeper.ref.why_halted is not None,
        buffer_empty=desk.buffer_empty,
    )
