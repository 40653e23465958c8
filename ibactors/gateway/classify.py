"""What a launcher's output means: rules from a data file turn its lines and its exit status into signs."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec

from ibactors.errors import StartupError


class Sign(StrEnum):
    """What a line or an exit status tells."""

    STARTED = "started"
    ATTEMPT = "attempt"
    TWO_FACTOR_PENDING = "two_factor_pending"
    TWO_FACTOR_CODE = "two_factor_code"
    TWO_FACTOR_CARD = "two_factor_card"
    TWO_FACTOR_CHALLENGE = "two_factor_challenge"
    TWO_FACTOR_PASSKEY = "two_factor_passkey"
    DIALOG = "dialog"
    DIALOG_CLOSED = "dialog_closed"
    LOGGED_IN = "logged_in"
    EXISTING_SESSION_TAKEN = "existing_session_taken"
    RESTARTING = "restarting"
    PASSWORD_NOTICE = "password_notice"  # noqa: S105 - a window's name
    NOTHING = "nothing"
    # The failures: no login follows, and the launcher may well send the password again.
    BAD_CREDENTIALS = "bad_credentials"
    LOGIN_FAILED = "login_failed"
    LOCKED_OUT = "locked_out"
    ACCOUNT_LOCKED = "account_locked"
    PASSWORD_EXPIRED = "password_expired"  # noqa: S105 - a failure's name
    LOGIN_ERROR = "login_error"
    NO_CONNECTION = "no_connection"
    EXISTING_SESSION = "existing_session"
    KICKED = "kicked"
    TWO_FACTOR_EXPIRED = "two_factor_expired"
    TWO_FACTOR_DENIED = "two_factor_denied"
    PASSKEY_REQUIRED = "passkey_required"
    GATEWAY_OUTDATED = "gateway_outdated"
    NO_LOGIN_DIALOG = "no_login_dialog"
    BAD_CONFIGURATION = "bad_configuration"
    LAUNCHER_FAILED = "launcher_failed"

    @property
    def failure(self) -> bool:
        """Whether the launcher is to be killed at once."""
        signs = list(Sign)
        return signs.index(self) >= signs.index(Sign.BAD_CREDENTIALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of sense."""

    name: str
    sign: Sign
    pattern: re.Pattern[str]
    message: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a line told. `text` is unmasked; of a dialog it is the title.

    `wait_s` is how long IB wants to be left alone. A lower `rank` tells more.
    """

    sign: Sign
    text: str = field(repr=False)
    rank: int
    rule: str
    wait_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules in their order, and the meaning of exit statuses."""

    rules: tuple[Rule, ...]
    exits: Mapping[int, Sign]

    def exit(self, status: int) -> Sign:
        """What an exit status means that no line explains."""
        return self.exits.get(status, Sign.LAUNCHER_FAILED)


class Classifier:
    """Reads the output of one launcher from its start."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules.rules
        self._searches = [rule.pattern.search for rule in rules.rules]
        self._message: Finding | None = None

    def feed(self, line: str) -> Finding | None:
        """What *line* tells, if anything: a later line of a message is told with the whole message so far."""
        if _IBC.match(line):
            self._message = None
        for rank, search in enumerate(self._searches):
            if match := search(line):
                rule = self._rules[rank]
                finding = Finding(
                    sign=rule.sign, text=match.groupdict().get("title") or _text(line), rank=rank, rule=rule.name, wait_s=_wait(match)
                )
                if rule.message:
                    self._message = finding
                return None if rule.sign is Sign.NOTHING else finding
        if self._message is not None and line.strip():
            text = f"{self._message.text} {line.strip()}"[:_LONGEST_MESSAGE]
            self._message = Finding(sign=self._message.sign, text=text, rank=self._message.rank, rule=self._message.rule)
        return self._message


_IBC = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3} IBC: ?")
_LONGEST_MESSAGE = 1000
_UNITS = ("minutes", "seconds")


def _text(line: str) -> str:
    return _IBC.sub("", line).strip()


def _wait(match: re.Match[str]) -> float | None:
    given = {unit: int(amount) for unit, amount in match.groupdict().items() if unit in _UNITS and amount is not None}
    return 60.0 * given.get("minutes", 0) + given.get("seconds", 0) if given else None


def load_rules(path: Path | None = None) -> Rules:
    """The rules that come with ibactors, with those of *path* before them. Raises StartupError naming file and rule."""
    ours = _read("rules.toml", resources.files(__package__).joinpath("rules.toml").read_text(encoding="utf-8"))
    if path is None:
        return ours
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"The login rules {str(path)!r} cannot be read: {error}.") from None
    theirs = _read(str(path), text)
    return Rules(rules=theirs.rules + ours.rules, exits={**ours.exits, **theirs.exits})


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rule: list[dict[str, object]] = []
    exits: dict[Annotated[int, msgspec.Meta(ge=0, le=255)], Sign] = {}


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    sign: Sign
    pattern: str
    message: bool = False
    examples: tuple[str, ...] = ()


def _read(name: str, text: str) -> Rules:
    where = f"The login rules {name!r}"
    try:
        file = msgspec.convert(tomllib.loads(text), _File, strict=False)
        rules = []
        for number, table in enumerate(file.rule, 1):
            where = f"The login rules {name!r}, rule {number} ({table.get('name', 'without a name')!r})"
            rule = msgspec.convert(table, _Rule)
            pattern = re.compile(rule.pattern)
            rules.append(Rule(name=rule.name, sign=rule.sign, pattern=pattern, message=rule.message, examples=rule.examples))
    except tomllib.TOMLDecodeError as error:
        raise StartupError(f"{where}: not TOML: {error}.") from None
    except re.error as error:
        raise StartupError(f"{where}: the pattern is no regular expression: {error}.") from None
    except msgspec.ValidationError as error:
        raise StartupError(f"{where}: {error}. Signs are: {', '.join(Sign)}.") from None
    return Rules(rules=tuple(rules), exits=file.exits)
