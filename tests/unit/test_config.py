import os
import threading
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path

import pytest

from ibactors.config import Settings, read_settings, settings_table
from ibactors.errors import StartupError
from ibactors.keys import read_keys
from ibactors.limits import Rate
from ibactors.model.halting import HaltAfter
from ibactors.model.logins import AccountType
from ibactors.model.quotes import MarketDataType

NOWHERE = Path("/nonexistent/.env")

PHONE = f"phone:read+stream:{'0a' * 32}"

ACCEPTED = [
    ("IBACTORS_HOST", "0.0.0.0", "host", "0.0.0.0"),
    ("PORT", "0", "port", 0),
    ("IBACTORS_GATEWAYS", "Desk", "gateways", ("desk",)),
    ("IBACTORS_GATEWAY_HOST", "gateway", "gateway_host", "gateway"),
    ("IBACTORS_GATEWAY_PORT", "7497", "gateway_port", 7497),
    ("IBACTORS_ROLE", "Edge", "role", "edge"),
    ("IBACTORS_BUS", "tls://bus:4222", "bus", "tls://bus:4222"),
    ("IBACTORS_BUS_PREFIX", "desk.one", "bus_prefix", "desk.one"),
    ("IBACTORS_BUS_USER", "edge", "bus_user", "edge"),
    ("IBACTORS_BUS_CA", "ca.pem", "bus_ca", "ca.pem"),
    ("IBACTORS_BUS_LEASE_SECONDS", "2", "bus_lease", 2.0),
    ("IBACTORS_BUS_ORDERS", "1", "bus_orders", True),
    ("IBACTORS_BUS_TICKS", "1", "bus_ticks", True),
    ("IBACTORS_ACCOUNT_TYPE", "LIVE", "account_type", "live"),
    ("IBACTORS_CLIENT_ID", "17", "client_id", 17),
    ("IBACTORS_MARKET_DATA_TYPE", "Delayed_Frozen", "market_data_type", MarketDataType.DELAYED_FROZEN),
    ("IBACTORS_MAX_LINES", "1", "max_lines", 1),
    ("IBACTORS_LINE_IDLE_SECONDS", "1.5", "line_idle_seconds", 1.5),
    ("IBACTORS_QUOTE_TIMEOUT_SECONDS", "0.5", "quote_timeout", 0.5),
    ("IBACTORS_CONNECT_TIMEOUT_SECONDS", "3", "connect_timeout", 3.0),
    ("IBACTORS_REQUEST_TIMEOUT_SECONDS", "3", "request_timeout", 3.0),
    ("IBACTORS_HISTORY_CACHE_MIB", "8", "history_cache_mib", 8),
    ("IBACTORS_PROBE_IDLE_SECONDS", "3", "probe_idle", 3.0),
    ("IBACTORS_PROBE_TIMEOUT_SECONDS", "3", "probe_timeout", 3.0),
    ("IBACTORS_MAX_STREAMS", "5", "max_streams", 5),
    ("IBACTORS_CLIENT_IDS", "4", "client_ids", 4),
    ("IBACTORS_LINES_PER_CALLER", "7", "lines_per_caller", 7),
    ("IBACTORS_STREAM_LINES", "0", "stream_lines", 0),
    ("IBACTORS_MAX_BOOKS", "6", "max_books", 6),
    ("IBACTORS_BOOKS_PER_CALLER", "1", "books_per_caller", 1),
    ("IBACTORS_MAX_TICK_STREAMS", "3", "max_tick_streams", 3),
    ("IBACTORS_TICK_STREAMS_PER_CALLER", "2", "tick_streams_per_caller", 2),
    ("IBACTORS_SLOW_STEP_SECONDS", "0", "slow_step", 0.0),
    ("IBACTORS_API_KEYS", PHONE, "api_keys", read_keys(PHONE)),
    ("IBACTORS_ALLOW_ANONYMOUS", "1", "allow_anonymous", True),
    ("IBACTORS_ALLOWED_ORIGINS", "https://desk.example, null", "allowed_origins", ("https://desk.example", "null")),
    ("IBACTORS_ALLOWED_HOSTS", "Desk.example", "allowed_hosts", ("desk.example",)),
    ("IBACTORS_TRUSTED_PROXIES", "10.0.0.0/8 ::1", "trusted_proxies", (ip_network("10.0.0.0/8"), ip_network("::1"))),
    ("IBACTORS_RATE_PER_KEY", "5", "rate_per_key", Rate(5.0, 10)),
    ("IBACTORS_RATE_PER_ADDRESS", "0.5:7", "rate_per_address", Rate(0.5, 7)),
    ("IBACTORS_RATE_ON_LOOPBACK", "3", "rate_on_loopback", Rate(3.0, 6)),
    ("IBACTORS_RATE_OF_SYMBOLS", "3", "rate_of_symbols", Rate(3.0, 6)),
    ("IBACTORS_MAX_STREAMS_PER_KEY", "2", "max_streams_per_key", 2),
    ("IBACTORS_MAX_SUBSCRIPTIONS_PER_KEY", "3", "max_subscriptions_per_key", 3),
    ("IBACTORS_MAX_CONNECTIONS", "20", "max_connections", 20),
    ("IBACTORS_TRADING", "Paper", "trading", "paper"),
    ("IBACTORS_LIVE_ACCOUNTS", "U1, U2", "live_accounts", ("U1", "U2")),
    ("IBACTORS_ORDER_ACCOUNTS", "DU1", "order_accounts", ("DU1",)),
    ("IBACTORS_ORDER_SYMBOLS", "AAPL,MSFT", "order_symbols", ("AAPL", "MSFT")),
    ("IBACTORS_ORDER_SEC_TYPES", "STK", "order_sec_types", ("STK",)),
    ("IBACTORS_ORDER_TYPES", "limit", "order_types", ("limit",)),
    ("IBACTORS_MAX_ORDER_NOTIONAL", "2500.50", "max_order_notional", Decimal("2500.50")),
    ("IBACTORS_MAX_ORDER_QUANTITY", "100", "max_order_quantity", Decimal(100)),
    ("IBACTORS_MAX_DAY_NOTIONAL", "off", "max_day_notional", None),
    ("IBACTORS_MAX_OPEN_ORDERS", "7", "max_open_orders", 7),
    ("IBACTORS_MAX_POSITION_NOTIONAL", "1e5", "max_position_notional", Decimal("1e5")),
    ("IBACTORS_ORDERS_PER_MINUTE", "600", "orders_per_minute", 600),
    ("IBACTORS_PRICE_COLLAR_PERCENT", "2.5", "collar_percent", Decimal("2.5")),
    ("IBACTORS_PRICE_COLLAR_WIDE_PERCENT", "10", "collar_wide_percent", Decimal(10)),
    ("IBACTORS_LATE_ORDERS", "keep", "late_orders", "keep"),
    ("IBACTORS_ORDER_LIMITS_FILE", "limits", "order_limits_file", "limits"),
    ("IBACTORS_HALT_AFTER", "unknown=0,rejects=5/10s", "halt_after", HaltAfter(unknown=0, rejects=5, seconds=10)),
    ("IBACTORS_REQUIRE_PREVIEW", "1", "require_preview", True),
    ("IBACTORS_JOURNAL_EPHEMERAL", "1", "journal_ephemeral", True),
    ("IBACTORS_MAX_CONNECTIONS_PER_ADDRESS", "3", "max_connections_per_address", 3),
    ("IBACTORS_ADMIN_PORT", "0", "admin_port", 0),
    ("IBACTORS_TLS_CERTIFICATE", "chain.pem", "tls_certificate", "chain.pem"),
    ("IBACTORS_TLS_KEY", "key.pem", "tls_key", "key.pem"),
    ("IBACTORS_LOGIN_ATTEMPTS", "1", "login_attempts", 1),
    ("IBACTORS_LOG_FORMAT", "JSON", "log_format", "json"),
    ("IBACTORS_MCP", "Read", "mcp", "read"),
    ("IBACTORS_LOG_LEVEL", "Warning", "log_level", "warning"),
    ("IBACTORS_SLOW_STEP_SECONDS", "0.5", "slow_step", 0.5),
    ("IBACTORS_GATEWAY", "Managed", "gateway", "managed"),
    ("IBACTORS_IB_USERNAME", "edemo", "ib_username", "edemo"),
    ("IBACTORS_LAUNCHER", "start --ini={ini}", "launcher", "start --ini={ini}"),
    ("IBACTORS_IBC_PATH", "/ibc", "ibc_path", "/ibc"),
    ("IBACTORS_GATEWAY_PATH", "/Jts", "gateway_path", "/Jts"),
    ("IBACTORS_GATEWAY_VERSION", "1037", "gateway_version", "1037"),
    ("IBACTORS_STATE_PATH", "/state", "state_path", "/state"),
    ("IBACTORS_TWO_FACTOR_DEVICE", "IB Key", "two_factor_device", "IB Key"),
    ("IBACTORS_TWO_FACTOR_TIMEOUT_SECONDS", "90", "two_factor_timeout", 90.0),
    ("IBACTORS_LOGIN_TIMEOUT_SECONDS", "90", "login_timeout", 90.0),
    ("IBACTORS_EXISTING_SESSION", "Secondary", "existing_session", "secondary"),
    ("IBACTORS_AUTO_RESTART", "9:05 am", "auto_restart", "9:05 AM"),
    ("IBACTORS_TIME_ZONE", "america/new_york", "time_zone", "America/New_York"),
    ("IBACTORS_READ_ONLY_API", "no", "read_only_api", "no"),
    ("IBACTORS_COMMAND_PORT", "7463", "command_port", 7463),
    ("IBACTORS_STOP_TIMEOUT_SECONDS", "3", "stop_timeout", 3.0),
    ("IBACTORS_LAUNCHER_RESTART_SECONDS", "3", "launcher_restart", 3.0),
    ("IBACTORS_LOGIN_RULES", "rules.toml", "login_rules", "rules.toml"),
    ("IBACTORS_DISPLAY", ":1", "display", ":1"),
    ("IBACTORS_VNC_PORT", "5901", "vnc_port", 5901),
    ("IBACTORS_VNC_HOST", "0.0.0.0", "vnc_host", "0.0.0.0"),
]
SECRETS = [("IBACTORS_IB_PASSWORD", "ib_password"), ("IBACTORS_VNC_PASSWORD", "vnc_password"), ("IBACTORS_BUS_PASSWORD", "bus_password")]
REFUSED = [
    ("PORT", "65536"),
    ("PORT", "http"),
    ("IBACTORS_GATEWAY_PORT", "0"),
    ("IBACTORS_GATEWAY_PORT", "-1"),
    ("IBACTORS_GATEWAYS", "main,main"),
    ("IBACTORS_GATEWAYS", "main,2nd"),
    ("IBACTORS_GATEWAYS", "a b c d e f g h i"),
    ("IBACTORS_ACCOUNT_TYPE", "demo"),
    ("IBACTORS_ROLE", "standby"),
    ("IBACTORS_BUS", "127.0.0.1:4222"),
    ("IBACTORS_BUS", "nats://user:password@127.0.0.1:4222"),
    ("IBACTORS_BUS_PREFIX", "desk.>"),
    ("IBACTORS_BUS_LEASE_SECONDS", "0"),
    ("IBACTORS_BUS_ORDERS", "yes"),
    ("IBACTORS_BUS_TICKS", "2"),
    ("IBACTORS_CLIENT_ID", "1.5"),
    ("IBACTORS_MARKET_DATA_TYPE", "realtime"),
    ("IBACTORS_MAX_LINES", "0"),
    ("IBACTORS_LINE_IDLE_SECONDS", "nan"),
    ("IBACTORS_QUOTE_TIMEOUT_SECONDS", "inf"),
    ("IBACTORS_MAX_STREAMS", "many"),
    ("IBACTORS_SLOW_STEP_SECONDS", "-0.1"),
    ("IBACTORS_ALLOW_ANONYMOUS", "yes"),
    ("IBACTORS_ALLOWED_ORIGINS", "desk.example"),
    ("IBACTORS_ALLOWED_ORIGINS", "https://*.example"),
    ("IBACTORS_TRUSTED_PROXIES", "proxy"),
    ("IBACTORS_TRUSTED_PROXIES", "10.0.0.1/8"),
    ("IBACTORS_RATE_PER_KEY", "0"),
    ("IBACTORS_RATE_PER_KEY", "5:0"),
    ("IBACTORS_RATE_PER_ADDRESS", "-1"),
    ("IBACTORS_LOG_FORMAT", "xml"),
    ("IBACTORS_MCP", "on"),
    ("IBACTORS_LOG_LEVEL", "loud"),
    ("IBACTORS_GATEWAY", "mine"),
    ("IBACTORS_LAUNCHER", "start {password}"),
    ("IBACTORS_LAUNCHER", "start 'unfinished"),
    ("IBACTORS_AUTO_RESTART", "23:45"),
    ("IBACTORS_TWO_FACTOR_TIMEOUT_SECONDS", "0"),
    # what Python alone takes for numbers
    ("IBACTORS_CLIENT_ID", "1_0"),
    ("IBACTORS_GATEWAY_PORT", "\u0664\u0660\u0660\u0662"),
    ("IBACTORS_QUOTE_TIMEOUT_SECONDS", "1_0.5"),
    ("IBACTORS_RATE_PER_KEY", "\u0665"),
    ("IBACTORS_MAX_ORDER_NOTIONAL", "10_000"),
    ("IBACTORS_PRICE_COLLAR_PERCENT", "\uff15"),
    # what is more than a host
    ("IBACTORS_GATEWAY_HOST", "http://gateway"),
    ("IBACTORS_GATEWAY_HOST", "gateway:4002"),
    ("IBACTORS_GATEWAY_HOST", "gateway/"),
    ("IBACTORS_GATEWAY_HOST", "[::1]:4002"),
    ("IBACTORS_HOST", "https://0.0.0.0"),
    ("IBACTORS_VNC_HOST", "127.0.0.1:5900"),
]


