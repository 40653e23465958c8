"""The state machine of a login, without any process."""

import pytest

from ibactors.gateway.classify import Finding, Sign
from ibactors.gateway.progress import Ending, Progress
from ibactors.model.logins import LoginPhase


def progress() -> Progress:
    return Progress(step_timeout=100, two_factor_timeout=180, now=0)


def saw(login: Progress, *signs: Sign, now: float = 0) -> Ending | None:
    ending = None
    for sign in signs:
        ending = login.saw(Finding(sign=sign, text="its text", rank=1, rule=""), now)
    return ending


def test_login_goes_through_its_phases() -> None:
    login = progress()
    phases = [login.phase]
    for sign in (Sign.STARTED, Sign.ATTEMPT, Sign.TWO_FACTOR_PENDING, Sign.LOGGED_IN):
        assert saw(login, sign) is None
        phases.append(login.phase)
    login.session_changed(up=True, reason=None)
    assert [*phases, login.phase] == ["starting", "starting", "logging_in", "two_factor_pending", "logged_in", "api_ready"]
    assert login.deadline == float("inf")


@pytest.mark.parametrize("sign", [sign for sign in Sign if sign.failure])
def test_every_failure_is_an_end_at_any_time(sign: Sign) -> None:
    for before in ([], [Sign.ATTEMPT], [Sign.ATTEMPT, Sign.LOGGED_IN]):
        ending = saw(progress(), *before, sign)
        assert ending is not None
        assert ending.phase.failed
        assert (ending.wait is not None) == (sign is Sign.LOCKED_OUT)
        assert progress().exited(sign, 7).phase is ending.phase


@pytest.mark.parametrize("sign", [sign for sign in Sign if not sign.failure])
def test_no_other_sign_is_one(sign: Sign) -> None:
    assert saw(progress(), sign) is None
    assert saw(progress(), Sign.ATTEMPT, Sign.LOGGED_IN, sign) is None


@pytest.mark.parametrize("sign", [Sign.ATTEMPT, Sign.RESTARTING])
def test_credentials_that_are_about_to_be_sent_again_are_an_end(sign: Sign) -> None:
    ending = saw(progress(), Sign.ATTEMPT, sign)
    assert ending is not None
    assert ending.phase is LoginPhase.LOGIN_FAILED


@pytest.mark.parametrize(
    ("sign", "factor"),
    [
        (Sign.TWO_FACTOR_PENDING, "notification"),
        (Sign.TWO_FACTOR_CODE, "code"),
        (Sign.TWO_FACTOR_CARD, "card"),
        (Sign.TWO_FACTOR_CHALLENGE, "challenge"),
        (Sign.TWO_FACTOR_PASSKEY, "passkey"),
    ],
)
def test_second_factor_is_named_with_what_to_do(sign: Sign, factor: str) -> None:
    login = progress()
    saw(login, Sign.ATTEMPT, Sign.TWO_FACTOR_PENDING, sign, Sign.TWO_FACTOR_PENDING)
    assert (login.phase, login.second_factor) == ("two_factor_pending", factor)
    assert login.hint
    assert login.deadline == pytest.approx(198)
    saw(login, Sign.LOGGED_IN)
    assert (login.second_factor, login.hint) == (None, None)


def test_unknown_dialog_is_shown_and_is_the_reason() -> None:
    login = progress()
    saw(login, Sign.ATTEMPT, Sign.DIALOG)
    assert login.words == "The credentials were sent; waiting for IB's answer. The gateway shows a dialog: 'its text'."
    ending = login.expired(100)
    assert ending is not None
    assert ending.phase is LoginPhase.UNKNOWN_DIALOG
    assert "'its text'" in ending.detail


