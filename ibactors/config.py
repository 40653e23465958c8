"""Settings from the environment.

Each is one field of `Settings` with the variable's name, how to read it and what it means; `docs` and `--help` print the same table. A
secret may come from a file named by the same variable with `_FILE` behind it. A value that cannot be read stops the start with one line
that names the variable and the accepted form.
"""

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

from dotenv import dotenv_values

from ibactors.errors import InvalidRequest, StartupError
from ibactors.keys import ApiKey, read_keys
from ibactors.limits import Rate, read_rate
from ibactors.login.ini import check_credential
from ibactors.login.model import AccountType
from ibactors.model import MarketDataType

T = TypeVar("T")
S = TypeVar("S", bound=str)
Network = IPv4Network | IPv6Network

LAUNCHER_PLACES = frozenset({"ibc", "gateway", "version", "settings", "ini"})
IBC_ARGUMENTS = "{version} -g --tws-path={gateway} --tws-settings-path={settings} --ibc-path={ibc} --ibc-ini={ini} --on2fatimeout=exit"
DEFAULT_LAUNCHER = f"{{ibc}}/scripts/ibcstart.sh {IBC_ARGUMENTS}"


def _number(text: str, kind: type[int] | type[float], low: float, high: float) -> float:
    value = kind(text)
    if not low <= value <= high:
        raise ValueError(text)
    return value


def _setting(default: T, variable: str, form: str, read: Callable[[str], Any], meaning: str, *, secret: bool = False) -> T:
    metadata = {"variable": variable, "form": form, "read": read, "meaning": meaning, "secret": secret}
    value: T = field(default=default, repr=not secret, metadata=metadata)
    return value


def _integer(default: int, variable: str, low: int, high: int, meaning: str) -> int:
    return _setting(default, variable, f"a whole number from {low} to {high}", lambda text: _number(text, int, low, high), meaning)


def _seconds(default: float, variable: str, low: float, high: float, meaning: str) -> float:
    form = f"seconds, from {low:g} to {high:g}"
    return _setting(default, variable, form, lambda text: _number(text, float, low, high), meaning)


def _choice(default: S, variable: str, choices: tuple[S, ...], meaning: str) -> S:
    words: list[str] = list(choices)
    return _setting(default, variable, " or ".join(choices), lambda text: choices[words.index(text.lower())], meaning)


def _text(default: str, variable: str, form: str, meaning: str) -> str:
    return _setting(default, variable, form, str, meaning)


def _rate(default: Rate | None, variable: str, meaning: str) -> Rate | None:
    return _setting(default, variable, "requests a second such as 50, with a burst as 50:200, or off", read_rate, meaning)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _origins(text: str) -> tuple[str, ...]:
    if not all(re.fullmatch(r"null|https?://[^/\s@*]+", word) for word in _words(text)):
        raise ValueError(text)
    return tuple(word.lower() for word in _words(text))


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, _words(text)))


def _yes(text: str) -> bool:
    return bool(("0", "1").index(text))


def _password(variable: str, meaning: str) -> str:
    return _setting("", variable, "a password", _password_text, meaning, secret=True)


def _password_text(text: str) -> str:
    check_credential("password", text)
    return text


def _clock_time(text: str) -> str:
    if text.lower() == "off":
        return ""
    if not re.fullmatch(r"(0?[1-9]|1[0-2]):[0-5][0-9] [AP]M", text.upper()):
        raise ValueError(text)
    return text.upper()


