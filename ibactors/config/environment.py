"""Reads the settings from environment variables.

A secret may come from a file, named by the same variable with the suffix `_FILE`. A value that cannot be read prevents the start, as does a
variable that looks like one of ours and is none: mistyped, it would leave a default in force that nobody wants.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ibactors.config.files import read_dotenv, read_text
from ibactors.config.gateways import declarations_of, settings_of
from ibactors.config.session import MAIN
from ibactors.config.setting import Declaration, declarations
from ibactors.config.settings import Settings
from ibactors.errors import InvalidRequest, StartupError

OTHERS = frozenset({"IBACTORS_API_KEY", "IBACTORS_URL", "IBACTORS_IMAGE", "IBACTORS_API_IMAGE", "IBACTORS_SIDECAR_PORT", "IBACTORS_PYTHON"})
"""Variables of our name that are no settings: a client's key, what compose.yaml fills in, and what the recipes pass on."""
_OURS = re.compile(r"IB_?ACTORS?_", re.IGNORECASE)
_SERVICE = re.compile(r"IBACTORS(_[A-Z0-9_]+)?_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)")
"""What Kubernetes sets in all containers beside a service of that name, besides `…_PORT=tcp://…`."""


def read_settings(environ: Mapping[str, str] | None = None, *, dotenv: Path | None = None) -> Settings:
    """Settings from *environ* (default: the process's), with `.env` below it. Raises StartupError."""
    environment = {name: value for name, value in (os.environ if environ is None else environ).items() if value.strip()}
    below = read_dotenv(dotenv or Path(".env"))
    known = declarations(Settings)
    (names,) = _values({"gateways": known["gateways"]}, environment, below).values() or ((MAIN,),)
    further = {name: declarations_of(name) for name in names[1:]}
    _refuse_unknown({**below, **environment}, [one.variable for kinds in (known, *further.values()) for one in kinds.values()])
    common = Settings(**_values(known, environment, below))
    each = {name: settings_of(name, common, _values(kinds, environment, below)) for name, kinds in further.items()}
    return replace(common, further=each)


def _values(known: Mapping[str, Declaration], environment: Mapping[str, str], below: Mapping[str, str]) -> dict[str, Any]:
    """What is set, by field."""
    values: dict[str, Any] = {}
    for name, setting in known.items():
        text = _lookup(environment, setting.variable) or _lookup(below, setting.variable)
        if text is not None and text.strip():
            values[name] = _read(setting, text)
    return values


def _refuse_unknown(variables: Mapping[str, str], settings: Iterable[str]) -> None:
    """Raises StartupError that names the nearest setting."""
    known = {name: _bare(name) for setting in settings for name in (setting, f"{setting}_FILE")}
    for name, value in variables.items():
        if not _OURS.match(name) or name in known or name in OTHERS or _SERVICE.fullmatch(name) or value.startswith(("tcp://", "udp://")):
            continue
        near = get_close_matches(_bare(name), known.values(), 1)  # without what all of them begin with, which makes any two alike
        remedy = next((f"did you mean {one}?" for one, bare in known.items() if [bare] == near), "`ibactors settings` lists them all.")
        raise StartupError(f"{name} is set, but there is no such setting; {remedy}")


def _bare(name: str) -> str:
    return _OURS.sub("", name.upper())


def _lookup(variables: Mapping[str, str], variable: str) -> str | None:
    path = variables.get(f"{variable}_FILE")
    if path is None:
        return variables.get(variable)
    if variable in variables:
        raise StartupError(f"{variable} and {variable}_FILE are both set; set one of them.")
    return read_text(Path(path), f"{variable}_FILE names {path!r}, which")


def _read(setting: Declaration, text: str) -> object:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise StartupError(f"{setting.variable} is not UTF-8 text, but must be {setting.form}.")
    try:
        # Blanks at the ends of a secret belong to it: stripped, it would be another secret.
        return setting.read(text.removesuffix("\n") if setting.secret else text.strip())
    except ValueError:
        # A secret is not shown: somebody may have put the key itself where its hash belongs.
        found = "cannot be read, it" if setting.secret else f"is {text!r}, but"
        raise StartupError(f"{setting.variable} {found} must be {setting.form}.") from None
    except InvalidRequest as exc:
        raise StartupError(f"{setting.variable}: {exc} {exc.remedy}".rstrip()) from None
