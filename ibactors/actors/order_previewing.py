"""Previewing: what-if orders, one at a time; whoever asks the same within some seconds gets the same answer.

IB never executes a what-if. Should it tell of one as of an order nevertheless, trading halts in that step, and its number is cancelled.
"""

import time

import structlog
import trio
from msgspec.structs import replace

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_asks import Preview, PreviewChange, Previewed
from ibactors.actors.order_audit import acted
from ibactors.actors.order_changing import Changer, mark_of
from ibactors.actors.order_judging import Assessed, Judge
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_placing import book_of, queue_frame, queue_frames
from ibactors.actors.order_terms import Surveyor
from ibactors.actors.orders import boot_now
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.order_frames import cancel_frame, preview_frame
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.orders.codes import GATEWAY_SETTINGS, is_read_only
from ibactors.orders.errors import GatewayReadOnly, OrderIdsExhausted, OrderRate, PreviewRejected
from ibactors.orders.evidence import Sent
from ibactors.orders.order import Order
from ibactors.orders.permits import SEND_WITHIN, Fence
from ibactors.orders.placing import take_ids
from ibactors.orders.previews import NAME, TOKEN_LASTS, Inquiry, WhatIf, merged
from ibactors.orders.request import fingerprint
from ibactors.orders.terms import Terms
from ibactors.orders.tokens import new_order_id, token_of
from ibactors.orders.transaction import Transaction

log = structlog.get_logger(__name__)

TURN_WITHIN = 10.0
"""Seconds that a preview waits until those before it are done."""
SHARED = 10.0
"""Seconds for which IB's answer serves equal previews."""
MOST_SHARED = 1_000


