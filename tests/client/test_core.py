"""What is sent again and what is not, without a socket: the calls are driven by hand."""

import inspect
import json
from typing import Any, TypeVar

import httpx2
import pytest
from ibactors_client import AsyncClient, Client, OutcomeUnknown, Problem, Quote, Unreachable, calls, core, placing
from ibactors_client.core import Call, Reply

T = TypeVar("T")
TERMS = {"instrument": {"symbol": "AAPL"}, "side": "buy", "quantity": 1, "type": "market", "time_in_force": "day"}


def shown(status: str = "working") -> dict[str, Any]:
    nothing = dict.fromkeys(
        "status_reason quantity remaining_quantity average_price limit_price stop_price commission commission_currency sent".split()
    )
    texts = dict.fromkeys("order_id client_order_id account source side type time_in_force".split(), "x")
    rest = {"instrument": {}, "filled_quantity": 0, "revision": 1, "new_client_order_id_allowed": False, "updated": "2026-11-27T10:00:00Z"}
    return {**nothing, **texts, **rest, "status": status, "sequence": 7, "cursor": "j-7"}


def answer(status: int, members: dict[str, Any], retry_after: float | None = None) -> Reply:
    kind = "application/json" if status < 400 else "application/problem+json"
    return Reply(status=status, content_type=kind, retry_after=retry_after, content=json.dumps(members).encode())


def result(call: Call[T], last: Reply) -> T:
    with pytest.raises(StopIteration) as done:
        call.send(last)
    value: T = done.value.value
    return value


def test_order_whose_answer_is_lost_is_sent_again_with_the_same_bytes() -> None:
    call = placing.place(TERMS, "o-1", 60)
    first = next(call)
    for lost in (httpx2.ReadTimeout("late"), httpx2.RemoteProtocolError("cut"), httpx2.ReadError("reset")):
        again = call.throw(lost)
        assert (again.body, again.path, again.after > 0) == (first.body, first.path, True)
    again = call.send(answer(503, {"code": "not_connected", "detail": "no"}, retry_after=7))
    assert (again.body, again.after >= 7) == (first.body, True)
    again = call.send(answer(202, shown("pending_new"), retry_after=1))
    assert again.body == first.body
    assert result(call, answer(200, shown())).status == "working"


@pytest.mark.parametrize("status", [401, 403, 404, 422, 423])
def test_refusal_of_a_repetition_does_not_say_that_the_first_failed(status: int) -> None:
    call = placing.place(TERMS, "o-1", 60)
    next(call)
    call.throw(httpx2.ReadTimeout("late"))
    with pytest.raises(OutcomeUnknown, match="o-1") as raised:
        call.send(answer(status, {"code": "trading_halted", "detail": "halted", "new_client_order_id_allowed": None}))
    assert raised.value.request_id == "o-1"


def test_a_group_whose_answer_is_lost_is_sent_again_with_the_same_bytes_until_none_is_open_to_question() -> None:
    members = [{**TERMS, "instrument": "AAPL"}, TERMS]
    call = placing.place_group(members, {"account": "DU1"}, "g-1", 60)
    first = next(call)
    sent = json.loads(first.body or b"")
    assert (first.path, sent["client_order_id"], sent["account"], sent["orders"]) == ("/orders/groups", "g-1", "DU1", [TERMS, TERMS])
    again = call.throw(httpx2.ReadTimeout("late"))
    assert (again.body, again.after > 0) == (first.body, True)
    again = call.send(answer(202, {"orders": [shown("pending_new"), shown()]}))
    assert again.body == first.body
    assert [each.status for each in result(call, answer(200, {"orders": [shown(), shown("held")]}))] == ["working", "held"]


