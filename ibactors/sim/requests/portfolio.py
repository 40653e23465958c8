"""Requests about accounts: account updates, summaries and profit, once and then on every change.

A subscription is an object in `session.repeating` that remembers what it sent; the server's refresher makes it send the difference every
few seconds.
"""

from collections.abc import Mapping

from ibactors.sim import ledger
from ibactors.sim.ledger import Account, Valuation, Values
from ibactors.sim.messages import accounts as messages
from ibactors.sim.request import Request, invalid, unprocessable
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import UNSET_DOUBLE, FieldReader

MAX_SUMMARIES = 2
UNPROCESSABLE = 322
_UPDATES = ("account updates", -1)
_LEDGER = "$LEDGER"


class AccountUpdates:
    """The one reqAccountUpdates subscription of a client: values (6), holdings (7) and the time (8)."""

    def __init__(self, session: Session, account: Account) -> None:
        self.account = account
        self._session = session
        self._values: Values = {}
        self._rows: dict[int, bytes] = {}

    def repeat(self) -> None:
        """Send what has changed."""
        session, name = self._session, self.account.name
        report = session.gateway.ledger.report(self.account)
        for (key, currency), value in _changes(self._values, report.values):
            session.send(messages.account_value(key, value, currency, name))
        self._values = report.values
        for row in report.rows:
            con_id, data = row.holding.instrument.con_id, _portfolio_value(row, name)
            if self._rows.get(con_id) != data:
                self._rows[con_id] = data
                session.send(data)
        session.send(messages.account_time(f"{session.gateway.now():%H:%M}"))


class MultiUpdates:
    """One reqAccountUpdatesMulti subscription; accountUpdateMulti (73)."""

    def __init__(self, session: Session, request_id: int, account: Account, model: str, *, brief: bool) -> None:
        self._session = session
        self._request_id = request_id
        self._account = account
        self._model = model
        self._brief = brief
        self._values: Values = {}

    def repeat(self) -> None:
        """Send what has changed."""
        report = self._session.gateway.ledger.report(self._account)
        values = report.values
        if self._brief:
            liquidation = ("NetLiquidation", ledger.BASE)
            values = report.by_currency | {liquidation: report.values[liquidation]}
        for (key, currency), value in _changes(self._values, values):
            data = messages.account_update_multi(self._request_id, self._account.name, self._model, key, value, currency)
            self._session.send(data)
        self._values = values


class Summary:
    """One reqAccountSummary subscription; accountSummary (63) for each account and tag."""

    def __init__(self, session: Session, request_id: int, accounts: list[Account], tags: list[str]) -> None:
        self._session = session
        self._request_id = request_id
        self._accounts = accounts
        self._tags = {t for t in tags if not t.startswith(_LEDGER)}
        self._currencies = {_ledger_currency(t) for t in tags if t.startswith(_LEDGER)}
        self._sent: dict[str, Values] = {}

    def repeat(self) -> None:
        """Send what has changed."""
        for account in self._accounts:
            values = self._select(account)
            for (tag, currency), value in _changes(self._sent.get(account.name, {}), values):
                data = messages.account_summary(self._request_id, account.name, tag, value, currency)
                self._session.send(data)
            self._sent[account.name] = values

    def _select(self, account: Account) -> Values:
        report = self._session.gateway.ledger.report(account)
        values = {k: v for k, v in report.totals.items() if k[0] in self._tags}
        wanted = self._currencies
        values |= {k: v for k, v in report.by_currency.items() if k[1] in wanted or "ALL" in wanted}
        return values


class Pnl:
    """One reqPnL (94) or reqPnLSingle (95) subscription."""

    def __init__(self, session: Session, request_id: int, account: Account, con_id: int | None) -> None:
        self._session = session
        self._request_id = request_id
        self._account = account
        self._con_id = con_id
        self._sent = b""

    def repeat(self) -> None:
        """Send the figures if they have changed."""
        rows = self._session.gateway.ledger.report(self._account).rows
        if self._con_id is not None:
            rows = [r for r in rows if r.holding.instrument.con_id == self._con_id]
        # One position has no realized profit at all until it is traded.
        untraded = self._con_id is not None and not any(r.holding.spent for r in rows)
        figures = (
            repr(sum(r.daily for r in rows)),
            repr(sum(r.unrealized for r in rows)),
            UNSET_DOUBLE if untraded else repr(sum(r.holding.realized for r in rows)),
        )
        if self._con_id is None:
            data = messages.pnl(self._request_id, *figures)
        else:
            size = str(sum(r.holding.size for r in rows))
            value = repr(sum(r.value for r in rows))
            data = messages.pnl_single(self._request_id, size, *figures, value)
        if data != self._sent:
            self._sent = data
            self._session.send(data)


