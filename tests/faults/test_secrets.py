"""A key and a password appear nowhere, whatever is run and whatever goes wrong."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest

from rp_finalizer import FinalizationFailed, LaunchFinalizer, Settings, SettingsError, finalizing
from rp_finalizer.emulator import CallKind, Fault, ProjectRole
from rp_finalizer.reportportal.credentials import PasswordGrant
from rp_finalizer.reportportal.transport import Transport
from rp_finalizer.settings import OAuth
from tests.support.reporting import QUICK, connected, start_run
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from pathlib import Path

    from rp_finalizer.emulator import Emulator

KEY = "marked_key_5f3a9c71e2b84d06"
PASSWORD = "marked-password-81d27fa3"
SECRETS = (KEY, PASSWORD)
MISSING = "00000000-0000-4000-8000-000000000000"
NOBODY = "http://127.0.0.1:9"
PAGE = f"<html><body>Authorization: Bearer {KEY}, password={PASSWORD}</body></html>"

FAULTS = {
    "nothing": None,
    "page": Fault(status=502, body=PAGE, content_type="text/html"),
    "json": Fault(status=500, body={"errorCode": 5000, "message": f"Unclassified error [Bearer {KEY}, {PASSWORD}]"}),
    "refusal": Fault(status=400, body={"errorCode": 4001, "message": f"Incorrect Request. [{KEY} {PASSWORD}]"}),
    "unauthorized": Fault(status=401, body={"error": "invalid_token", "error_description": f"{KEY} {PASSWORD}"}),
    "redirect": Fault(status=302, headers={"Location": f"https://sso.example.com/?token={KEY}&password={PASSWORD}"}),
    "no launch": Fault(CallKind.GET_LAUNCH, status=200, body={"uuid": KEY, "id": PASSWORD, "status": KEY}),
}
"""What a careless server or gateway answers: everything that it was sent."""

BY_KEY = {"RP_API_KEY": KEY}
BY_PASSWORD = {
    "RP_OAUTH_USERNAME": "marked",
    "RP_OAUTH_PASSWORD": PASSWORD,
    "RP_OAUTH_CLIENT_ID": "ui",
    "RP_OAUTH_CLIENT_SECRET": "uiman",
}

COMMANDS = (
    ("finish", MISSING, "-vv"),
    ("finish", MISSING, "-vv", "--json"),
    ("finish", "--dry-run", "-vv", MISSING),
    ("finish", "--name", "smoke", "-vv"),
    ("finish", "--stop", "-vv", MISSING),
    ("status", MISSING, "-vv"),
    ("status", MISSING, "--json"),
    ("doctor", "-v"),
    ("doctor", "--json"),
)


@pytest.fixture
def marked(emulator: Emulator) -> Emulator:
    """Give a server that knows the marked key and password."""
    emulator.add_user("marked", KEY, {"demo": ProjectRole.PROJECT_MANAGER}, password=PASSWORD)
    return emulator


def run_command(arguments: tuple[str, ...], folder: Path, **environ: str) -> str:
    """Run a command as a user does, and give all that it wrote, to the terminal and into files."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RP_")}
    files = {"RP_FINALIZER_REPORT_FILE": str(folder / "report.json"), "HOME": str(folder), "TMPDIR": str(folder)}
    process = subprocess.run(
        [sys.executable, "-m", "rp_finalizer", *arguments],
        env=plain | files | {"RP_PROJECT": "demo", "RP_FINALIZER_TIMEOUT": "0.6"} | environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    written = [path.read_text(encoding="utf-8", errors="replace") for path in folder.rglob("*") if path.is_file()]
    assert process.returncode in range(6), process.stderr
    assert "Traceback" not in process.stderr
    return "\n".join([process.stdout, process.stderr, *written])


def assert_no_secret(text: str) -> None:
    for secret in SECRETS:
        assert secret not in text


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [(COMMANDS[0], fault) for fault in ("nothing", "page", "json", "redirect")]
    + [(command, "page") for command in COMMANDS[1:-1]]
    + [(COMMANDS[-1], "unauthorized")]
    + [slow(COMMANDS[0], fault) for fault in ("refusal", "unauthorized", "no launch")]
    + [slow(command, "unauthorized") for command in COMMANDS[1:-1]]
    + [slow(COMMANDS[-1], "page")],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:1] + value[-1:]),
)
def test_no_command_shows_a_key(marked: Emulator, tmp_path: Path, arguments: tuple[str, ...], fault: str) -> None:
    """Neither output at its most talkative nor any file holds the key, even when the server sends it back."""
    if (broken := FAULTS[fault]) is not None:
        marked.add_fault(broken)
    written = run_command(arguments, tmp_path, RP_ENDPOINT=marked.url, **BY_KEY)
    assert written.strip()
    # The password was not given to us here: what the server says of it cannot be known for a secret.
    assert KEY not in written


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (COMMANDS[0], "nothing"),
        (COMMANDS[0], "unauthorized"),
        (COMMANDS[-1], "page"),
        slow(COMMANDS[0], "page"),
        slow(COMMANDS[-1], "nothing"),
        slow(COMMANDS[-1], "unauthorized"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_no_command_shows_a_password(marked: Emulator, tmp_path: Path, arguments: tuple[str, ...], fault: str) -> None:
    """A password stays as hidden as a key."""
    if (broken := FAULTS[fault]) is not None:
        marked.add_fault(broken)
    uri = f"{marked.url}/uat/sso/oauth/token"
    written = run_command(arguments, tmp_path, RP_ENDPOINT=marked.url, RP_OAUTH_URI=uri, **BY_PASSWORD)
    assert written.strip()
    assert PASSWORD not in written


WRONG = {
    "user info": {"RP_ENDPOINT": f"https://marked:{PASSWORD}@rp.example.com"},
    "query": {"RP_ENDPOINT": f"https://rp.example.com?key={KEY}"},
    "token address": {"RP_ENDPOINT": NOBODY, "RP_OAUTH_URI": f"https://marked:{PASSWORD}@sso.example.com"},
    "bad key": {"RP_ENDPOINT": NOBODY, "RP_API_KEY": f"{KEY} with a blank"},
    "old name": {"RP_ENDPOINT": NOBODY, "RP_API_KEY": "", "RP_TOKEN": KEY},
    "proxy": {"RP_ENDPOINT": NOBODY, "HTTP_PROXY": f"http://marked:{PASSWORD}@127.0.0.1:9", "NO_PROXY": ""},
    "ca file": {"RP_ENDPOINT": NOBODY, "RP_VERIFY_SSL": f"/no/{KEY}@there"},
}


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        *(("finish", wrong) for wrong in WRONG),
        ("doctor", "user info"),
        ("doctor", "proxy"),
        *(slow("doctor", wrong) for wrong in WRONG if wrong not in {"user info", "proxy"}),
    ],
)
def test_no_setting_that_is_refused_is_shown_with_its_secret(tmp_path: Path, command: str, wrong: str) -> None:
    """An error names the setting and its origin, and masks what may be a secret in its value."""
    arguments = ("finish", MISSING, "-vv") if command == "finish" else ("doctor", "-v")
    assert_no_secret(run_command(arguments, tmp_path, **{"RP_API_KEY": KEY} | WRONG[wrong]))


