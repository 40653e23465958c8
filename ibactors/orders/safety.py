"""What an operator allows: modes, allow-lists and limits, as the settings and the limits file say."""

import enum
from decimal import Decimal

from ibactors.model.times import Value


class Mode(enum.StrEnum):
    """IBACTORS_TRADING."""

    OFF = "off"
    PREVIEW = "preview"
    PAPER = "paper"
    LIVE = "live"


class Allowed(Value, frozen=True, kw_only=True):
    """Allow-lists; None allows all."""

    accounts: frozenset[str] | None = None
    symbols: frozenset[str] | None = None
    sec_types: frozenset[str] | None = None
    types: frozenset[str] | None = None


class Limits(Value, frozen=True, kw_only=True):
    """Limits; None sets none. Money is in the account's base currency."""

    order_notional: Decimal | None = Decimal(10_000)
    order_quantity: Decimal | None = None
    day_notional: Decimal | None = Decimal(100_000)
    open_orders: int | None = 50
    position_notional: Decimal | None = None
    per_minute: int | None = 30
    collar_percent: Decimal = Decimal(5)
    collar_wide_percent: Decimal = Decimal(20)
    """Where the reference is a previous close or delayed."""
    may_skip_collar: bool = False


class Rules(Value, frozen=True, kw_only=True):
    """One set of rules: the service's, or a key's own from IBACTORS_ORDER_LIMITS_FILE. An order passes all that apply to it."""

    allowed: Allowed = Allowed()
    limits: Limits = Limits()
    settings: dict[str, str] = {}  # noqa: RUF012  # msgspec copies empty defaults
    """Which setting a limit comes from, where it is not the service's own."""

    def setting(self, limit: str) -> str:
        """The setting to name in a refusal."""
        return self.settings.get(limit, SETTINGS[limit])


SETTINGS = {
    "mode": "IBACTORS_TRADING",
    "live_accounts": "IBACTORS_LIVE_ACCOUNTS",
    "accounts": "IBACTORS_ORDER_ACCOUNTS",
    "symbols": "IBACTORS_ORDER_SYMBOLS",
    "sec_types": "IBACTORS_ORDER_SEC_TYPES",
    "types": "IBACTORS_ORDER_TYPES",
    "order_notional": "IBACTORS_MAX_ORDER_NOTIONAL",
    "order_quantity": "IBACTORS_MAX_ORDER_QUANTITY",
    "day_notional": "IBACTORS_MAX_DAY_NOTIONAL",
    "open_orders": "IBACTORS_MAX_OPEN_ORDERS",
    "position_notional": "IBACTORS_MAX_POSITION_NOTIONAL",
    "per_minute": "IBACTORS_ORDERS_PER_MINUTE",
    "collar_percent": "IBACTORS_PRICE_COLLAR_PERCENT",
    "collar_wide_percent": "IBACTORS_PRICE_COLLAR_WIDE_PERCENT",
}


class Refusal(Value, frozen=True, kw_only=True):
    """Why an order is not taken. Nothing is journaled; its client_order_id is not used up."""

    code: str
    detail: str
    limit: Decimal | str | None = None
    value: Decimal | str | None = None
    setting: str | None = None
    name: str | None = None
    """Which limit."""


def account_refusal(
    mode: Mode, account: str, managed: frozenset[str], live_accounts: frozenset[str], *, asks: bool = False
) -> Refusal | None:
    """Why *account* may not trade in *mode*, by what the gateway says that it is; *asks*: why not even a what-if may be sent.

    Checked at each session and again in the step of the write. Paper accounts begin with D; a live one must be named in so many words. The
    logins of advisors (F, DF) are refused: one fill of theirs is told for the block and once for each account.
    """
    real = sorted(each for each in managed if not each.startswith("D"))
    named = ",".join(sorted(live_accounts))
    paper, live = mode is Mode.PAPER, mode is Mode.LIVE
    opens = paper or live or (asks and mode is Mode.PREVIEW)
    refusals = (
        (not opens, "trading_off", f"Trading is {mode}; no order is sent.", str(mode), "mode"),
        (account not in managed, "account_not_found", f"This session does not manage {account}.", ",".join(sorted(managed)), None),
        (any(each.startswith(("DF", "F")) for each in managed), "trading_off", "Logins of advisors are not traded with.", None, "mode"),
        (paper and bool(real), "trading_off", f"Trading is paper, and these accounts are not: {', '.join(real)}.", "paper", "mode"),
        (live and account not in live_accounts, "order_not_allowed", f"{account} is not named as a live account.", named, "live_accounts"),
    )
    for holds, code, detail, limit, setting in refusals:
        if holds:
            return Refusal(code=code, detail=detail, limit=limit, value=account, setting=SETTINGS[setting] if setting else None)
    return None