@pytest.mark.parametrize(("code", "change"), [("order_not_sent", False), ("change_not_sent", True)])
def test_a_try_that_came_too_late_says_nothing_of_one_that_may_be_on_its_way(code: str, *, change: bool) -> None:
    late = answer(409, {"code": code, "detail": "It could not be sent in time. Nothing is written down."})
    ended = answer(409, {"code": code, "detail": "It was taken back.", "order": shown("rejected")})
    for last, told in ((late, OutcomeUnknown), (ended, Problem)):
        call = placing.change("ord_1", {"quantity": 1}, "c-1", 60) if change else placing.place(TERMS, "o-1", 60)
        next(call)
        call.throw(httpx2.ReadTimeout("late"))
        with pytest.raises(told):
            call.send(last)


def test_a_statement_is_sent_again_as_its_executions_have_ids() -> None:
    call = calls.import_executions(calls.Patience(), "<xml/>", whole={"account": "DU1", "from": "2026-11-20", "to": "2026-11-27"})
    first = next(call)
    assert json.loads(first.body or b"")["whole"]["from"] == "2026-11-20"
    assert call.throw(httpx2.ReadTimeout("late")).body == first.body
    done = result(call, answer(200, {"new": 1, "known": 2, "skipped": 3, "order_ids": ["ord_1"]}))
    assert (done.new, done.order_ids) == (1, ["ord_1"])


@pytest.mark.parametrize("code", ["order_rejected", "order_not_received"])
def test_what_became_of_an_order_is_definite_after_lost_answers_too(code: str) -> None:
    call = placing.place(TERMS, "o-1", 60)
    next(call)
    call.throw(httpx2.ReadTimeout("late"))
    with pytest.raises(Problem, match=code):
        call.send(answer(422, {"code": code, "detail": "no", "new_client_order_id_allowed": True}))


def test_first_refusal_is_the_answer() -> None:
    call = placing.place(TERMS, "o-1", 60)
    next(call)
    call.throw(httpx2.ConnectError("refused"))
    with pytest.raises(Problem) as raised:
        call.send(answer(422, {"code": "order_limit", "detail": "Too much.", "hint": "Less."}))
    assert (raised.value.code, raised.value.hint, raised.value.status) == ("order_limit", "Less.", 422)


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (httpx2.ConnectError("refused"), Unreachable),
        (httpx2.ConnectTimeout("no"), Unreachable),
        (httpx2.WriteError("cut"), OutcomeUnknown),
        (httpx2.ReadTimeout("late"), OutcomeUnknown),
    ],
)
def test_only_what_was_never_sent_is_told_as_a_failure(lost: Exception, expected: type[Exception]) -> None:
    call = placing.place(TERMS, "o-1", 0)
    next(call)
    with pytest.raises(expected):
        call.throw(lost)


@pytest.mark.parametrize(
    "last",
    [
        answer(202, shown("unknown")),
        answer(500, {"code": "internal_error", "detail": "no"}),
        answer(503, {"code": "not_connected", "detail": "no"}),
        Reply(status=502, content_type="text/html", retry_after=None, content=b"<html>"),
        Reply(status=403, content_type="text/html", retry_after=None, content=b"<html>"),
        Reply(status=200, content_type="application/json", retry_after=None, content=b"{"),
    ],
)
def test_order_without_a_definite_answer_is_unknown_and_not_failed(last: Reply) -> None:
    call = placing.place(TERMS, "o-1", 0)
    next(call)
    with pytest.raises(OutcomeUnknown):
        call.send(last)


def test_unknown_order_is_told_with_what_is_known_of_it() -> None:
    call = placing.place(TERMS, "o-1", 0)
    next(call)
    with pytest.raises(OutcomeUnknown) as raised:
        call.send(answer(202, shown("unknown")))
    assert raised.value.order is not None
    assert raised.value.order.status == "unknown"


def test_cancel_that_is_written_down_is_not_waited_for() -> None:
    call = placing.cancel("ord_1", 60)
    assert next(call).method == "DELETE"
    assert result(call, answer(202, shown("working"))).order_id == "x"


def test_id_that_no_order_will_ever_have_is_none() -> None:
    call = placing.give_up("o-1", 60)
    next(call)
    assert result(call, Reply(status=204, content_type="", retry_after=None, content=b"")) is None