@pytest.mark.parametrize("fault", FAULTS)
def test_no_exception_log_or_repr_shows_a_key(
    marked: Emulator, caplog: pytest.LogCaptureFixture, tmp_path: Path, fault: str
) -> None:
    """What a program sees of a finalization, at its most talkative, holds no key."""
    caplog.set_level(logging.DEBUG, "rp_finalizer")
    caplog.set_level(logging.DEBUG, "urllib3")
    seen: list[Any] = []
    with connected(marked.url, key=KEY) as client:
        start_run(client)
        client.log("1", "a log that waits")
        if (broken := FAULTS[fault]) is not None:
            # The client asks by itself, whenever that may be, for the server's version, and logs what it was answered.
            others = tuple(kind for kind in CallKind if kind not in {CallKind.ANY, CallKind.INFO})
            marked.add_fault(replace(broken, kind=others) if broken.kind == CallKind.ANY else broken)
        try:
            with finalizing(
                client, **QUICK | {"timeout": 0.5}, strict=True, report_file=tmp_path / "report"
            ) as finalizer:
                seen += [repr(finalizer), repr(finalizer.settings)]
        except FinalizationFailed as error:
            seen += ["".join(traceback.format_exception(error)), repr(error), error.report.to_json()]
    seen += [repr(finalizer.report), caplog.text, tmp_path.joinpath("report").read_text(encoding="utf-8")]
    assert KEY not in "\n".join(seen)


def test_secrets_are_hidden_in_every_spelling() -> None:
    """A server that echoes its request shows secrets as a form, a URL, JSON or base64 has them; none is passed on."""
    oauth = OAuth("https://sso.example.com", "ann", 'p@ss&word 1/\u00e9"', "ui", "ui+man s", None)
    grant = PasswordGrant(oauth, Transport())
    for secret in (oauth.password, oauth.client_secret):
        assert secret is not None
        basic = b64encode(f"ui:{quote(oauth.client_secret or '', safe='')}".encode()).decode()
        spellings = [secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], basic]
        spellings.append(b64encode(secret.encode()).decode())
        for spelling in spellings:
            assert grant.masked(f"<{spelling}>") == "<****>"


def test_settings_show_that_a_key_is_set_and_not_which() -> None:
    """Everybody may print the settings."""
    settings = Settings.load(environ={"RP_API_KEY": KEY, "RP_OAUTH_PASSWORD": PASSWORD}, directory="/")
    assert_no_secret(f"{settings!r} {settings} {settings.origins}")
    assert "****" in repr(settings)
    with pytest.raises(SettingsError) as caught:
        LaunchFinalizer(settings=settings)
    assert_no_secret(f"{caught.value!r} {caught.value}")
