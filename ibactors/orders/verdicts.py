"""What a reconciliation proves. "No answer" is never "empty", and what IB does not show is gone only where nothing else can explain it.

Presence is evidence at once. Absence needs two passes that are fit for it, and only an order of which IB never showed anything can have
been lost on the way; one that was seen ended somehow, which never invites another attempt.
"""

from ibactors.model.times import Value
from ibactors.orders.evidence import CompletedSeen, Evidence, ExecutionSeen, Judged, OpenOrderSeen, UndecodedSeen, Verdict
from ibactors.orders.fences import one_stretch
from ibactors.orders.matching import Index, Row
from ibactors.orders.order import Order
from ibactors.orders.safety import Mode

SETTLING = 20.0
"""Seconds after the accounts are synced in which lists may still be empty because the gateway is loading."""
BETWEEN = 30.0
"""Seconds between two passes that count as two."""
BEFORE_SEND = 5.0
"""Seconds by which IB's clock may be behind ours."""
AFTER_EXPIRY = 30 * 60.0
"""Seconds after its time in force until an order that is in no list has expired."""


class Pass(Value, frozen=True, kw_only=True):
    """One round of questions. None for a list whose end did not come: it proves nothing by what it lacks."""

    epoch: int
    began: float
    ended: float
    open_orders: tuple[OpenOrderSeen, ...] | None
    all_open_orders: tuple[OpenOrderSeen, ...] | None
    completed: tuple[CompletedSeen, ...] | None
    executions: tuple[ExecutionSeen, ...] | None
    synced_at: float | None
    """When all account data of this session was there."""
    connected: bool = True
    """IB was reachable throughout: no 1100, no 2110, no silence."""
    end_owed: bool = False
    """A list was asked for while an earlier question of its kind had no end yet, in this session: its end may be the other's."""
    undecoded: bool = False
    """A frame about orders could not be read, in this session."""
    undecoded_tokens: frozenset[str] = frozenset()
    dialog: bool = False
    """A window was open in the gateway during the pass, or since an order was sent: one may wait behind it."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """All that was shown, whether or not it was all."""
        return (*(self.all_open_orders or ()), *(self.open_orders or ()), *(self.completed or ()), *(self.executions or ()))

    @property
    def loading(self) -> bool:
        """Lists may still have been empty because the gateway was loading."""
        return self.synced_at is None or self.began < self.synced_at + SETTLING

    @property
    def has_all_executions(self) -> bool:
        """Whether its list of executions is whole."""
        return self.executions is not None and self.connected and not (self.end_owed or self.undecoded or self.loading)

    @property
    def unfit(self) -> str | None:
        """Why nothing follows from what this pass lacks, or None."""
        lists = {
            "open orders": self.open_orders,
            "all open orders": self.all_open_orders,
            "completed orders": self.completed,
            "executions": self.executions,
        }
        missing = " and ".join(name for name, rows in lists.items() if rows is None)
        reasons = {
            f"The gateway has not ended its list of {missing}.": bool(missing),
            "A list's end may belong to an earlier question.": self.end_owed,
            "A message about an order could not be read in this session.": self.undecoded,
            "IB was not reachable throughout.": not self.connected,
            "A window is, or was, open in the gateway; the order may wait behind it.": self.dialog,
            "The gateway may still have been loading.": self.loading,
        }
        return next((reason for reason, holds in reasons.items() if holds), None)


class Ground(Value, frozen=True, kw_only=True):
    """What a judgement stands on besides the passes."""

    at: float
    mode: str
    accounts: frozenset[str]
    """Those that the session manages: it says nothing about others."""
    gateway_zone: str
    gateway_since: float
    """Since when the gateway is known to be one and the same program; before that it may have been another one."""
    automatic: bool = True
    """Absence may decide by itself; else an admin does."""


def absence_decides(mode: str, gateway: str) -> bool:
    """On paper, and where a person looks after the gateway. One that we run may show a window behind which an order waits, unseen."""
    return mode == Mode.PAPER and gateway == "external"


class Finding(Value, frozen=True, kw_only=True):
    """What to give to one order's state machine."""

    order_id: str
    evidence: tuple[Evidence, ...] = ()
    out_of_reach: bool = False
    """Its account is not in this session; nothing changes."""


class Judgement(Value, frozen=True, kw_only=True):
    """What a pass proves."""

    findings: tuple[Finding, ...]
    foreign: tuple[Row, ...]
    copies: tuple[OpenOrderSeen, ...]
    behind: frozenset[str]
    duplicates: tuple[str, ...]
    """Orders of which IB has two, under one client id and number."""
    conflicts: tuple[str, ...]


