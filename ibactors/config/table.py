"""The settings as tables: for people at a terminal, and for the tests that hold the documentation to it."""

import textwrap
from collections.abc import Iterator

from ibactors.config.access import AccessSettings
from ibactors.config.login import LoginSettings
from ibactors.config.session import SessionSettings
from ibactors.config.setting import declarations
from ibactors.config.settings import Settings
from ibactors.config.trading import TradingSettings
from ibactors.config.web import WebSettings

GROUPS = {
    "Where ibactors listens, and what it logs": WebSettings,
    "The gateway and the session with it": SessionSettings,
    "Who may use the service": AccessSettings,
    "Orders": TradingSettings,
    "A gateway that ibactors runs and logs in": LoginSettings,
}


def settings_table(kind: type = Settings) -> list[tuple[str, str, str, str]]:
    """For help texts and docs: variable, default, accepted form, meaning."""
    return [(one.variable, _shown(one.default), one.form, one.meaning) for one in declarations(kind).values()]


def settings_text(width: int) -> str:
    """All settings by topic, in lines of at most *width* columns where words allow it."""
    return "\n".join(_lines(width))


def _lines(width: int) -> Iterator[str]:
    intro = "Settings, from the environment or a file `.env` in the working directory. Each may also be given as a file, named by the same "
    yield textwrap.fill(f"{intro}variable with _FILE behind it.", width)
    for title, kind in GROUPS.items():
        yield f"\n{title}:"
        for name, default, form, meaning in settings_table(kind):
            yield f"\n  {name}"
            said = f"{meaning} Accepts {form}." + (f" Default: {default}." if default else "")
            yield textwrap.fill(said, width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def _shown(default: object) -> str:
    match default:
        case None | ():
            return ""
        case bool():
            return str(int(default))
        case tuple():
            return ",".join(map(str, default))
        case _:
            return str(default)