def test_read_waits_as_long_as_it_is_told() -> None:
    call = core.get(dict[str, int], "/x", 60)
    next(call)
    assert call.send(answer(429, {"code": "rate_limited", "detail": "no"}, retry_after=9)).after >= 9
    assert result(call, answer(200, {"a": 1})) == {"a": 1}


def test_read_does_not_wait_longer_than_its_patience() -> None:
    call = core.get(dict[str, int], "/x", 5)
    next(call)
    with pytest.raises(Problem) as raised:
        call.send(answer(429, {"code": "rate_limited", "detail": "no"}, retry_after=9))
    assert raised.value.retry_after == 9


def test_read_that_is_refused_is_not_repeated() -> None:
    call = core.get(dict[str, int], "/x", 60)
    next(call)
    with pytest.raises(Problem, match="contract_not_found"):
        call.send(answer(404, {"code": "contract_not_found", "detail": "no"}))


def page(token: str | None, *times: str) -> dict[str, Any]:
    bars = [{"t": t, "o": 1, "h": 1, "l": 1, "c": 1, "v": None, "vwap": None, "n": None, "complete": True} for t in times]
    head = {"symbol": "AAPL", "con_id": 1, "bar": "1d", "what": "trades", "rth": True, "market_data_type": None, "complete": True}
    return {**head, "next_page_token": token, "bars": bars}


def test_history_follows_the_pages_of_a_range_and_not_those_without_a_beginning() -> None:
    told: list[tuple[int, str]] = []
    call = core.history("/history/bars/AAPL", {"bar": "1d", "start": "2026-01-01"}, 60, lambda bars, newest: told.append((bars, newest)))
    next(call)
    second = call.send(answer(200, page("p2", "2026-01-02")))
    assert second.params == {"bar": "1d", "start": "2026-01-01", "page_token": "p2"}
    assert [bar.t for bar in result(call, answer(200, page(None, "2026-01-05"))).bars] == ["2026-01-02", "2026-01-05"]
    assert told == [(1, "2026-01-02"), (2, "2026-01-05")]
    newest = core.history("/history/bars/AAPL", {"bar": "1d"}, 60, None)
    next(newest)
    assert len(result(newest, answer(200, page("p2", "2026-01-02"))).bars) == 1


def test_names_are_escaped_whole() -> None:
    assert next(calls.quote(calls.Patience(), "../admin?x")).path == "/market/quote/..%2Fadmin%3Fx"


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (httpx2.ConnectError("refused"), Unreachable),
        (httpx2.ReadTimeout("late"), OutcomeUnknown),
        (answer(503, {"code": "actor_down", "detail": "no"}), OutcomeUnknown),
        (Reply(status=502, content_type="text/html", retry_after=None, content=b""), OutcomeUnknown),
        (answer(403, {"code": "scope_missing", "detail": "no"}), Problem),
        (answer(429, {"code": "rate_limited", "detail": "no"}), Problem),
    ],
)
def test_what_must_not_be_repeated_is_sent_once(says: Exception | Reply, expected: type[Exception]) -> None:
    call = calls.resume(calls.Patience())
    assert next(call).path == "/trading/resume"
    with pytest.raises(expected):
        if isinstance(says, Reply):
            call.send(says)
        else:
            call.throw(says)


def test_halt_is_sent_again() -> None:
    call = calls.halt(calls.Patience(), cancel="ours")
    first = next(call)
    again = call.throw(httpx2.ReadTimeout("late"))
    assert (again.body, again.path) == (first.body, "/trading/halt")


def test_methods_show_their_parameters_and_words() -> None:
    for client in (Client, AsyncClient):
        method = client("http://127.0.0.1:9").quote
        assert str(inspect.signature(method)).startswith("(symbol: str, **contract")
        assert inspect.signature(method).return_annotation is Quote
        assert (method.__name__, "market/quote" in (method.__doc__ or "")) == ("quote", True)
