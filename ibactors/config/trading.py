"""Whether orders may be sent, for whom, and how much. Off unless somebody says otherwise."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ibactors.config.setting import choice, integer, number, plain, setting, text, words
from ibactors.model.halting import HaltAfter, read_halt_after

NOTHING: tuple[str, ...] = ()


def _amount(text: str) -> Decimal | None:
    if text.lower() == "off":
        return None
    try:
        value = Decimal(plain(text))
    except InvalidOperation:
        raise ValueError(text) from None
    if not (value.is_finite() and value > 0):
        raise ValueError(text)
    return value


def _percent(text: str) -> Decimal:
    value = _amount(text)
    if value is None or value > 100:  # noqa: PLR2004  # per cent
        raise ValueError(text)
    return value


LIMIT = "a number above 0, or off"


def _names(variable: str, meaning: str) -> tuple[str, ...]:
    return setting(NOTHING, variable, "names between commas", words, meaning)


@dataclass(frozen=True, kw_only=True)
class TradingSettings:
    """Orders; money is in the account's base currency."""

    trading: str = choice(
        "off",
        "IBACTORS_TRADING",
        ("off", "preview", "paper", "live"),
        "Whether orders are sent: not at all, as what-if questions alone, on paper accounts, or on live accounts.",
    )
    live_accounts: tuple[str, ...] = _names("IBACTORS_LIVE_ACCOUNTS", "The live accounts that may trade, by name; needed for live.")
    order_accounts: tuple[str, ...] = _names("IBACTORS_ORDER_ACCOUNTS", "Accounts that orders may be for; all that may trade when not set.")
    order_symbols: tuple[str, ...] = _names("IBACTORS_ORDER_SYMBOLS", "Symbols that orders may be for; all when not set.")
    order_sec_types: tuple[str, ...] = _names("IBACTORS_ORDER_SEC_TYPES", "IB's security types that orders may be for; all when not set.")
    order_types: tuple[str, ...] = _names("IBACTORS_ORDER_TYPES", "Types of order that may be sent, such as limit; all when not set.")
    max_order_notional: Decimal | None = setting(
        Decimal(10_000), "IBACTORS_MAX_ORDER_NOTIONAL", LIMIT, _amount, "The most that one order may be worth."
    )
    max_order_quantity: Decimal | None = setting(None, "IBACTORS_MAX_ORDER_QUANTITY", LIMIT, _amount, "The greatest quantity of one order.")
    max_day_notional: Decimal | None = setting(
        Decimal(100_000), "IBACTORS_MAX_DAY_NOTIONAL", LIMIT, _amount, "What all orders of 24 hours may be worth."
    )
    max_open_orders: int = integer(50, "IBACTORS_MAX_OPEN_ORDERS", 1, 1_000, "Orders that may be open at once.")
    max_position_notional: Decimal | None = setting(
        None, "IBACTORS_MAX_POSITION_NOTIONAL", LIMIT, _amount, "What a position may be worth; orders that reduce one may always be sent."
    )
    orders_per_minute: int = integer(30, "IBACTORS_ORDERS_PER_MINUTE", 1, 3_000, "Orders and changes that are taken per minute.")
    collar_percent: Decimal = setting(
        Decimal(5), "IBACTORS_PRICE_COLLAR_PERCENT", "a number above 0, up to 100", _percent, "How far from the market a price may be."
    )
    collar_wide_percent: Decimal = setting(
        Decimal(20),
        "IBACTORS_PRICE_COLLAR_WIDE_PERCENT",
        "a number above 0, up to 100",
        _percent,
        "The same where nothing but a previous close or delayed data is there; for limit orders alone.",
    )
    order_limits_file: str = text(
        "", "IBACTORS_ORDER_LIMITS_FILE", "a path", "Limits of each key besides these: a line per key, such as bot symbols=AAPL rate=10."
    )
    halt_after: HaltAfter = setting(
        HaltAfter(),
        "IBACTORS_HALT_AFTER",
        "such as unknown=3,rejects=10/60s,duplicate=1; 0 turns a rule off",
        read_halt_after,
        "When trading halts by itself: orders unknown after IB's lists were read, refused within a time, or there twice at IB.",
    )
    late_orders: str = choice(
        "cancel", "IBACTORS_LATE_ORDERS", ("cancel", "keep"), "What becomes of an order that appears after it was taken for lost."
    )
    require_preview: bool = setting(
        False,  # noqa: FBT003  # the setting's default
        "IBACTORS_REQUIRE_PREVIEW",
        "1 or 0",
        lambda text: number(text, int, 0, 1) == 1,
        "1 takes an order or a change only with the preview_token of an equal preview of the last 60 seconds.",
    )
    journal_ephemeral: bool = setting(
        False,  # noqa: FBT003  # the setting's default
        "IBACTORS_JOURNAL_EPHEMERAL",
        "1 or 0",
        lambda text: number(text, int, 0, 1) == 1,
        "1 lets the journal of orders lie on a file system that is gone with the container.",
    )
