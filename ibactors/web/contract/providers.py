"""How callers name those who write news."""

from typing import Annotated

import msgspec

from ibactors.model.times import whole

Providers = Annotated[
    str,
    msgspec.Meta(
        pattern=whole("[A-Za-z0-9_-]{1,20}([,+][A-Za-z0-9_-]{1,20}){0,49}"),
        description="Codes of news providers, separated by commas; all that the login may read if not given.",
        examples=["BRFG,DJ-N"],
    ),
]


def joined(providers: str | None) -> str:
    """As IB has them; empty for all."""
    return "" if providers is None else providers.upper().replace(",", "+")
