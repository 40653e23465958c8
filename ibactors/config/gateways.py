"""The settings of each of several gateways.

The default gateway has the variables as they are. A further one, such as `second`, has those of its session and its login under its name:
IBACTORS_SECOND_GATEWAY_PORT. What is not set for it is as for the default one, unless two gateways must not share it.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

from ibactors.config.login import LoginSettings
from ibactors.config.session import SessionSettings
from ibactors.config.setting import Declaration, declarations
from ibactors.config.settings import Settings
from ibactors.errors import StartupError

_NOT_SHARED = ("gateway_port", "ib_username", "ib_password", "two_factor_device", "display", "vnc_password")
"""Where a further gateway has the default of the program, and never what another gateway has."""


def declarations_of(name: str) -> dict[str, Declaration]:
    """What may be set for one further gateway, by field."""
    of_one = {**declarations(SessionSettings), **declarations(LoginSettings)}
    del of_one["gateways"]
    return {field: replace(one, variable=variable_of(name, one.variable)) for field, one in of_one.items()}


def variable_of(name: str, variable: str) -> str:
    """The variable by which a further gateway has its own value."""
    return variable.replace("IBACTORS_", f"IBACTORS_{name.upper()}_", 1)


def settings_of(name: str, common: Settings, own: Mapping[str, Any]) -> Settings:
    """Those of one further gateway: *own*, and what it shares with the default one."""
    defaults = {field: getattr(Settings, field) for field in _NOT_SHARED}
    return replace(common, **{**defaults, "state_path": f"{common.state_path}/gateways/{name}", **own})


def check_gateways(settings: Settings) -> None:
    """Raises StartupError for gateways that would get into each other's way."""
    names = list(settings.by_gateway)
    if len(names) > 1 and settings.trading != "off":
        why = f"IBACTORS_TRADING is {settings.trading}, but IBACTORS_GATEWAYS names {len(names)}, and orders go to one gateway alone."
        raise StartupError(f"{why} Trade by a service with one gateway, or leave IBACTORS_TRADING out.")
    for (one, first), (other, second) in combinations(settings.by_gateway.items(), 2):
        for variable, what in _shared(first, second).items():
            at_fault = variable if other == names[0] else variable_of(other, variable)
            raise StartupError(f"The gateways {one!r} and {other!r} both have {what}. Set {at_fault} to something else.")


def _shared(one: Settings, other: Settings) -> dict[str, str]:
    """What two gateways share and must not, by the variable that mends it."""
    managed = one.gateway == other.gateway == "managed"
    shown = managed and bool(one.vnc_password and other.vnc_password)
    wrong = {
        ("IBACTORS_GATEWAY_PORT", f"the API at {one.gateway_host}:{one.api_port}"): (one.gateway_host, one.api_port)
        == (other.gateway_host, other.api_port),
        ("IBACTORS_IB_USERNAME", "the same user, who may be logged in once"): bool(one.ib_username)
        and one.ib_username.lower() == other.ib_username.lower(),
        ("IBACTORS_COMMAND_PORT", f"the command port {one.command_port}"): managed and one.command_port == other.command_port,
        ("IBACTORS_STATE_PATH", f"the folder {one.state_path}"): one.state_path == other.state_path,
        ("IBACTORS_VNC_PORT", f"the VNC port {one.vnc_port}"): shown and one.vnc_port == other.vnc_port,
    }
    return {variable: what for (variable, what), holds in wrong.items() if holds}
