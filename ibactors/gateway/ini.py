"""The two files that a login needs: IBC's config.ini and the gateway's jts.ini, private and replaced in one step."""

import os
import tempfile
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from ibactors.config.login import UTC
from ibactors.errors import StartupError
from ibactors.gateway.properties import escape

CONFIG: Mapping[str, str] = {
    # who logs in, and to what
    "FIX": "no",
    "IbLoginId": "",
    "IbPassword": "",
    "TradingMode": "paper",
    "ReadOnlyApi": "no",  # a new gateway's API is read-only
    "ReadOnlyLogin": "no",
    # the second factor: one request, and the client of our API decides about another
    "SecondFactorDevice": "",
    "SecondFactorAuthenticationTimeout": "180",
    "SecondFactorAuthenticationExitInterval": "60",
    "ReloginAfterSecondFactorAuthenticationTimeout": "no",
    "ExitAfterSecondFactorAuthenticationTimeout": "no",
    # what stands in the way of a login
    "LoginDialogDisplayTimeout": "60",
    "ExistingSessionDetectedAction": "primary",
    "AcceptNonBrokerageAccountWarning": "yes",  # a paper account cannot log in without
    "DismissPasswordExpiryWarning": "yes",
    "DismissNSEComplianceNotice": "yes",
    "AcceptBidAskLastSizeDisplayUpdateNotification": "accept",
    # the API: 127.0.0.1 is trusted, all others are refused
    "OverrideTwsApiPort": "",
    "OverrideTwsMasterClientID": "",
    "TrustedTwsApiClientIPs": "",
    "AcceptIncomingConnectionAction": "reject",
    # restarts
    "AutoRestartTime": "",
    "AutoLogoffTime": "",
    "ColdRestartTime": "",
    "ClosedownAt": "",
    # the command server has no password: never on another address
    "CommandServerPort": "0",
    "BindAddress": "127.0.0.1",
    "ControlFrom": "",
    "CommandPrompt": "",
    "SuppressInfoMessages": "yes",
    # safety of orders stays as the gateway has it
    "AllowBlindTrading": "no",
    "ConfirmCryptoCurrencyOrders": "manual",
    "BypassOrderPrecautions": "",
    "BypassBondWarning": "",
    "BypassNegativeYieldToWorstConfirmation": "",
    "BypassCalledBondWarning": "",
    "BypassSameActionPairTradeWarning": "",
    "BypassPriceBasedVolatilityRiskWarning": "",
    "BypassUSStocksMarketDataInSharesWarning": "",
    "BypassRedirectOrderWarning": "",
    "BypassNoOverfillProtectionPrecaution": "",
    # windows and their traces: the text of unknown dialogs is all that tells what an unknown gateway wants
    "MinimizeMainWindow": "no",
    "StoreSettingsOnServer": "no",
    "LogStructureScope": "unknown",
    "LogStructureWhen": "open",
}
"""The keys of config.ini and their defaults here; IBC's own defaults wait for a user in front of the screen."""

JTS: Mapping[str, Mapping[str, str]] = {
    "IBGateway": {"WriteDebug": "false", "TrustedIPs": "127.0.0.1", "ApiOnly": "true"},
    # IBC finds windows by their English captions.
    "Logon": {"Locale": "en", "TimeZone": UTC, "displayedproxymsg": "1", "UseSSL": "true", "s3store": "true"},
}
"""What must stand in jts.ini before the gateway starts for the first time, by section; the time zone is a setting."""


def write_config(path: Path, values: Mapping[str, str]) -> None:
    """Write IBC's config.ini, with *values* over the defaults. Raises StartupError for a key or a value that IBC would not understand."""
    for key, value in values.items():
        if key not in CONFIG:
            raise StartupError(f"{key} is no setting of IBC that can be set here; there are: {', '.join(CONFIG)}.")
        if any(unicodedata.category(character) == "Cc" for character in value):
            raise StartupError(f"The value of IBC's setting {key} contains a control character, which it must not.")
    lines = [f"{key}={escape(value)}\n" for key, value in {**CONFIG, **values}.items()]
    _replace(path, "".join(lines).encode("iso-8859-1"))


def write_jts(path: Path, *, time_zone: str = UTC) -> None:
    """Put what must stand there into the gateway's jts.ini; whatever else the gateway wrote there stays as it is."""
    settings = {**JTS, "Logon": {**JTS["Logon"], "TimeZone": time_zone}}
    present = path.read_bytes().decode("iso-8859-1").splitlines() if path.exists() else []
    _replace(path, "".join(f"{line}\n" for line in merged(present, settings)).encode("iso-8859-1"))


def merged(lines: list[str], settings: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The lines of an ini file with *settings* in it, which come first in their sections."""
    sections: dict[str, list[str]] = {}
    body = sections.setdefault("", [])
    for line in lines:
        if line.startswith("[") and line.rstrip().endswith("]"):
            body = sections.setdefault(line.strip()[1:-1], [])
        else:
            body.append(line)
    for section, values in settings.items():
        others = [line for line in sections.get(section, []) if line.partition("=")[0].strip() not in values]
        sections[section] = [*(f"{key}={value}" for key, value in values.items()), *others]
    before = sections.pop("")
    return before + [line for section, body in sections.items() for line in (f"[{section}]", *body)]


def _replace(path: Path, content: bytes) -> None:
    """Write a file that only we may read; whoever opens it sees the old or the new one whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
