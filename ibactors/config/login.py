"""Who runs the gateway; if ibactors does, how it starts the gateway, logs it in and shows it."""

import re
import shlex
from dataclasses import dataclass
from difflib import get_close_matches
from string import Formatter
from zoneinfo import available_timezones

from ibactors.config.setting import choice, host_name, integer, password, seconds, setting, text
from ibactors.errors import InvalidRequest

LAUNCHER_PLACES = frozenset({"ibc", "gateway", "version", "settings", "ini"})
IBC_ARGUMENTS = "{version} -g --tws-path={gateway} --tws-settings-path={settings} --ibc-path={ibc} --ibc-ini={ini} --on2fatimeout=exit"
UTC = "Etc/UTC"
LONGEST_ABBREVIATION = 4
"""Letters of abbreviations such as CEST."""
DEFAULT_LAUNCHER = f"{{ibc}}/scripts/ibcstart.sh {IBC_ARGUMENTS}"


def _clock_time(text: str) -> str:
    if text.lower() == "off":
        return ""
    if not re.fullmatch(r"(0?[1-9]|1[0-2]):[0-5][0-9] [AP]M", text.upper()):
        raise ValueError(text)
    return text.upper()


def _time_zone(text: str) -> str:
    """A name of the IANA database, which Java knows as well. Raises InvalidRequest with the nearest one."""
    zones = {zone.lower(): zone for zone in {UTC, *available_timezones()} - {"Factory", "localtime"}}
    wanted = text.lower().replace(" ", "_")
    if wanted in zones:
        return zones[wanted]
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(zones)}
    city = wanted.rpartition("/")[2]
    # An abbreviation such as PST resembles others that mean another zone.
    near = get_close_matches(wanted, zones, 1) or get_close_matches(city, cities, 1) if len(city) > LONGEST_ABBREVIATION else []
    nearest = f" The nearest is {zones[cities.get(near[0], near[0])]}." if near else ""
    raise InvalidRequest(
        f"There is no time zone {text!r}.{nearest}",
        remedy="Give a name of the IANA database such as America/New_York, Europe/Berlin or Etc/UTC.",
    )


def _command_line(text: str) -> str:
    words = shlex.split(text)
    if not words or any(name not in LAUNCHER_PLACES for word in words for _, name, _, _ in Formatter().parse(word) if name is not None):
        raise ValueError(text)
    return text


@dataclass(frozen=True, kw_only=True)
class LoginSettings:
    """The gateway's program; all settings but the first are for a managed gateway."""

    gateway: str = choice(
        "external",
        "IBACTORS_GATEWAY",
        ("external", "managed"),
        "Who runs the gateway: somebody else (external), or ibactors, which can then log it in (managed).",
    )
    ib_username: str = text(
        "", "IBACTORS_IB_USERNAME", "a user name at IB", "Log in as this user when the service starts; for a managed gateway."
    )
    ib_password: str = password("IBACTORS_IB_PASSWORD", "That user's password; preferably given as a file.")
    launcher: str = setting(
        DEFAULT_LAUNCHER,
        "IBACTORS_LAUNCHER",
        "a command line with the places {ibc}, {gateway}, {version}, {settings} and {ini}",
        _command_line,
        "Command that starts the managed gateway.",
    )
    ibc_path: str = text("/opt/ibc", "IBACTORS_IBC_PATH", "a folder", "Where IBC is installed.")
    gateway_path: str = text(
        "/opt/Jts", "IBACTORS_GATEWAY_PATH", "a folder", "Where IB Gateway is installed: the folder that contains `ibgateway`."
    )
    gateway_version: str = text(
        "", "IBACTORS_GATEWAY_VERSION", "digits such as 1037", "Version of the gateway to start; the newest installed one when not set."
    )
    state_path: str = text(
        "~/.local/state/ibactors",
        "IBACTORS_STATE_PATH",
        "a folder",
        "Where the managed gateway keeps its settings, one folder per user and account type.",
    )
    two_factor_device: str = text("", "IBACTORS_TWO_FACTOR_DEVICE", "a name", "The device for the second factor, if the user has several.")
    two_factor_timeout: float = seconds(
        180.0, "IBACTORS_TWO_FACTOR_TIMEOUT_SECONDS", 1, 600, "How long the second factor may wait for its approval."
    )
    login_timeout: float = seconds(
        120.0, "IBACTORS_LOGIN_TIMEOUT_SECONDS", 1, 3600, "How long each other step of a login may take: start, credentials, API."
    )
    existing_session: str = choice(
        "primary",
        "IBACTORS_EXISTING_SESSION",
        ("primary", "primaryoverride", "secondary"),
        "What to do when the user is already logged in elsewhere, in IBC's words.",
    )
    auto_restart: str = setting(
        "11:45 PM",
        "IBACTORS_AUTO_RESTART",
        "a time such as 11:45 PM, or off",
        _clock_time,
        "When the gateway restarts each day, in the zone IBACTORS_TIME_ZONE; off: it logs out instead.",
    )
    time_zone: str = setting(
        UTC,
        "IBACTORS_TIME_ZONE",
        "a time zone such as America/New_York",
        _time_zone,
        "The managed gateway's time zone: that of IBACTORS_AUTO_RESTART and of the gateway's own logs.",
    )
    read_only_api: str = choice(
        "auto",
        "IBACTORS_READ_ONLY_API",
        ("auto", "yes", "no"),
        "Whether the gateway refuses orders; auto: when IBACTORS_TRADING is off.",
    )
    command_port: int = integer(7462, "IBACTORS_COMMAND_PORT", 1, 65535, "Port on 127.0.0.1 where IBC listens for the command to stop.")
    stop_timeout: float = seconds(20.0, "IBACTORS_STOP_TIMEOUT_SECONDS", 0.1, 300, "How long the gateway may take to log out and exit.")
    launcher_restart: float = seconds(
        5.0,
        "IBACTORS_LAUNCHER_RESTART_SECONDS",
        0.1,
        3600,
        "Pause before the first restart of a gateway that exited; later pauses are longer.",
    )
    login_rules: str = text(
        "", "IBACTORS_LOGIN_RULES", "a TOML file", "Rules for the launcher's output that are tried before the built-in ones."
    )
    display: str = text("", "IBACTORS_DISPLAY", "a display such as :1, or none", "The X display of the gateway; its own Xvfb when not set.")
    vnc_password: str = password("IBACTORS_VNC_PASSWORD", "Show the gateway's own Xvfb by VNC; VNC passwords have at most 8 characters.")
    vnc_port: int = integer(5900, "IBACTORS_VNC_PORT", 1, 65535, "Port of the VNC server.")
    vnc_host: str = host_name("127.0.0.1", "IBACTORS_VNC_HOST", "Address of the VNC server.")
