"""What a launcher's lines mean: recorded output of IBC, and rules of a user's own."""

import time
from pathlib import Path

import pytest

from ibactors.errors import StartupError
from ibactors.gateway.classify import Classifier, Finding, Rule, Sign, load_rules

RULES = load_rules()
AT = "2026-11-22 18:00:00:123 IBC: "


def findings(*lines: str) -> list[Finding]:
    classifier = Classifier(RULES)
    return [finding for line in lines if (finding := classifier.feed(line))]


def verdict(*lines: str) -> Finding:
    """The most telling finding."""
    return min(findings(*lines), key=lambda finding: finding.rank)


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_each_rule_has_examples_that_it_decides(rule: Rule) -> None:
    assert rule.examples
    for example in rule.examples:
        assert [(finding.rule, finding.sign) for finding in findings(example)] == [(rule.name, rule.sign)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please wait 4 minutes & 37 seconds before attempting to re-login again.", 277),
        ("Please wait 1 minute & 1 second before attempting to re-login again.", 61),
        ("Please wait 10 minutes before attempting to re-login again.", 600),
        ("Please wait 9 seconds before attempting to re-login again.", 9),
        ("Come back later.", None),
    ],
)
def test_a_lock_out_says_how_long_to_wait(text: str, seconds: float | None) -> None:
    found = verdict(f"{AT}Too many failed login attempts. {text}")
    assert found.sign is Sign.LOCKED_OUT
    assert found.wait_s == seconds


def test_message_of_several_lines_fails_at_its_first() -> None:
    found = findings(f"{AT}Login error message:", "Your account", "is being audited.", f"{AT}Cold restart in progress", "sleep 2")
    assert [finding.sign for finding in found] == [Sign.LOGIN_ERROR] * 3 + [Sign.RESTARTING]
    assert found[0].sign.failure
    assert found[2].text == "Login error message: Your account is being audited."


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("Too many failed login attempts. Please wait 2 minutes & 3 seconds before attempting to re-login again.", Sign.LOCKED_OUT),
        ("Invalid username or password.", Sign.BAD_CREDENTIALS),
        ("Your password has expired.", Sign.PASSWORD_EXPIRED),
        ("Something else.", Sign.LOGIN_ERROR),
    ],
)
def test_the_text_of_a_login_error_decides(text: str, sign: Sign) -> None:
    assert verdict(f"{AT}Login error message:", text, f"{AT}Cold restart in progress").sign is sign


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        # IB's word on the password, and what is none
        ("detected dialog entitled: Unrecognized Username or Password; event=Opened", Sign.BAD_CREDENTIALS),
        ("Login error message: Incorrect password", Sign.BAD_CREDENTIALS),
        ("Connection to server failed: Invalid user name or password", Sign.BAD_CREDENTIALS),
        ("Login failed", Sign.LOGIN_FAILED),
        ("detected dialog entitled: Login failed; event=Opened", Sign.LOGIN_FAILED),
        ("Login error message: the password could not be verified, please try again later", Sign.LOGIN_ERROR),
        # locked
        ("Login error message: Your account has been suspended", Sign.ACCOUNT_LOCKED),
        ("Login error message: this user is temporarily locked, please wait 5 minutes", Sign.LOCKED_OUT),
        # the server
        ("Connection to server failed: Connection timed out", Sign.NO_CONNECTION),
        ("Connection to server failed: Network is unreachable", Sign.NO_CONNECTION),
        ("Connection to server failed: you have to sign a new agreement", Sign.LOGIN_ERROR),
        ("Connection to server failed: a newer version is required, you must upgrade ", Sign.GATEWAY_OUTDATED),
        ("Login error message: Version 981 is no longer supported", Sign.GATEWAY_OUTDATED),
        ("Login error message: This build is no longer supported", Sign.GATEWAY_OUTDATED),
        # the second factor
        ("detected dialog entitled: IB Key Authentication; event=Opened", Sign.TWO_FACTOR_PENDING),
        ("detected frame entitled: Two-Factor Authentication; event=Opened", Sign.TWO_FACTOR_PENDING),
        ("detected dialog entitled: Enter the code of the text message; event=Opened", Sign.TWO_FACTOR_CODE),
        ("detected dialog entitled: One-time passcode; event=Opened", Sign.TWO_FACTOR_CODE),
        ("detected dialog entitled: Digital Security Card+; event=Opened", Sign.TWO_FACTOR_CARD),
        ("detected dialog entitled: Challenge / Response; event=Opened", Sign.TWO_FACTOR_CHALLENGE),
        ("detected frame entitled: Sign in with a passkey; event=Opened", Sign.TWO_FACTOR_PASSKEY),
        ("Login error message: Two-factor authentication was rejected", Sign.TWO_FACTOR_DENIED),
        ("Connection to server failed: Passkey is required", Sign.PASSKEY_REQUIRED),
        # what nobody here knows
        ("detected dialog entitled: Market data agreement; event=Opened", Sign.DIALOG),
    ],
)
def test_what_is_said_gets_no_wrong_verdict(text: str, sign: Sign) -> None:
    assert verdict(f"{AT}{text}").sign is sign


@pytest.mark.parametrize(
    "text",
    [
        "detected frame entitled: Connecting to server...; event=Opened",
        "detected dialog entitled: ** no title **; event=Opened",
        "detected dialog entitled: Second Factor Authentication; event=Focused",
        "This version will no longer be supported after 1 March",
        "A newer version is available; please upgrade",
        "Setting password",
    ],
)
def test_what_is_no_sign_tells_nothing(text: str) -> None:
    assert findings(f"{AT}{text}") == []


