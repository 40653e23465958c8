r"""Values as java.util.Properties reads them: ISO-8859-1, backslashes doubled, all else beyond ASCII as UTF-16 in \uXXXX."""

_SPECIAL = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}


def escape(value: str) -> str:
    """*value* as it stands behind a key and `=`."""
    text = "".join(map(_character, value))
    # The reader skips blanks before a value.
    return f"\\{text}" if text.startswith(" ") else text


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if " " <= character <= "~":
        return character
    code = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{code[at : at + 2].hex()}" for at in range(0, len(code), 2))
