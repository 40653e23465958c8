"""The settings of several gateways."""

from pathlib import Path

import pytest

from ibactors.config import Settings, read_settings
from ibactors.config.gateways import check_gateways, declarations_of
from ibactors.config.setting import declarations
from ibactors.errors import StartupError

NOWHERE = Path("/nonexistent/.env")


def read(**variables: str) -> Settings:
    return read_settings({f"IBACTORS_{name}": text for name, text in variables.items()}, dotenv=NOWHERE)


def test_one_gateway_has_the_settings_as_they_are() -> None:
    settings = read(CLIENT_ID="7")
    assert dict(settings.by_gateway) == {"main": settings}


def test_further_gateway_has_its_own_and_shares_the_rest() -> None:
    settings = read(GATEWAYS="main,second", SECOND_GATEWAY_PORT="4102", SECOND_MAX_LINES="50", CLIENT_ID="7", GATEWAY_PORT="4002")
    second = settings.by_gateway["second"]
    assert (settings.gateway_port, settings.max_lines) == (4002, 100)
    assert (second.gateway_port, second.max_lines, second.client_id) == (4102, 50, 7)
    check_gateways(settings)


def test_credentials_are_never_shared() -> None:
    settings = read(GATEWAYS="main,second", GATEWAY="managed", IB_USERNAME="one", IB_PASSWORD="secret", GATEWAY_PORT="4002")
    second = settings.by_gateway["second"]
    assert (second.ib_username, second.ib_password, second.gateway_port) == ("", "", None)
    assert second.gateway == "managed"
    assert second.state_path != settings.state_path


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "Set IBACTORS_SECOND_GATEWAY_PORT to something else."),
        ({"GATEWAY_PORT": "4002", "SECOND_GATEWAY_PORT": "4002"}, "both have the API at 127.0.0.1:4002"),
        (
            {"GATEWAY": "managed", "IB_USERNAME": "one", "SECOND_IB_USERNAME": "ONE", "SECOND_GATEWAY_PORT": "1"},
            "both have the same user, who may be logged in once. Set IBACTORS_SECOND_IB_USERNAME",
        ),
        ({"GATEWAY": "managed", "SECOND_GATEWAY_PORT": "1"}, "the command port 7462. Set IBACTORS_SECOND_COMMAND_PORT"),
        ({"SECOND_GATEWAY_PORT": "1", "TRADING": "paper"}, "IBACTORS_TRADING is paper, but IBACTORS_GATEWAYS names 2"),
    ],
)
def test_gateways_that_would_get_into_each_others_way_are_refused(variables: dict[str, str], told: str) -> None:
    with pytest.raises(StartupError, match=told):
        check_gateways(read(GATEWAYS="main,second", **variables))


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("IBACTORS_SECOND_GATEWAY_PROT", "IBACTORS_SECOND_GATEWAY_PORT"),
        ("IBACTORS_MAIN_GATEWAY_PORT", "IBACTORS_GATEWAY_PORT"),
        ("IBACTORS_SECOND_PORT", "IBACTORS_SECOND_VNC_PORT"),
    ],
)
def test_mistyped_name_is_refused_with_the_nearest(variable: str, nearest: str) -> None:
    with pytest.raises(StartupError, match=rf"^{variable} is set, but there is no such setting; did you mean {nearest}\?"):
        read_settings({"IBACTORS_GATEWAYS": "main,second", variable: "1"}, dotenv=NOWHERE)


def test_settings_of_a_gateway_that_is_not_named_are_refused() -> None:
    with pytest.raises(StartupError, match="IBACTORS_SECOND_GATEWAY_PORT is set, but there is no such setting"):
        read(SECOND_GATEWAY_PORT="4102")


def test_no_variable_means_two_things_whatever_gateways_are_named() -> None:
    own = [one.variable.removeprefix("IBACTORS_SECOND_") for one in declarations_of("second").values()]
    known = [one.variable for one in declarations(Settings).values()]
    assert [
        (name, end)
        for name in [*known, *own]
        for end in own
        if name.removeprefix("IBACTORS_") != end and name.endswith(f"_{end}") and f"IBACTORS_{end}" != name
    ] == []
