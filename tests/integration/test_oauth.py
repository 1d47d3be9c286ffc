"""A launch is finished with a user's password in place of an API key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from reportportal_client import RPClient

from rp_finalizer import LaunchFinalizer, Outcome, finalizing
from rp_finalizer.emulator import CallKind, Fault
from tests.support.reporting import QUICK, finishes, start_run, status_of

if TYPE_CHECKING:
    from rp_finalizer import Report
    from rp_finalizer.emulator import Emulator
    from tests.support.reporting import Run

PASSWORD = "1q2w3e"


def grant(emulator: Emulator, **changes: Any) -> dict[str, Any]:
    """Give the settings of a password grant; one that is None is left out."""
    settings = {
        "endpoint": emulator.url,
        "project": "demo",
        "oauth_uri": f"{emulator.url}/uat/sso/oauth/token",
        "oauth_username": "default",
        "oauth_password": PASSWORD,
        "oauth_client_id": "ui",
        "oauth_client_secret": "uiman",
    }
    return {name: value for name, value in (settings | changes).items() if value is not None}


def finish(emulator: Emulator, run: Run, **changes: Any) -> Report:
    return LaunchFinalizer(launch=run.uuid, **QUICK | grant(emulator, **changes)).finish()


def token_calls(emulator: Emulator) -> int:
    return len(emulator.calls(CallKind.TOKEN))


def test_one_token_serves_the_whole_finalization(emulator: Emulator, run: Run) -> None:
    """The token is asked for once and kept."""
    assert finish(emulator, run).outcome is Outcome.FINISHED
    assert status_of(emulator, run.uuid) == "PASSED"
    assert token_calls(emulator) == 1


def test_a_client_that_reports_with_a_password_is_finished_with_it(emulator: Emulator) -> None:
    """The client's own OAuth settings are enough."""
    client = RPClient(
        emulator.url,
        "demo",
        **{name: value for name, value in grant(emulator).items() if name.startswith("oauth_")},
    )
    # Two first requests at once are one too many for the client: the second goes without a token.
    assert client._api_info_prefetched.wait(10)
    with finalizing(client, **QUICK) as finalizer:
        run = start_run(client)
    assert finalizer.report is not None
    assert finalizer.report.outcome is Outcome.FINISHED
    assert status_of(emulator, run.uuid) == "PASSED"


def test_a_token_that_is_refused_is_renewed_once(emulator: Emulator, run: Run) -> None:
    """A token that ran out is replaced, and the call is repeated with the new one."""
    refusal = Fault(CallKind.FINISH_LAUNCH_V2, status=401, body={"error": "invalid_token"}, times=1)
    emulator.add_fault(refusal)
    assert finish(emulator, run).outcome is Outcome.FINISHED
    assert token_calls(emulator) == 2
    assert len(finishes(emulator)) == 2


def test_a_user_who_is_refused_with_a_new_token_too_is_not_tried_again(emulator: Emulator, run: Run) -> None:
    """After one renewal a refusal is believed."""
    emulator.add_fault(Fault(CallKind.FINISH_LAUNCH_V2, status=401, body={"error": "invalid_token"}))
    report = finish(emulator, run)
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert report.error.kind == "unauthorized"
    assert token_calls(emulator) == 2


@pytest.mark.parametrize("change", [{"oauth_password": "wrong-password"}, {"oauth_client_id": "nobody"}])
def test_wrong_credentials_are_told_and_not_shown(emulator: Emulator, run: Run, change: dict[str, str]) -> None:
    """A refused password is the end, with a hint that names the variables and no secret."""
    report = finish(emulator, run, **change)
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert report.error.kind == "unauthorized"
    assert "RP_OAUTH_PASSWORD" in report.error.hint
    assert PASSWORD not in report.to_json()
    assert "wrong-password" not in report.to_json()
    assert not finishes(emulator)


def test_a_token_server_that_stumbles_is_asked_again(emulator: Emulator, run: Run) -> None:
    """Troubles of the token server pass like those of ReportPortal."""
    emulator.add_fault(Fault(CallKind.TOKEN, status=503, body="<html>", times=2))
    assert finish(emulator, run).outcome is Outcome.FINISHED


def test_a_token_server_that_is_away_keeps_nobody(emulator: Emulator, run: Run) -> None:
    """Without a token the launch is reported as unfinished within the budget, and the reason names the address."""
    report = finish(emulator, run, oauth_uri="http://127.0.0.1:9/token", timeout=0.5)
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert report.error.kind == "unavailable"
    assert "http://127.0.0.1:9/token" in report.error.message


def test_a_secret_goes_as_http_basic_where_the_form_is_refused(emulator: Emulator, run: Run) -> None:
    """A server that takes the client's secret by HTTP Basic only gets it so at the second try."""
    emulator.add_fault(Fault(CallKind.TOKEN, status=401, body={"error": "invalid_client"}, times=1))
    assert finish(emulator, run).outcome is Outcome.FINISHED
    assert token_calls(emulator) == 2
