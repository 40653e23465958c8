"""Settings from the environment.

Each is one field of `Settings` with the variable's name, how to read it and what it means; `docs` and `--help` print the same table. A
secret may come from a file named by the same variable with `_FILE` behind it. A value that cannot be read stops the start with one line
that names the variable and the accepted form.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from dotenv import dotenv_values

from ibactors.errors import StartupError
from ibactors.model import MarketDataType

T = TypeVar("T")


def _number(text: str, kind: type[int] | type[float], low: float, high: float) -> float:
    value = kind(text)
    if not low <= value <= high:
        raise ValueError(text)
    return value


def _setting(default: T, variable: str, form: str, read: Callable[[str], Any], meaning: str) -> T:
    value: T = field(default=default, metadata={"variable": variable, "form": form, "read": read, "meaning": meaning})
    return value


def _integer(default: int, variable: str, low: int, high: int, meaning: str) -> int:
    return _setting(default, variable, f"a whole number from {low} to {high}", lambda text: _number(text, int, low, high), meaning)


def _seconds(default: float, variable: str, low: float, high: float, meaning: str) -> float:
    form = f"seconds, from {low:g} to {high:g}"
    return _setting(default, variable, form, lambda text: _number(text, float, low, high), meaning)


def _choice(default: str, variable: str, choices: tuple[str, ...], meaning: str) -> str:
    return _setting(default, variable, " or ".join(choices), lambda text: choices[choices.index(text.lower())], meaning)


def _text(default: str, variable: str, form: str, meaning: str) -> str:
    return _setting(default, variable, form, str, meaning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, with their defaults."""

    host: str = _text("127.0.0.1", "IBACTORS_HOST", "an address", "Address on which HTTP is served.")
    port: int = _integer(8000, "PORT", 0, 65535, "Port on which HTTP is served; 0 for any free one.")
    gateway_host: str = _text("127.0.0.1", "IBACTORS_GATEWAY_HOST", "a host name or address", "Where IB Gateway or TWS runs.")
    gateway_port: int | None = _setting(
        None,
        "IBACTORS_GATEWAY_PORT",
        "a whole number from 1 to 65535",
        lambda text: _number(text, int, 1, 65535),
        "Its API port; 4002 for paper and 4001 for live when not set.",
    )
    account_type: str = _choice("paper", "IBACTORS_ACCOUNT_TYPE", ("paper", "live"), "Which kind of account the gateway is logged in to.")
    client_id: int = _integer(1, "IBACTORS_CLIENT_ID", 0, 2**31 - 1, "API client id; unique among the programs at the gateway.")
    client_ids: int = _integer(
        1, "IBACTORS_CLIENT_IDS", 1, 1000, "How many ids from IBACTORS_CLIENT_ID on may be tried when one is in use (error 326)."
    )
    market_data_type: MarketDataType = _setting(
        MarketDataType.DELAYED,
        "IBACTORS_MARKET_DATA_TYPE",
        " or ".join(MarketDataType),
        lambda text: MarketDataType(text.lower()),
        "What to ask for; `delayed` means live data where subscribed, else delayed.",
    )
    max_lines: int = _integer(100, "IBACTORS_MAX_LINES", 1, 10000, "Market-data lines that the account has.")
    stream_lines: int = _integer(
        10,
        "IBACTORS_STREAM_LINES",
        0,
        10000,
        "Lines kept for WebSocket subscriptions, a tenth of all at most; REST requests open no line beyond the others.",
    )
    line_idle_seconds: float = _seconds(
        60.0, "IBACTORS_LINE_IDLE_SECONDS", 1, 86400, "After this time without interest a symbol's line is released."
    )
    quote_timeout: float = _seconds(
        5.0, "IBACTORS_QUOTE_TIMEOUT_SECONDS", 0.1, 60, "How long a request waits for the first tick of a symbol."
    )
    connect_timeout: float = _seconds(4.0, "IBACTORS_CONNECT_TIMEOUT_SECONDS", 0.1, 120, "How long the gateway may take to start the API.")
    request_timeout: float = _seconds(10.0, "IBACTORS_REQUEST_TIMEOUT_SECONDS", 0.1, 120, "How long the gateway may take for an answer.")
    probe_idle: float = _seconds(5.0, "IBACTORS_PROBE_IDLE_SECONDS", 0.1, 3600, "Silence after which the gateway is probed.")
    probe_timeout: float = _seconds(
        2.0, "IBACTORS_PROBE_TIMEOUT_SECONDS", 0.1, 60, "How long a probe may take before the session is given up."
    )
    max_streams: int = _integer(1000, "IBACTORS_MAX_STREAMS", 1, 100000, "WebSocket connections that may be open at once.")
    slow_step: float = _seconds(
        0.05,
        "IBACTORS_SLOW_STEP_SECONDS",
        0,
        60,
        "A task that holds up the event loop for longer is reported with its stack; 0 turns the watch off.",
    )
    log_format: str = _choice("", "IBACTORS_LOG_FORMAT", ("console", "json"), "Console in a terminal and JSON elsewhere when not set.")

    demo: bool = field(default=False, metadata={})
    """Set by `ibactors demo`, not by the environment."""

    @property
    def api_port(self) -> int:
        """The gateway's API port: as set, or IB's default for the account type."""
        return self.gateway_port or (4001 if self.account_type == "live" else 4002)


def read_settings(environ: Mapping[str, str] | None = None, *, dotenv: Path | None = None) -> Settings:
    """Settings from *environ* (default: the process's), with `.env` below it. Raises StartupError."""
    environment = {name: value for name, value in (os.environ if environ is None else environ).items() if value.strip()}
    below = {name: value for name, value in dotenv_values(dotenv or Path(".env")).items() if value}
    values: dict[str, Any] = {}
    for setting in _from_environment():
        variable, read, form = (setting.metadata[key] for key in ("variable", "read", "form"))
        text = _lookup(environment, variable) or _lookup(below, variable)
        if text is None or not text.strip():
            continue
        try:
            values[setting.name] = read(text.strip())
        except ValueError:
            raise StartupError(f"{variable} is {text!r}, but must be {form}.") from None
    return Settings(**values)


def _lookup(variables: Mapping[str, str], variable: str) -> str | None:
    path = variables.get(f"{variable}_FILE")
    if path is None:
        return variables.get(variable)
    if variable in variables:
        raise StartupError(f"{variable} and {variable}_FILE are both set; set one of them.")
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise StartupError(f"{variable}_FILE names {path!r}, which cannot be read: {exc}.") from None


def settings_table() -> list[tuple[str, str, str, str]]:
    """For help texts and docs: variable, default, accepted form, meaning."""
    return [
        (
            setting.metadata["variable"],
            str(setting.default if setting.default is not None else ""),
            setting.metadata["form"],
            setting.metadata["meaning"],
        )
        for setting in _from_environment()
    ]


def _from_environment() -> list[Field[Any]]:
    return [setting for setting in fields(Settings) if setting.metadata]
