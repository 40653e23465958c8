"""Requests about the session itself: time, accounts, order ids, log level."""

from collections.abc import Mapping

from ibactors.sim.messages import connection as messages
from ibactors.sim.request import Request
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader


def _start_api(session: Session, fields: FieldReader) -> None:
    """A second startApi on the same socket changes nothing."""


def _current_time(session: Session, fields: FieldReader) -> None:
    fields.version()
    session.send(messages.current_time(int(session.gateway.now().timestamp())))


def _managed_accounts(session: Session, fields: FieldReader) -> None:
    fields.version()
    session.send(messages.managed_accounts(session.gateway.account_names))


def _ids(session: Session, fields: FieldReader) -> None:
    # The count of ids asked for has been without effect for many years.
    fields.version()
    session.send(messages.next_valid_id(session.orders.next_id(session.client_id)))


def _log_level(session: Session, fields: FieldReader) -> None:
    """Setting the server's log level has no answer."""


def _user_info(session: Session, fields: FieldReader) -> None:
    session.send(messages.user_info(fields.identifier()))


REQUESTS: Mapping[int, Request] = {
    8: Request(name="reqIds", handle=_ids),
    14: Request(name="setServerLogLevel", handle=_log_level),
    17: Request(name="reqManagedAccts", handle=_managed_accounts),
    49: Request(name="reqCurrentTime", handle=_current_time),
    71: Request(name="startApi", handle=_start_api),
    104: Request(name="reqUserInfo", handle=_user_info),
}