def test_empty_environment_gives_the_documented_defaults() -> None:
    assert read_settings({}, dotenv=NOWHERE) == Settings()
    assert (Settings().port, Settings().api_port, Settings().account_type) == (8000, 4002, "paper")


@pytest.mark.parametrize(("variable", "text", "name", "value"), ACCEPTED)
def test_variable_sets_its_field_and_no_other(variable: str, text: str, name: str, value: object) -> None:
    settings = read_settings({variable: f" {text} "}, dotenv=NOWHERE)
    assert getattr(settings, name) == value
    assert type(getattr(settings, name)) is type(value)
    others = [field for field in Settings.__dataclass_fields__ if field != name]
    assert all(getattr(settings, field) == getattr(Settings(), field) for field in others)


def test_every_setting_is_tried_above() -> None:
    assert {row[0] for row in ACCEPTED + SECRETS} == {row[0] for row in settings_table()}


@pytest.mark.parametrize(("variable", "name"), SECRETS)
def test_secret_is_taken_as_it_is_and_never_shown(tmp_path: Path, variable: str, name: str) -> None:
    odd = "\\=#! é€😀\" '"
    assert getattr(read_settings({variable: odd}, dotenv=NOWHERE), name) == odd
    file = tmp_path / "secret"
    file.write_text(f"{odd}\n", encoding="utf-8")
    settings = read_settings({f"{variable}_FILE": str(file)}, dotenv=NOWHERE)
    assert getattr(settings, name) == odd
    assert odd not in repr(settings)


