"""Where the gateway's API is, and how the session with it and its market data are kept."""

import re
from dataclasses import dataclass

from ibactors.config.setting import choice, host_name, integer, number, optional_port, seconds, setting, words
from ibactors.model.logins import AccountType
from ibactors.model.quotes import MarketDataType

CLIENT_ID = 4817
"""The default: one that no tutorial uses, unlike 0, 1 or 999, and always the same, as IB ties orders to the id that placed them."""

MAIN = "main"
"""The only gateway's name."""
MOST_GATEWAYS = 8


def _gateway_names(text: str) -> tuple[str, ...]:
    names = words(text.lower())
    if not all(re.fullmatch(r"[a-z][a-z0-9_]{0,15}", name) for name in names) or not len(set(names)) == len(names) <= MOST_GATEWAYS:
        raise ValueError(text)
    return names


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """The gateway's API and the session with it."""

    gateways: tuple[str, ...] = setting(
        (MAIN,),
        "IBACTORS_GATEWAYS",
        f"up to {MOST_GATEWAYS} different names such as main,second: a letter, then letters, digits and _ (16 at most)",
        _gateway_names,
        "Names of the gateways, the default one first; a further one's own settings have its name, as in IBACTORS_SECOND_GATEWAY_PORT.",
    )
    gateway_host: str = host_name("127.0.0.1", "IBACTORS_GATEWAY_HOST", "Where IB Gateway or TWS runs.")
    gateway_port: int | None = optional_port("IBACTORS_GATEWAY_PORT", 1, "Its API port; 4002 for paper and 4001 for live when not set.")
    account_type: AccountType = choice("paper", "IBACTORS_ACCOUNT_TYPE", ("paper", "live"), "Which kind of account the gateway logs in to.")
    client_id: int = integer(
        CLIENT_ID, "IBACTORS_CLIENT_ID", 0, 2**31 - 1, "API client id; unique among the programs that use the gateway."
    )
    client_ids: int = integer(
        1, "IBACTORS_CLIENT_IDS", 1, 1000, "Number of ids to try, from IBACTORS_CLIENT_ID on, when one is in use (error 326)."
    )
    market_data_type: MarketDataType = setting(
        MarketDataType.DELAYED,
        "IBACTORS_MARKET_DATA_TYPE",
        " or ".join(MarketDataType),
        lambda text: MarketDataType(text.lower()),
        "Data to request; `delayed` gives live data where subscribed, else delayed.",
    )
    max_lines: int = integer(100, "IBACTORS_MAX_LINES", 1, 10000, "Market-data lines of the account.")
    lines_per_caller: int | None = setting(
        None,
        "IBACTORS_LINES_PER_CALLER",
        "a whole number from 1 to 10000",
        lambda text: number(text, int, 1, 10000),
        "Lines that one key, or one address without a key, may hold at once; four fifths of all when not set.",
    )
    stream_lines: int = integer(
        10,
        "IBACTORS_STREAM_LINES",
        0,
        10000,
        "Lines reserved for WebSocket subscriptions, at most a tenth of all; REST requests may use only the others.",
    )
    max_books: int = integer(3, "IBACTORS_MAX_BOOKS", 1, 60, "Books in depth that the login may have open at once.")
    books_per_caller: int = integer(60, "IBACTORS_BOOKS_PER_CALLER", 1, 60, "Books that one key, or one address without a key, may hold.")
    max_tick_streams: int = integer(
        5, "IBACTORS_MAX_TICK_STREAMS", 1, 60, "Instruments that the login may follow tick by tick at once, each kind of tick by itself."
    )
    tick_streams_per_caller: int = integer(
        60, "IBACTORS_TICK_STREAMS_PER_CALLER", 1, 60, "Of those, how many one key, or one address without a key, may hold."
    )
    line_idle_seconds: float = seconds(
        60.0, "IBACTORS_LINE_IDLE_SECONDS", 1, 86400, "A symbol's line is released after this time without a request or subscription."
    )
    quote_timeout: float = seconds(
        5.0, "IBACTORS_QUOTE_TIMEOUT_SECONDS", 0.1, 60, "How long a request waits for the first tick of a symbol."
    )
    connect_timeout: float = seconds(
        30.0, "IBACTORS_CONNECT_TIMEOUT_SECONDS", 0.1, 120, "How long the gateway may take to start the API, or its user to allow it."
    )
    request_timeout: float = seconds(
        10.0, "IBACTORS_REQUEST_TIMEOUT_SECONDS", 0.1, 120, "How long the gateway may take to answer a request."
    )
    probe_idle: float = seconds(3.0, "IBACTORS_PROBE_IDLE_SECONDS", 0.1, 3600, "Silence after which the gateway is probed.")
    history_cache_mib: int = integer(
        64, "IBACTORS_HISTORY_CACHE_MIB", 1, 4096, "Memory for past bars that are not asked for again, in MiB."
    )
    probe_timeout: float = seconds(
        7.0,
        "IBACTORS_PROBE_TIMEOUT_SECONDS",
        0.1,
        60,
        "How long the gateway may take to answer a probe before the session ends; after a quarter of it quotes are not served any more.",
    )

    @property
    def caller_lines(self) -> int:
        """Lines that one caller may hold: as set, or so many that a fifth is left for others."""
        return self.lines_per_caller or self.max_lines - self.max_lines // 5

    @property
    def api_port(self) -> int:
        """The gateway's API port: as set, or IB's default for the account type."""
        return self.port_of(self.account_type)

    def port_of(self, account_type: str) -> int:
        """The API port of a gateway that is logged in to this kind of account."""
        return self.gateway_port or (4001 if account_type == "live" else 4002)