def _command_line(text: str) -> str:
    words = shlex.split(text)
    if not words or any(name not in LAUNCHER_PLACES for word in words for _, name, _, _ in Formatter().parse(word) if name is not None):
        raise ValueError(text)
    return text


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
    account_type: AccountType = _choice(
        "paper", "IBACTORS_ACCOUNT_TYPE", ("paper", "live"), "Which kind of account the gateway logs in to."
    )
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
    api_keys: tuple[ApiKey, ...] = _setting(
        (),
        "IBACTORS_API_KEYS",
        "NAME:SCOPES:HASH for each key, as `ibactors key new` prints it",
        read_keys,
        "Who may use the service; without any, only programs on this machine. Read again on SIGHUP.",
        secret=True,
    )
    allow_anonymous: bool = _setting(
        False,  # noqa: FBT003  # the setting's default
        "IBACTORS_ALLOW_ANONYMOUS",
        "1 or 0",
        _yes,
        "1 serves on an address that others can reach although there are no keys.",
    )
    allowed_origins: tuple[str, ...] = _setting(
        (),
        "IBACTORS_ALLOWED_ORIGINS",
        "origins such as https://desk.example, between commas",
        _origins,
        "Other web sites whose pages may use the service (CORS and WebSockets).",
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (),
        "IBACTORS_ALLOWED_HOSTS",
        "host names without ports, between commas",
        lambda text: tuple(word.lower() for word in _words(text)),
        "Names by which clients may address the service; any if not set, but only this machine's own on a loopback address.",
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        (),
        "IBACTORS_TRUSTED_PROXIES",
        "addresses or networks such as 10.0.0.0/8, between commas",
        _networks,
        "Proxies whose X-Forwarded-For, -Proto and -Host are believed.",
    )
    rate_per_key: Rate | None = _rate(Rate(100.0, 200), "IBACTORS_RATE_PER_KEY", "How many requests one key may send.")
    rate_per_address: Rate | None = _rate(
        Rate(50.0, 100), "IBACTORS_RATE_PER_ADDRESS", "The same for each other machine that shows no valid key."
    )
    rate_on_loopback: Rate | None = _rate(None, "IBACTORS_RATE_ON_LOOPBACK", "The same for this machine's own programs.")
    max_streams_per_key: int = _integer(
        100, "IBACTORS_MAX_STREAMS_PER_KEY", 1, 100000, "WebSocket connections that one key may have open at once."
    )
    max_subscriptions_per_key: int = _integer(
        1000, "IBACTORS_MAX_SUBSCRIPTIONS_PER_KEY", 1, 1000000, "Subscriptions that the WebSockets of one key may have, all together."
    )
    max_connections: int = _integer(
        10000, "IBACTORS_MAX_CONNECTIONS", 1, 1000000, "Connections that may be open at once; fewer where the system allows fewer files."
    )
    max_connections_per_address: int = _integer(
        256, "IBACTORS_MAX_CONNECTIONS_PER_ADDRESS", 1, 1000000, "The same for each other machine (so for a proxy as well)."
    )
    admin_port: int | None = _setting(
        None,
        "IBACTORS_ADMIN_PORT",
        "a whole number from 0 to 65535",
        lambda text: _number(text, int, 0, 65535),
        "Port on 127.0.0.1 where /debug and /metrics need no key.",
    )
    tls_certificate: str = _text("", "IBACTORS_TLS_CERTIFICATE", "a path", "File with the certificate chain (PEM); read again on SIGHUP.")
    tls_key: str = _text("", "IBACTORS_TLS_KEY", "a path", "File with its private key (PEM), if that is another one.")
    login_attempts: int = _integer(
        5, "IBACTORS_LOGIN_ATTEMPTS", 1, 1000, "Logins that one key or address may try in 15 minutes; further ones answer 429."
    )
    log_format: str = _choice("", "IBACTORS_LOG_FORMAT", ("console", "json"), "Console in a terminal and JSON elsewhere when not set.")

    gateway: str = _choice(
        "external",
        "IBACTORS_GATEWAY",
        ("external", "managed"),
        "Who runs the gateway: somebody else, or ibactors, which then can log it in.",
    )
    ib_username: str = _text("", "IBACTORS_IB_USERNAME", "a user name at IB", "Log in as this user at the start; for a managed gateway.")
    ib_password: str = _password("IBACTORS_IB_PASSWORD", "That user's password; better given as a file.")
    launcher: str = _setting(
        DEFAULT_LAUNCHER,
        "IBACTORS_LAUNCHER",
        "a command line with the places {ibc}, {gateway}, {version}, {settings} and {ini}",
        _command_line,
        "What starts the managed gateway.",
    )
    ibc_path: str = _text("/opt/ibc", "IBACTORS_IBC_PATH", "a folder", "Where IBC is installed.")
    gateway_path: str = _text(
        "/opt/Jts", "IBACTORS_GATEWAY_PATH", "a folder", "Where IB Gateway is installed; it has a folder `ibgateway`."
    )
    gateway_version: str = _text(
        "", "IBACTORS_GATEWAY_VERSION", "digits such as 1037", "Which of the gateways there; the newest when not set."
    )
    state_path: str = _text(
        "~/.local/state/ibactors", "IBACTORS_STATE_PATH", "a folder", "Where the managed gateway keeps its settings, one folder an account."
    )
    two_factor_device: str = _text("", "IBACTORS_TWO_FACTOR_DEVICE", "a name", "The device for the second factor, if the user has several.")
    two_factor_timeout: float = _seconds(
        180.0, "IBACTORS_TWO_FACTOR_TIMEOUT_SECONDS", 1, 600, "How long the second factor may wait for its approval."
    )
    login_timeout: float = _seconds(
        120.0, "IBACTORS_LOGIN_TIMEOUT_SECONDS", 1, 3600, "How long each other step of a login may take: start, login, API."
    )
    existing_session: str = _choice(
        "primary",
        "IBACTORS_EXISTING_SESSION",
        ("primary", "primaryoverride", "secondary"),
        "What to do when the user is logged in elsewhere.",
    )
    auto_restart: str = _setting(
        "11:45 PM",
        "IBACTORS_AUTO_RESTART",
        "a time such as 11:45 PM, or off",
        _clock_time,
        "When the gateway restarts itself each day without a new login; off: it logs off.",
    )
    read_only_api: str = _choice("yes", "IBACTORS_READ_ONLY_API", ("yes", "no"), "Whether the gateway refuses orders.")
    command_port: int = _integer(7462, "IBACTORS_COMMAND_PORT", 1, 65535, "Port on 127.0.0.1 where IBC takes the command to stop.")
    stop_timeout: float = _seconds(20.0, "IBACTORS_STOP_TIMEOUT_SECONDS", 0.1, 300, "How long the gateway may take to log out and end.")
    launcher_restart: float = _seconds(
        5.0,
        "IBACTORS_LAUNCHER_RESTART_SECONDS",
        0.1,
        3600,
        "Pause before the first restart of a gateway that ended; later ones are longer.",
    )
    login_rules: str = _text("", "IBACTORS_LOGIN_RULES", "a TOML file", "Rules for the launcher's output that go before the built-in ones.")
    display: str = _text(
        "", "IBACTORS_DISPLAY", "a display such as :1, or none", "The X display of the gateway; its own Xvfb when not set."
    )
    vnc_password: str = _password("IBACTORS_VNC_PASSWORD", "Show the gateway's own Xvfb by VNC, whose passwords have 8 characters at most.")
    vnc_port: int = _integer(5900, "IBACTORS_VNC_PORT", 1, 65535, "Port of the VNC server.")
    vnc_host: str = _text("127.0.0.1", "IBACTORS_VNC_HOST", "an address", "Address of the VNC server.")

    @property
    def loopback_only(self) -> bool:
        """Whether only programs on this machine can reach the service."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def api_port(self) -> int:
        """The gateway's API port: as set, or IB's default for the account type."""
        return self.port_of(self.account_type)

    def port_of(self, account_type: str) -> int:
        """The API port of a gateway that is logged in to this kind of account."""
        return self.gateway_port or (4001 if account_type == "live" else 4002)


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
            # Blanks at the ends of a secret are no accident that may be put right: it would be another secret.
            values[setting.name] = read(text.removesuffix("\n") if setting.metadata["secret"] else text.strip())
        except ValueError:
            # A secret is not shown: somebody may have put the key itself where its hash belongs.
            found = "cannot be read, it" if setting.metadata["secret"] else f"is {text!r}, but"
            raise StartupError(f"{variable} {found} must be {form}.") from None
        except InvalidRequest as exc:
            raise StartupError(f"{variable}: {exc} {exc.remedy}".rstrip()) from None
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
            _shown(setting.default),
            setting.metadata["form"],
            setting.metadata["meaning"],
        )
        for setting in _from_environment()
    ]


def _shown(default: object) -> str:
    match default:
        case None | ():
            return ""
        case bool():
            return str(int(default))
        case _:
            return str(default)


def _from_environment() -> list[Field[Any]]:
    return [setting for setting in fields(Settings) if setting.metadata]
