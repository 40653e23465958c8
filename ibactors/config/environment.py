"""Reads the settings from environment variables.

A secret may come from a file, named by the same variable with the suffix `_FILE`. A value that cannot be read prevents the start; one line
names the variable and the accepted form.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from ibactors.config.setting import Declaration, declarations
from ibactors.config.settings import Settings
from ibactors.errors import InvalidRequest, StartupError


def read_settings(environ: Mapping[str, str] | None = None, *, dotenv: Path | None = None) -> Settings:
    """Settings from *environ* (default: the process's), with `.env` below it. Raises StartupError."""
    environment = {name: value for name, value in (os.environ if environ is None else environ).items() if value.strip()}
    below = {name: value for name, value in dotenv_values(dotenv or Path(".env")).items() if value}
    values: dict[str, Any] = {}
    for name, setting in declarations(Settings).items():
        text = _lookup(environment, setting.variable) or _lookup(below, setting.variable)
        if text is not None and text.strip():
            values[name] = _read(setting, text)
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


def _read(setting: Declaration, text: str) -> object:
    try:
        # Blanks at the ends of a secret belong to it: stripped, it would be another secret.
        return setting.read(text.removesuffix("\n") if setting.secret else text.strip())
    except ValueError:
        # A secret is not shown: somebody may have put the key itself where its hash belongs.
        found = "cannot be read, it" if setting.secret else f"is {text!r}, but"
        raise StartupError(f"{setting.variable} {found} must be {setting.form}.") from None
    except InvalidRequest as exc:
        raise StartupError(f"{setting.variable}: {exc} {exc.remedy}".rstrip()) from None


def settings_table() -> list[tuple[str, str, str, str]]:
    """For help texts and docs: variable, default, accepted form, meaning."""
    return [(one.variable, _shown(one.default), one.form, one.meaning) for one in declarations(Settings).values()]


def _shown(default: object) -> str:
    match default:
        case None | ():
            return ""
        case bool():
            return str(int(default))
        case _:
            return str(default)