@pytest.mark.parametrize("after", [Sign.DIALOG_CLOSED, Sign.EXISTING_SESSION_TAKEN, Sign.LOGGED_IN])
def test_dialog_that_went_away_is_no_reason(after: Sign) -> None:
    login = progress()
    saw(login, Sign.ATTEMPT, Sign.DIALOG, after)
    assert login.dialog is None
    ending = login.expired(1e9)
    assert ending is not None
    assert ending.phase is LoginPhase.TIMEOUT


def test_failure_without_a_verdict_shows_what_was_said() -> None:
    ending = saw(progress(), Sign.ATTEMPT, Sign.LOGIN_ERROR)
    assert ending is not None
    assert (ending.phase, ending.harmless) == (LoginPhase.LOGIN_FAILED, False)
    assert "It says: its text" in ending.detail


def test_attempts_before_and_after_a_good_login_are_two_logins() -> None:
    assert saw(progress(), Sign.ATTEMPT, Sign.LOGGED_IN, Sign.RESTARTING, Sign.STARTED, Sign.ATTEMPT) is None


def test_restart_with_the_old_login_needs_no_sign_but_the_session() -> None:
    login = progress()
    saw(login, Sign.RESTARTING)
    assert login.phase is LoginPhase.LOGGED_IN
    login.session_changed(up=True, reason=None)
    assert login.phase is LoginPhase.API_READY


def test_session_counts_only_while_logged_in() -> None:
    login = progress()
    saw(login, Sign.ATTEMPT)
    login.session_changed(up=True, reason=None)
    assert login.phase is LoginPhase.LOGGING_IN


def test_lost_session_is_no_lost_login() -> None:
    login = progress()
    saw(login, Sign.ATTEMPT, Sign.LOGGED_IN)
    login.session_changed(up=True, reason=None)
    login.session_changed(up=False, reason="the reason")
    assert login.phase is LoginPhase.LOGGED_IN
    assert "the reason" in login.detail
    assert login.expired(1e9) is None


@pytest.mark.parametrize(
    ("signs", "limit", "end"),
    [
        ([], 100, LoginPhase.TIMEOUT),
        ([Sign.ATTEMPT], 150, LoginPhase.TIMEOUT),
        ([Sign.ATTEMPT, Sign.TWO_FACTOR_PENDING, Sign.TWO_FACTOR_PENDING], 50 + 198.1, LoginPhase.TWO_FACTOR_EXPIRED),
        ([Sign.ATTEMPT, Sign.LOGGED_IN], 150, LoginPhase.TIMEOUT),
    ],
)
def test_each_phase_has_its_time(signs: list[Sign], limit: float, end: LoginPhase) -> None:
    login = progress()
    saw(login, *signs, now=50)
    assert login.expired(limit - 1) is None
    ending = login.expired(limit)
    assert ending is not None
    assert (ending.phase, ending.harmless) == (end, signs in ([], [Sign.ATTEMPT, Sign.LOGGED_IN]))


def test_second_factor_asked_for_again_gets_no_more_time() -> None:
    login = progress()
    saw(login, Sign.ATTEMPT, Sign.TWO_FACTOR_PENDING, now=0)
    saw(login, Sign.TWO_FACTOR_PENDING, now=100)
    assert login.deadline == pytest.approx(198)


@pytest.mark.parametrize(
    ("signs", "harmless"),
    [
        ([], True),
        ([Sign.ATTEMPT], False),
        ([Sign.ATTEMPT, Sign.TWO_FACTOR_PENDING], False),
        ([Sign.ATTEMPT, Sign.LOGGED_IN], True),
    ],
)
def test_exit_is_harmless_unless_credentials_are_on_their_way(signs: list[Sign], *, harmless: bool) -> None:
    login = progress()
    saw(login, *signs)
    assert login.exited(Sign.LAUNCHER_FAILED, 3).harmless is harmless


def test_ib_being_away_says_nothing_against_the_credentials() -> None:
    ending = saw(progress(), Sign.ATTEMPT, Sign.NO_CONNECTION)
    assert ending is not None
    assert ending.harmless