def test_login_that_failed_is_explained_by_what_comes_after_it() -> None:
    for text, sign in (
        ("Connection to server failed: Server disconnected, please try again", Sign.NO_CONNECTION),
        ("Invalid username or password", Sign.BAD_CREDENTIALS),
        ("Login error message: something else", Sign.LOGIN_ERROR),
    ):
        assert verdict(f"{AT}Login failed", f"{AT}{text}").sign is sign


def test_no_line_holds_up_the_rules() -> None:
    lines = ["version " * 500, "detected dialog entitled: " * 150, "locked" * 680, "failed: " * 500, "Connection to server failed: " * 140]
    began = time.process_time()
    for line in lines:
        findings(line)
    assert time.process_time() - began < 1


def test_a_login_that_works_shows_its_steps_and_no_failure() -> None:
    steps = findings(
        "autorestart file not found: full authentication will be required",
        f"{AT}Starting session: will exit if login dialog is not displayed within 60 seconds",
        f"{AT}detected frame entitled: IBKR Gateway; event=Opened",
        f"{AT}Setting user name",
        f"{AT}Setting password",
        f"{AT}Login attempt: 1",
        f"{AT}Click button: Log In",
        f"{AT}detected dialog entitled: Second Factor Authentication; event=Opened",
        f"{AT}Second Factor Authentication initiated",
        f"{AT}detected dialog entitled: Second Factor Authentication; event=Closed",
        f"{AT}detected frame entitled: Starting application...; event=Opened",
        f"{AT}Login has completed",
    )
    pending = [Sign.TWO_FACTOR_PENDING] * 2
    assert [finding.sign for finding in steps] == [Sign.STARTED, Sign.ATTEMPT, *pending, Sign.DIALOG_CLOSED, Sign.LOGGED_IN]
    assert not any(finding.sign.failure for finding in steps)


def test_a_clean_stop_is_no_login() -> None:
    lines = (
        f"{AT}CommandServer received command: STOP",
        f"{AT}Closing command channel",
        f"{AT}Login has completed: exiting via [File, Close] menu",
        "IBC returned exit status 0",
        "autorestart file not found: full authentication will be required",
        "Gateway finished",
    )
    assert findings(*lines) == []


def test_a_failed_login_is_a_failure_before_the_launcher_starts_again() -> None:
    signs = [finding.sign for finding in findings(f"{AT}Login failed", f"{AT}Cold restart in progress", "IBC will cold-restart shortly")]
    assert signs == [Sign.LOGIN_FAILED, Sign.RESTARTING, Sign.RESTARTING]


@pytest.mark.parametrize(
    ("status", "sign"),
    [
        (87, Sign.TWO_FACTOR_EXPIRED),
        (88, Sign.NO_LOGIN_DIALOG),
        (79, Sign.BAD_CONFIGURATION),
        (0, Sign.LAUNCHER_FAILED),
        (143, Sign.LAUNCHER_FAILED),
    ],
)
def test_exit_statuses_have_signs(status: int, sign: Sign) -> None:
    assert RULES.exit(status) is sign
    assert sign.failure


def test_the_text_is_not_in_the_repr_of_a_finding() -> None:
    assert "hunter2" not in repr(findings(f"{AT}Login error message: hunter2"))


def test_rules_of_ones_own_come_before_ours_and_may_switch_one_off(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(
        """
[[rule]]
name = "new dialog"
sign = "locked_out"
pattern = 'entitled: Slow down; (?P<minutes>[0-9]+)'

[[rule]]
name = "failed is not so bad here"
sign = "nothing"
pattern = 'Login failed'

[exits]
"42" = "no_connection"
"88" = "launcher_failed"
"""
    )
    rules = load_rules(file)
    classifier = Classifier(rules)
    assert classifier.feed(f"{AT}Login failed") is None
    found = classifier.feed(f"{AT}detected dialog entitled: Slow down; 3 minutes")
    assert found
    assert (found.sign, found.wait_s) == (Sign.LOCKED_OUT, 180)
    assert classifier.feed(f"{AT}Login has completed")
    assert [rules.exit(status) for status in (42, 87, 88)] == [Sign.NO_CONNECTION, Sign.TWO_FACTOR_EXPIRED, Sign.LAUNCHER_FAILED]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "[[rule]]\nname='a'\nsign='logged_in'\npattern='x'\n[[rule]]\nname='bad one'\nsign='logged_in'\npattern='('",
            r"rule 2 \('bad one'\).*regular",
        ),
        ("[[rule]]\nname='a'\nsign='loged_in'\npattern='x'", r"rule 1 \('a'\).*'loged_in'.*Signs are: started, "),
        ("[[rule]]\nname='a'\nsign='logged_in'", r"rule 1 \('a'\).*`pattern`"),
        ("[[rule]]\nname='a'\nsign='logged_in'\npattern='x'\nwait=3", r"rule 1 \('a'\).*`wait`"),
        ("[[rule]]\nsign='logged_in'\npattern='x'", r"rule 1 \('without a name'\).*`name`"),
        ("[exits]\n'300'='logged_in'", "<= 255"),
        ("[exits]\n87='x'", "'x'"),
        ("[[rules]]", "`rules`"),
        ("rule = 3", "array"),
        ("[[rule", "not TOML"),
    ],
)
def test_a_bad_rules_file_is_refused_with_the_rule(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(StartupError, match=rf"mine\.toml.*{complaint}"):
        load_rules(file)


def test_a_missing_rules_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"none\.toml' cannot be read"):
        load_rules(tmp_path / "none.toml")