@pytest.mark.parametrize("text", [" hunter2", "hunter2 ", "hunter\t2", "hunter2\n\n"])
@pytest.mark.parametrize("variable", [row[0] for row in SECRETS])
def test_secret_that_cannot_work_is_refused_without_showing_it(variable: str, text: str) -> None:
    with pytest.raises(StartupError, match=f"^{variable}: ") as caught:
        read_settings({variable: text}, dotenv=NOWHERE)
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("America/NewYork", "America/New_York"),
        ("New York", "America/New_York"),
        ("Asia/Tokio", "Asia/Tokyo"),
        ("Berlin", "Europe/Berlin"),
        ("PST", None),  # what it resembles means something else
        ("../../etc/passwd", None),
    ],
)
def test_time_zone_that_is_none_is_refused_with_the_nearest(text: str, nearest: str | None) -> None:
    with pytest.raises(StartupError, match=r"^IBACTORS_TIME_ZONE: There is no time zone .* such as America/New_York") as refusal:
        read_settings({"IBACTORS_TIME_ZONE": text}, dotenv=NOWHERE)
    assert (f"The nearest is {nearest}." in str(refusal.value)) == (nearest is not None)
    assert ("nearest" in str(refusal.value)) == (nearest is not None)


def test_auto_restart_can_be_switched_off() -> None:
    assert read_settings({"IBACTORS_AUTO_RESTART": "off"}, dotenv=NOWHERE).auto_restart == ""