class Previewer:
    """Asks for what-ifs; each request runs in a task of the actor."""

    def __init__(
        self,
        keeper: Keeper,
        connection: ConnectionRef,
        surveyor: Surveyor,
        judge: Judge,
        changer: Changer,
        live_accounts: frozenset[str],
    ) -> None:
        self._keeper = keeper
        self._connection = connection
        self._surveyor = surveyor
        self._judge = judge
        self._changer = changer
        self._live_accounts = live_accounts
        self._turn = trio.Lock()
        self._answers: dict[tuple[str, str], tuple[float, WhatIf]] = {}

    async def take(self, msg: Preview | PreviewChange) -> None:
        """Carry out one request and settle its reply. Raises only what is a bug."""
        try:
            msg.reply.send(await (self._take(msg) if isinstance(msg, Preview) else self._take_change(msg)))
        except IbactorsError as error:
            msg.reply.fail(error)

    async def _take(self, msg: Preview) -> Previewed:
        account = self._judge.named(self._judge.account_of(msg.body.account))
        self._judge.check_open(account, asks=True)
        assessed = await self._judge.assess(msg.body, account)
        return await self._previewed(account, assessed, msg.key, fingerprint(msg.body))

    async def _take_change(self, msg: PreviewChange) -> Previewed:
        """The what-if has a number of its own: under that of the order it would be one byte from the change."""
        order, assessed = await self._changer.assess(msg)
        return await self._previewed(order.account, assessed, msg.key, mark_of(order, msg.body))

    async def _previewed(self, account: str, assessed: Assessed, key: str, mark: str) -> Previewed:
        self._judge.check_allowed(assessed.candidate, key)
        with trio.move_on_after(TURN_WITHIN) as waiting:
            await self._turn.acquire()
        if waiting.cancelled_caught:
            raise OrderRate("Previews are asked for one at a time; the turn of this one did not come in time.")
        try:
            answer = await self._answer(account, mark, assessed, key)
        finally:
            self._turn.release()
        verdict = self._judge.verdict(assessed, key)
        token = until = None
        if verdict.refusal is None and self._keeper.ref.takes_orders:
            token = self._keeper.ref.tokens.token(key, account, mark, boot_now() + TOKEN_LASTS)
            until = time.time() + TOKEN_LASTS
        return Previewed(
            account=account,
            assessed=assessed.orders,
            verdict=verdict,
            reference=assessed.candidate.reference,
            answer=answer,
            margin_currency=await self._surveyor.base_currency(account),
            token=token,
            valid_until=until,
        )

    async def _answer(self, account: str, mark: str, assessed: Assessed, key: str) -> WhatIf:
        """IB's answer, or that of an equal preview of a moment ago."""
        now = trio.current_time()
        self._answers = {key: each for key, each in self._answers.items() if each[0] > now - SHARED}
        known = self._answers.get((account, mark))
        if known is not None:
            return known[1]
        answer = await self._ask(account, assessed, key)
        if answer.incomplete is None and len(self._answers) < MOST_SHARED:
            self._answers[account, mark] = trio.current_time(), answer
        return answer

    async def _ask(self, account: str, assessed: Assessed, key: str) -> WhatIf:
        """The number that the what-if uses up is on disk before it is sent; it is sent in the order of the numbers, as orders are."""
        keeper, terms = self._keeper, replace(assessed.candidate.terms, oca=None)  # a question joins no group
        desk = self._judge.check_open(account, asks=True)
        epoch, incarnation, book = desk.log.epoch, keeper.ref.incarnation, book_of(self._connection, keeper, desk)
        next_valid_id, highest = desk.next_valid_id, keeper.highest_number(desk.client_id)
        preview_frame(desk.client, self._order(account, terms, desk, 1), terms)  # what cannot be encoded uses up no number
        numbers: list[int] = []
        asked: list[Inquiry] = []

        def take(tx: Transaction) -> None:
            numbers[:] = take_ids(tx, book, 1, next_valid_id=next_valid_id, highest_seen=highest)

        def send() -> None:
            order = self._order(account, terms, desk, numbers[0])
            asked.append(self._send(order, desk, self._fence(Sent.PREVIEW, order, desk, epoch, incarnation), key))

        try:
            await keeper.writer.write(take, opens=True, then=send)
        except OrderIdsExhausted as error:
            keeper.halt(f"order_ids_exhausted: {error}")
            raise
        (inquiry,) = asked
        await inquiry.answered()
        self._raise_refusal(inquiry)
        return merged(inquiry.parts, inquiry.remarks)

    def _order(self, account: str, terms: Terms, desk: OrderDesk, number: int) -> Order:
        """The what-if, as an order that is in no book. Its token shows at once, should there be an order of it after all."""
        now = time.time()
        return Order(
            order_id=NAME + new_order_id(int(now * 1000)).removeprefix("ord_"),
            client_order_id="",
            account=account,
            mode=self._keeper.ref.mode,
            key="",
            token=token_of(account, f"#{number}", "preview"),
            terms=terms,
            ib_order_id=number,
            client_id=desk.client_id,
            created=now,
            updated=now,
        )

    def _send(self, order: Order, desk: OrderDesk, fence: Fence, key: str) -> Inquiry:
        inquiry = self._keeper.previews.begin(order)
        try:
            messages: tuple[str, ...] = (preview_frame(desk.client, order, order.terms),)
        except GatewayDisconnected:
            messages = ()
        acted("order_previewed", f"key:{key}", order)
        queue_frames(self._keeper, self._connection, desk, (order.order_id,), fence, self._live_accounts, messages)
        return inquiry

    def _raise_refusal(self, inquiry: Inquiry) -> None:
        if inquiry.ended is not None:
            raise GatewayDisconnected(f"The preview was not answered: {inquiry.ended}")
        refusal = inquiry.refusal
        if refusal is None:
            return
        if is_read_only(refusal.code, refusal.text):
            raise GatewayReadOnly(f"The gateway refuses orders: {refusal.text}", ib_code=refusal.code)
        hint = GATEWAY_SETTINGS.get(refusal.code)
        raise PreviewRejected(f"IB answered {refusal.code}: {refusal.text}", ib_code=refusal.code, extra={"hint": hint} if hint else {})

    def _fence(self, kind: Sent, order: Order, desk: OrderDesk, epoch: int, incarnation: int) -> Fence:
        return Fence(
            kind=kind,
            socket=desk.socket,
            epoch=epoch,
            incarnation=incarnation,
            mode=order.mode,
            account=order.account,
            send_before=boot_now() + SEND_WITHIN,
        )

    def cancel_alarmed(self) -> None:
        """Cancel the numbers of previews of which IB tells as of orders, on the socket that they were written to."""
        while self._keeper.alarmed:
            order, desk = self._keeper.alarmed.popleft(), self._keeper.desk
            if desk is None:
                return  # the order has a token of ours: the next lists show it as journal_behind
            fence = self._fence(Sent.CANCEL, order, desk, desk.log.epoch, self._keeper.ref.incarnation)
            try:
                message = cancel_frame(desk.client, order)
            except GatewayDisconnected:
                return
            queue_frame(self._keeper, self._connection, desk, order, fence, self._live_accounts, message)
