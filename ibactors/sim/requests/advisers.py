"""Financial advisers: groups of accounts and their aliases, as XML, for a login whose first account is an adviser's (DF... or F...).

Everybody else is refused. A client's changes are kept; they name groups that account summaries then know.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping

from ibactors.sim.messages import accounts as messages
from ibactors.sim.request import Request, invalid, unprocessable
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

GROUPS, PROFILES, ALIASES = 1, 2, 3
_NOT_AN_ADVISER = "FA data operations ignored for non FA customers."
_NO_PROFILES = "FA Profile is not supported anymore, use FA Group instead."
_LONGEST_XML = 100_000


def _request(session: Session, fields: FieldReader) -> None:
    fields.version()
    kind = fields.integer()
    if not session.gateway.is_adviser:
        invalid(session, -1, _NOT_AN_ADVISER)
    elif kind == PROFILES:
        invalid(session, -1, _NO_PROFILES)
    elif kind == GROUPS:
        session.send(messages.adviser_data(kind, _groups(session.gateway.groups)))
    elif kind == ALIASES:
        session.send(messages.adviser_data(kind, _aliases(session.gateway.account_names)))
    else:
        invalid(session, -1, f"Invalid FA data type {kind}")


def _replace(session: Session, fields: FieldReader) -> None:
    fields.version()
    kind, text = fields.integer(), fields.text()
    request_id = fields.integer(-1) if fields.remaining else -1
    if not session.gateway.is_adviser:
        invalid(session, request_id, _NOT_AN_ADVISER)
        return
    if kind != GROUPS:
        invalid(session, request_id, _NO_PROFILES if kind == PROFILES else "Aliases cannot be changed here")
        return
    try:
        groups = _read(text)
    except (ET.ParseError, ValueError) as wrong:
        unprocessable(session, request_id, f"Invalid FA groups: {wrong}")
        return
    unknown = {a for names in groups.values() for a in names} - set(session.gateway.account_names)
    if unknown:
        unprocessable(session, request_id, f"Invalid account code '{min(unknown)[:40]}'.")
        return
    session.gateway.groups = groups
    session.send(messages.adviser_data_replaced(request_id))


def _groups(groups: Mapping[str, tuple[str, ...]]) -> str:
    root = ET.Element("ListOfGroups")
    for name, names in groups.items():
        group = ET.SubElement(root, "Group")
        ET.SubElement(group, "name").text = name
        accounts = ET.SubElement(group, "ListOfAccts", varName="list")
        for account in names:
            ET.SubElement(accounts, "String").text = account
        ET.SubElement(group, "defaultMethod").text = "NetLiq"
    return _text(root)


def _aliases(names: tuple[str, ...]) -> str:
    root = ET.Element("ListOfAccountAliases")
    for number, name in enumerate(names):
        alias = ET.SubElement(root, "AccountAlias")
        ET.SubElement(alias, "account").text = name
        ET.SubElement(alias, "alias").text = "Adviser" if number == 0 else f"Client {number}"
    return _text(root)


def _text(root: ET.Element) -> str:
    return '<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(root, encoding="unicode")


def _read(text: str) -> dict[str, tuple[str, ...]]:
    # Entities and the like are for attacks only; the size bounds the rest.
    if "<!" in text or len(text) > _LONGEST_XML:
        raise ValueError("it is too long or has a declaration")
    groups = {}
    for group in ET.fromstring(text).iter("Group"):  # noqa: S314 - without declarations, and bounded
        name = (group.findtext("name") or "").strip()
        if not name:
            raise ValueError("a group has no name")
        groups[name] = tuple(a.text.strip() for a in group.iter("String") if a.text)
    return groups


REQUESTS: Mapping[int, Request] = {
    18: Request(name="requestFA", handle=_request),
    19: Request(name="replaceFA", handle=_replace),
}
