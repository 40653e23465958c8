from collections.abc import Iterator

import msgspec
import pytest

from ibactors.errors import (
    ActorDown,
    AskTimeout,
    ContractAmbiguous,
    IbactorsError,
    InvalidRequest,
    MailboxFull,
    NoFreeLine,
    RestartLimit,
    StartupError,
)
from ibactors.gateway.errors import LoginFailed
from ibactors.orders.errors import JournalFailed
from ibactors.web import operation
from ibactors.web.contract.problems import KINDS, headers_of, make_problem, problem_of

NOT_SHOWN_TO_CLIENTS = {StartupError, RestartLimit}
"""They end the process."""


def subclasses(kind: type[IbactorsError]) -> Iterator[type[IbactorsError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__.startswith("ibactors."):
            yield from subclasses(child)


ERRORS = [kind for kind in subclasses(IbactorsError) if kind not in NOT_SHOWN_TO_CLIENTS]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_kind_and_a_sentence(kind: type[IbactorsError]) -> None:
    assert kind.code in KINDS
    assert not kind.hint or kind.hint.endswith(".")


def test_codes_are_not_shared_by_accident() -> None:
    codes = [kind.code for kind in ERRORS if "code" in vars(kind) and kind is not IbactorsError]
    assert len(set(codes)) == len(codes)
    assert {operation.UnsupportedMediaType, LoginFailed, JournalFailed} < set(ERRORS)


def test_statuses_are_errors_and_only_429_and_503_invite_to_try_again() -> None:
    for code, kind in KINDS.items():
        assert 400 <= kind.status < 600, code
        assert kind.retry_after is None or kind.status in {429, 503}, code


def test_request_that_was_not_begun_may_be_sent_again() -> None:
    problem = problem_of(ActorDown("symbol:AAPL", started=False))
    assert (problem.status, problem.code, problem.actor) == (503, "actor_down", "symbol:AAPL")
    assert headers_of(problem) == {"Content-Type": "application/problem+json", "Retry-After": "1"}


def test_request_that_was_begun_has_an_unknown_outcome_and_no_retry_after() -> None:
    problem = problem_of(ActorDown("account", started=True))
    assert problem.status == 502
    assert "may have been carried out" in problem.detail
    assert headers_of(problem) == {"Content-Type": "application/problem+json"}


def test_request_that_was_begun_is_not_told_to_try_again() -> None:
    assert "Try again" not in str(problem_of(ActorDown("account", started=True)).hint)


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (MailboxFull("market", 64), 503, "1"),
        (AskTimeout("market", 30, started=True), 504, None),
        (NoFreeLine("All lines are in use."), 429, "5"),
        (InvalidRequest("No.", field="symbol"), 422, None),
    ],
)
def test_limits_and_mistakes_have_their_statuses(error: IbactorsError, status: int, retry_after: str | None) -> None:
    problem = problem_of(error)
    assert problem.status == status
    assert headers_of(problem).get("Retry-After") == retry_after


def test_document_has_the_members_of_rfc_9457_and_ours_and_nothing_empty() -> None:
    problem = problem_of(InvalidRequest("symbol is missing.", field="symbol", ib_code=321))
    assert msgspec.to_builtins(problem) == {
        "type": "urn:ibactors:problem:invalid_request",
        "title": "Invalid request",
        "status": 422,
        "detail": "symbol is missing.",
        "code": "invalid_request",
        "ib_code": 321,
        "field": "symbol",
    }


def test_candidates_are_shown_and_unknown_extras_are_not() -> None:
    error = ContractAmbiguous("2 contracts fit.", extra={"candidates": [{"con_id": 1}, {"con_id": 2}], "secret": "x"})
    document = msgspec.to_builtins(problem_of(error))
    assert document["candidates"] == [{"con_id": 1}, {"con_id": 2}]
    assert "secret" not in document
    assert document["hint"].startswith("Repeat the request")


def test_document_may_be_made_for_a_code_without_an_exception() -> None:
    assert make_problem("not_found", "There is nothing here.").status == 404