@pytest.mark.parametrize(("variable", "text"), REFUSED)
def test_bad_value_names_variable_value_and_accepted_form(variable: str, text: str) -> None:
    form = next(row[2] for row in settings_table() if row[0] == variable)
    with pytest.raises(StartupError) as caught:
        read_settings({variable: text}, dotenv=NOWHERE)
    assert str(caught.value) == f"{variable} is {text!r}, but must be {form}."


def test_rate_may_be_switched_off() -> None:
    assert read_settings({"IBACTORS_RATE_PER_KEY": "OFF"}, dotenv=NOWHERE).rate_per_key is None


@pytest.mark.parametrize("host", ["gateway", "ib_gateway.local", "10.0.0.9", "::1", "fe80::1%eth0", "pasarel\u0103.example"])
def test_hosts_of_every_form_are_taken(host: str) -> None:
    assert read_settings({"IBACTORS_GATEWAY_HOST": host}, dotenv=NOWHERE).gateway_host == host


def test_pipe_that_nobody_writes_into_does_not_block_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibactors.config.files._PIPE_WAIT", 0.05)
    pipe = tmp_path / ".env"
    os.mkfifo(pipe)
    with pytest.raises(StartupError, match=r"\.env' cannot be read: it is a pipe, and nobody"):
        read_settings({}, dotenv=pipe)
    with pytest.raises(StartupError, match=r"IBACTORS_CLIENT_ID_FILE names .* it is a pipe"):
        read_settings({"IBACTORS_CLIENT_ID_FILE": str(pipe)}, dotenv=NOWHERE)


