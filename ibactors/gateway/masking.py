"""Texts that must not be seen."""

import json

from ibactors.gateway.properties import escape


class Secrets:
    """Passwords and the like: finds them in a text in any form in which programs print one; shows nothing itself."""

    def __init__(self, *secrets: str) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)
        self.longest = max(map(len, forms), default=0)
        """Characters of the longest form: a text that is cut is to be masked before."""

    def __repr__(self) -> str:
        return "<Secrets>"

    def mask(self, text: str) -> str:
        """*text* with *** in place of each secret."""
        for form in self._forms:
            text = text.replace(form, "***")
        return text


def _forms(secret: str) -> tuple[str, ...]:
    return (secret, escape(secret), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
