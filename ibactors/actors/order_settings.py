"""What the settings say of orders: where the journal lies and which orders are allowed."""

from pathlib import Path

from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.orders.journal import Journal
from ibactors.orders.limits_file import SETTING, read_limits
from ibactors.orders.safety import Allowed, Limits, Rules


def state_folder(settings: Settings) -> Path:
    """Where the journal lies."""
    return Path(settings.state_path).expanduser()


def key_rules_of(settings: Settings) -> dict[str, Rules]:
    """What each key may besides, by its name. Raises StartupError."""
    if not settings.order_limits_file:
        return {}
    path = Path(settings.order_limits_file).expanduser()
    try:
        return read_limits(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{SETTING}: {path} cannot be read: {error}.") from None


def rules_of(settings: Settings) -> Rules:
    """What the settings allow."""

    def listed(names: tuple[str, ...]) -> frozenset[str] | None:
        return frozenset(names) or None

    return Rules(
        allowed=Allowed(
            accounts=listed(settings.order_accounts),
            symbols=listed(settings.order_symbols),
            sec_types=listed(settings.order_sec_types),
            types=listed(settings.order_types),
        ),
        limits=Limits(
            order_notional=settings.max_order_notional,
            order_quantity=settings.max_order_quantity,
            day_notional=settings.max_day_notional,
            open_orders=settings.max_open_orders,
            position_notional=settings.max_position_notional,
            per_minute=settings.orders_per_minute,
            collar_percent=settings.collar_percent,
            collar_wide_percent=settings.collar_wide_percent,
        ),
    )


def open_journal(settings: Settings) -> Journal:
    """The journal. Raises StartupError and JournalFailed."""
    return Journal(state_folder(settings), allow_ephemeral=settings.journal_ephemeral)
