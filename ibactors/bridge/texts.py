"""Texts from the gateway, made fit to be kept and shown: bounded, without what drives a terminal or cannot be encoded."""

import re
import unicodedata
from functools import lru_cache

LONGEST = 500
"""Characters of a text that is shown; IB's longest messages have some 300."""
LONGEST_NAME = 40
"""Characters of the name of an account, a farm or a tag; IB's have at most 20 or so."""

_CUT = " …"
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")
_SURROGATES = re.compile("[\ud800-\udfff]+")
_REMOVED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories: controls, formats (such as those that turn the direction of writing round), halves of characters, and ends of lines."""


def clean(text: str) -> str:
    """The text in one line, without control characters. Any length; texts that are clean already, so nearly all, cost next to nothing."""
    if text.isprintable():
        return text
    return "".join(_clean(character) for character in text)


def document(text: str) -> str:
    """A text of several lines, each of them clean."""
    return "\n".join(map(clean, text.splitlines()))


def shown(text: str, longest: int = LONGEST) -> str:
    """The text as it may be kept and shown: clean, trimmed and at most *longest* characters long."""
    # Cut before it is cleaned, as a frame may have 16 MB.
    text = clean(text[: longest + 1]).strip() if len(text) > longest else clean(text).strip()
    return text if len(text) <= longest else text[: longest - len(_CUT)] + _CUT


def unescaped(text: str) -> str:
    r"""A name that IB writes in ASCII, with other characters as `\u00e9`: what it stands for.

    IB does so from server version 153 on. A half of a pair that has no other half is not a character; it becomes U+FFFD. Other backslashes
    stand for themselves.
    """
    if "\\" not in text:
        return text
    units = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    return _SURROGATES.sub(_joined, units)


def _joined(found: re.Match[str]) -> str:
    return found[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@lru_cache(maxsize=1024)  # who sends a forbidden character may send a million
def _clean(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":
        return "\ufffd"
    return (" " if category in {"Cc", "Zl", "Zp"} else "") if category in _REMOVED else character