@pytest.mark.parametrize("late", [False, True])
def test_pipe_is_read_to_its_end(tmp_path: Path, *, late: bool) -> None:
    pipe = tmp_path / ".env"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("w") as file:  # waits for a reader
            file.write("IBACTORS_CLIENT_ID=17\n")
            file.flush()
            if late:
                reader.join(0.1)
            file.write("PORT=8001\n")

    reader = threading.Thread(target=lambda: found.append(read_settings({}, dotenv=pipe)))
    found: list[Settings] = []
    writer = threading.Thread(target=write)
    writer.start()
    reader.start()
    writer.join(10)
    reader.join(10)
    assert [(settings.client_id, settings.port) for settings in found] == [(17, 8001)]


def test_key_in_place_of_its_hash_is_refused_and_not_repeated() -> None:
    with pytest.raises(StartupError, match=r"^IBACTORS_API_KEYS cannot be read") as caught:
        read_settings({"IBACTORS_API_KEYS": "phone:read:ibk_secret"}, dotenv=NOWHERE)
    assert "ibk_secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "  "])
def test_empty_variable_counts_as_not_set(text: str) -> None:
    assert read_settings({row[0]: text for row in settings_table()}, dotenv=NOWHERE) == Settings()


@pytest.mark.parametrize(("variable", "text", "name", "value"), ACCEPTED)
def test_value_may_come_from_a_file(tmp_path: Path, variable: str, text: str, name: str, value: object) -> None:
    file = tmp_path / "value"
    file.write_text(f"{text}\n")
    assert getattr(read_settings({f"{variable}_FILE": str(file)}, dotenv=NOWHERE), name) == value


def test_variable_and_its_file_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="PORT and PORT_FILE are both set"):
        read_settings({"PORT": "1", "PORT_FILE": str(tmp_path)}, dotenv=NOWHERE)


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for path in (tmp_path / "missing", tmp_path, binary):
        with pytest.raises(StartupError, match=r"PORT_FILE names .*cannot be read"):
            read_settings({"PORT_FILE": str(path)}, dotenv=NOWHERE)


def test_environment_stands_above_dotenv(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("# development\nPORT=9000\nIBACTORS_HOST='0.0.0.0'\nIBACTORS_CLIENT_ID\n")
    settings = read_settings({"PORT": "9001"}, dotenv=dotenv)
    assert (settings.port, settings.host, settings.client_id) == (9001, "0.0.0.0", 4817)


def test_bad_value_in_dotenv_is_refused_like_any_other(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=ninety\n")
    with pytest.raises(StartupError, match=r"^PORT is 'ninety', but must be a whole number from 0 to 65535"):
        read_settings({}, dotenv=dotenv)


def test_process_environment_and_dotenv_of_the_working_directory_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("IBACTORS_CLIENT_ID=42\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "9002")
    settings = read_settings()
    assert (settings.port, settings.client_id) == (9002, 42)


@pytest.mark.parametrize(("account_type", "port", "expected"), [("paper", None, 4002), ("live", None, 4001), ("live", 7496, 7496)])
def test_api_port_follows_the_account_type_unless_set(account_type: AccountType, port: int | None, expected: int) -> None:
    assert Settings(account_type=account_type, gateway_port=port).api_port == expected


def test_table_shows_each_variable_once_with_form_and_meaning() -> None:
    rows = settings_table()
    assert len({row[0] for row in rows}) == len(rows)
    assert all(form and meaning.endswith(".") for _, _, form, meaning in rows)


def test_page_of_settings_names_every_setting() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [row[0] for row in settings_table() if f"`{row[0]}`" not in page] == []