def judge(orders: tuple[Order, ...], present: Pass, earlier: Pass | None, ground: Ground) -> Judgement:
    """Judge all *orders* of the journal by the *present* pass, and by the last fit one *earlier* in this process."""
    matched = Index(orders).match(present.rows)
    findings = []
    for order in orders:
        if order.account not in ground.accounts or order.mode != ground.mode:
            findings.append(Finding(order_id=order.order_id, out_of_reach=True))
            continue
        shown: tuple[Evidence, ...] = matched.ours.get(order.order_id, ())
        if order.token in present.undecoded_tokens:
            shown = (*shown, UndecodedSeen(at=present.ended, epoch=present.epoch, token=order.token))
        elif not any(isinstance(row, OpenOrderSeen | CompletedSeen) for row in shown):
            absent = _absent(order, present, earlier, ground, matched.foreign, executed=bool(shown))
            shown = (*shown, absent) if absent is not None else shown
        if shown:
            findings.append(Finding(order_id=order.order_id, evidence=shown))
    return Judgement(
        findings=tuple(findings),
        foreign=matched.foreign,
        copies=matched.copies,
        behind=matched.behind,
        duplicates=tuple(order_id for order_id, rows in matched.ours.items() if len(_living(rows)) > 1),
        conflicts=matched.conflicts,
    )


def _living(rows: tuple[Row, ...]) -> set[int]:
    return {row.perm_id for row in rows if isinstance(row, OpenOrderSeen) and row.perm_id}


def _absent(
    order: Order, present: Pass, earlier: Pass | None, ground: Ground, foreign: tuple[Row, ...], *, executed: bool
) -> Judged | None:
    """What it means that no list of orders has this one; None when nothing changes."""
    waits = order.doubt is None and not order.seen
    if order.status.is_terminal or waits or (order.written_at or order.created) >= present.began:
        return None
    if (why := present.unfit) is not None:
        return _unknown(order, ground, why)
    return (
        _seen_and_gone(order, present, earlier, ground) if order.seen or executed else _never_seen(order, present, earlier, ground, foreign)
    )


def _seen_and_gone(order: Order, present: Pass, earlier: Pass | None, ground: Ground) -> Judged | None:
    if order.expires_at is not None and ground.at >= order.expires_at + AFTER_EXPIRY:
        return _say(ground, Verdict.EXPIRED, "Its time in force is over and IB does not list it; fills may be missing.")
    if not _are_two(present, earlier, order):
        return _unknown(order, ground, "IB does not list it any more; one more look is needed.")
    return _say(ground, Verdict.CLOSED_UNVERIFIED, "IB had it and does not list it any more; fills may be missing.")


def _never_seen(order: Order, present: Pass, earlier: Pass | None, ground: Ground, foreign: tuple[Row, ...]) -> Judged | None:
    sent = order.written_at or order.created
    if candidates := tuple(_name(row) for row in foreign if _could_be(row, order, sent)):
        return _unknown(order, ground, "IB shows orders without our token that could be this one.", candidates)
    if order.blame is not None:
        return Judged(at=ground.at, verdict=Verdict.REJECTED, reason=order.blame.text, code=order.blame.code)
    doubts = {
        "IB does not list it; one more look is needed.": not _are_two(present, earlier, order),
        "A day ended since it was sent, and IB's lists are of a day.": not one_stretch(sent, present.ended, ground.gateway_zone),
        "The gateway may have been restarted since it was sent.": ground.gateway_since > sent,
        "IB has shown nothing of it, twice; an admin decides.": not ground.automatic,
    }
    if (doubt := next((reason for reason, holds in doubts.items() if holds), None)) is not None:
        return _unknown(order, ground, doubt)
    return _say(ground, Verdict.NOT_RECEIVED, "IB has shown nothing of it, in two complete looks.")


def _are_two(present: Pass, earlier: Pass | None, order: Order) -> bool:
    """Two fit passes of one session, far enough apart, both begun after the send."""
    return (
        earlier is not None
        and earlier.unfit is None
        and earlier.epoch == present.epoch
        and present.began - earlier.ended >= BETWEEN
        and (order.written_at or order.created) < earlier.began
    )


def _could_be(row: Row, order: Order, sent: float) -> bool:
    """A row without our token, of the same account, contract and side, not surely older than the send."""
    if row.token is not None or row.account not in {"", order.account}:
        return False
    if isinstance(row, ExecutionSeen):
        return (row.con_id, row.side) == (order.terms.con_id, order.terms.side) and row.time >= sent - BEFORE_SEND
    if isinstance(row, CompletedSeen) and row.completed_time is not None and row.completed_time < sent - BEFORE_SEND:
        return False
    return row.echo is None or (row.echo.con_id, row.echo.side) == (order.terms.con_id, order.terms.side)


def _name(row: Row) -> str:
    return f"ext_{row.perm_id}" if row.perm_id else row.execution_id if isinstance(row, ExecutionSeen) else f"number {row.order_id}"


def _say(ground: Ground, verdict: Verdict, reason: str) -> Judged:
    return Judged(at=ground.at, verdict=verdict, reason=reason)


def _unknown(order: Order, ground: Ground, reason: str, candidates: tuple[str, ...] = ()) -> Judged | None:
    """Unknown, with the reason of now; None when that is said already."""
    if order.doubt == reason and order.candidates == candidates:
        return None
    return Judged(at=ground.at, verdict=Verdict.UNKNOWN, reason=reason, candidates=candidates)
