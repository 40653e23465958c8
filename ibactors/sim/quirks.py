"""How the gateway treats orders at the moment: settings that a user of TWS has, and moods that were seen in real ones."""

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Quirks:
    """Each begins as a well-behaved gateway has it.

    `what_if` is parts, one, first, placeholder, no-commission or never; `commissions` is plain, minus-one or unset,
    and the real report follows after `commission_delay_s`, or only on request when that is None.
    `refusals` and `cancel_answers` are codes that the next orders and cancels are answered with, 0 for one that
    passes, `hangs` the words of the states in which the next orders stay. For `loading_s` after a client has
    connected its lists are empty. `precautions` are limits by name, see `precautions`.
    """

    read_only: bool = False
    presets: bool = False
    perm_ids_late: bool = False
    incarnations: bool = False
    open_at_connect: bool = False
    pending_cancels: bool = False
    shuffled_lists: bool = False
    submits_at_once: bool = False
    loading_s: float = 0.0
    what_if: str = "parts"
    commissions: str = "plain"
    commission_delay_s: float | None = None
    refusals: list[int] = field(default_factory=list)
    cancel_answers: list[int] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    precautions: dict[str, float] = field(default_factory=dict)