def _account_updates(session: Session, fields: FieldReader) -> None:
    fields.version()
    subscribe = fields.flag()
    if _refused(session, -1):
        return
    account = account_named(session, -1, fields.text())
    if account is None:
        return
    before = session.repeating.pop(_UPDATES, None)
    if subscribe:
        if isinstance(before, AccountUpdates) and before.account is not account:
            text = "New account data requested from TWS. API client has been unsubscribed from account data."
            session.error(-1, 2100, text)
        updates = session.repeating[_UPDATES] = AccountUpdates(session, account)
        updates.repeat()
        session.send(messages.account_download_end(account.name))


def _updates_multi(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    account = account_named(session, request_id, fields.text())
    model = fields.text()
    brief = fields.flag()
    if account is None:
        return
    updates = MultiUpdates(session, request_id, account, model, brief=brief)
    session.repeating["multi", request_id] = updates
    updates.repeat()
    session.send(messages.account_update_multi_end(request_id))


def _summary(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    group = fields.text()
    tags = [t for t in fields.text().split(",") if t]
    if _refused(session, request_id):
        return
    others = [k for k in session.repeating if k[0] == "summary" and k[1] != request_id]
    if len(others) >= MAX_SUMMARIES:
        cause = "Maximum number of account summary requests exceeded"
        unprocessable(session, request_id, cause)
        return
    accounts = list(session.gateway.ledger.accounts.values())
    named = session.gateway.groups.get(group)
    if named is not None:
        accounts = [a for a in accounts if a.name in named]
    elif group != "All":
        account = account_named(session, request_id, group)
        accounts = [account] if account is not None else []
    if not tags:
        invalid(session, request_id, "Tags cannot be empty")
    elif accounts:
        summary = session.repeating["summary", request_id] = Summary(session, request_id, accounts, tags)
        summary.repeat()
        session.send(messages.account_summary_end(request_id))


def _pnl(session: Session, fields: FieldReader) -> None:
    _subscribe_pnl(session, fields, single=False)


def _pnl_single(session: Session, fields: FieldReader) -> None:
    _subscribe_pnl(session, fields, single=True)


def _subscribe_pnl(session: Session, fields: FieldReader, *, single: bool) -> None:
    request_id = fields.identifier()
    account = account_named(session, request_id, fields.text())
    fields.text()
    con_id = fields.integer() if single else None
    if account is None:
        return
    if con_id is not None and con_id not in session.gateway.catalogue.by_con_id:
        invalid(session, request_id, f"Invalid contract id {con_id}")
        return
    kind = "pnl single" if single else "pnl"
    subscription = session.repeating[kind, request_id] = Pnl(session, request_id, account, con_id)
    subscription.repeat()


def _canceller(kind: str) -> Request:
    names = {"summary": "AccountSummary", "multi": "AccountUpdatesMulti", "pnl": "PnL", "pnl single": "PnLSingle"}

    def cancel(session: Session, fields: FieldReader) -> None:
        if not kind.startswith("pnl"):
            fields.version()
        request_id = fields.identifier()
        if session.repeating.pop((kind, request_id), None) is None:
            session.error(request_id, 300, f"Can't find EId with tickerId:{request_id}")

    return Request(name=f"cancel{names[kind]}", handle=cancel)


def _refused(session: Session, request_id: int) -> bool:
    """Whether account data are refused for a while, as the control command `account-outage` wants it."""
    code = session.gateway.faults.account_refusal
    if code == UNPROCESSABLE:
        unprocessable(session, request_id, "Maximum number of account summary requests exceeded")
    elif code:
        invalid(session, request_id, "Account data is not available at the moment")
    return bool(code)


def account_named(session: Session, request_id: int, name: str) -> Account | None:
    """The account of that name, or the first for an empty name; None after an error answer."""
    accounts = session.gateway.ledger.accounts
    account = accounts.get(name) if name else next(iter(accounts.values()))
    if account is None:
        invalid(session, request_id, f"Invalid account code '{name}'.")
    return account


def _portfolio_value(row: Valuation, account: str) -> bytes:
    return messages.portfolio_value(
        row.holding.instrument,
        position=str(row.holding.size),
        price=ledger.price(row.price),
        value=ledger.money(row.value),
        cost=ledger.price(row.holding.cost),
        unrealized=ledger.money(row.unrealized),
        realized=ledger.money(row.holding.realized),
        account=account,
    )


def _changes(old: Values, new: Values) -> list[tuple[tuple[str, str], str]]:
    return [(key, value) for key, value in new.items() if old.get(key) != value]


def _ledger_currency(tag: str) -> str:
    _, _, currency = tag.partition(":")
    return currency or "BASE"


REQUESTS: Mapping[int, Request] = {
    6: Request(name="reqAccountUpdates", handle=_account_updates),
    62: Request(name="reqAccountSummary", handle=_summary),
    63: _canceller("summary"),
    76: Request(name="reqAccountUpdatesMulti", handle=_updates_multi),
    77: _canceller("multi"),
    92: Request(name="reqPnL", handle=_pnl),
    93: _canceller("pnl"),
    94: Request(name="reqPnLSingle", handle=_pnl_single),
    95: _canceller("pnl single"),
}
