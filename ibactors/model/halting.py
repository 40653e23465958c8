"""How often is too often to be chance: when trading halts by itself."""

import re

from ibactors.model.times import Value

_PART = re.compile(r"(unknown|duplicate|rejects)=(\d{1,6})(?:/(\d{1,6})s)?")


class HaltAfter(Value, frozen=True, kw_only=True):
    """How often is too often; 0 turns a rule off."""

    unknown: int = 3
    """Orders that are unknown after a whole reconciliation."""
    rejects: int = 10
    """Orders that IB refused within `seconds`."""
    seconds: float = 60.0
    duplicate: int = 1
    """Orders of which IB has two."""

    def __str__(self) -> str:
        return f"unknown={self.unknown},rejects={self.rejects}/{self.seconds:g}s,duplicate={self.duplicate}"


def read_halt_after(text: str) -> HaltAfter:
    """Read the setting; a rule that it does not name keeps its default. Raises ValueError."""
    found: dict[str, int | float] = {}
    for part in text.replace(" ", "").split(","):
        read = _PART.fullmatch(part)
        if read is None or (read[3] is not None) != (read[1] == "rejects" and "/" in part) or read[1] in found:
            raise ValueError(part)
        found[read[1]] = int(read[2])
        if read[3] is not None:
            if int(read[3]) == 0:
                raise ValueError(part)
            found["seconds"] = float(read[3])
    return HaltAfter(
        unknown=int(found.get("unknown", HaltAfter().unknown)),
        rejects=int(found.get("rejects", HaltAfter().rejects)),
        seconds=found.get("seconds", HaltAfter().seconds),
        duplicate=int(found.get("duplicate", HaltAfter().duplicate)),
    )
