"""The kill switch in a real browser: it needs the token, a reason and the account twice."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import Seen
from tests.ops.console.stub import Stub
from tests.ops.console.tab import ACCOUNT

FIRST = "2026-03-03T14:00:00.000Z"


def test_without_the_token_nothing_can_be_killed(stub: Stub, seen: Seen) -> None:
    page = seen.page
    page.click("#kill-open")
    page.fill("#kill-reason", "drill")
    page.fill("#kill-confirm", ACCOUNT)
    expect(page.locator("#kill-said")).to_contain_text("no token")
    expect(page.locator("#kill-send")).to_be_disabled()
    page.keyboard.press("Enter")
    assert stub.kills == []


def test_a_kill_needs_reason_and_account_and_shows_its_latch(stub: Stub, seen: Seen) -> None:
    page, told = seen.page, {"account": ACCOUNT, "reason": "drill", "confirm": ACCOUNT}
    page.goto(f"{stub.url}#token=s3cret")
    expect(page).to_have_url(stub.url)
    page.click("#kill-open")
    send, said = page.locator("#kill-send"), page.locator("#kill-said")
    page.fill("#kill-confirm", ACCOUNT)
    expect(send).to_be_disabled()
    page.fill("#kill-reason", "drill")
    page.fill("#kill-confirm", ACCOUNT[:-1])
    expect(send).to_be_disabled()
    page.fill("#kill-confirm", ACCOUNT)
    stub.refusal = 403, "another site asked"
    send.click()
    expect(said).to_contain_text("Not done: another site asked")
    stub.refusal, stub.alarms = None, ["the venue does not answer"]
    send.click()
    expect(said).to_contain_text("not sure: the venue does not answer")
    stub.alarms = []
    send.click()
    expect(said).to_contain_text(f"Killed: {ACCOUNT}")
    assert stub.kills == [("Bearer s3cret", told)] * 3
    page.click("#kill-cancel")
    stub.change(kill={"latched": True, "reason": "drill", "since": FIRST})
    expect(page.locator("#banner-kill")).to_contain_text("Kill switch on since 2026-03-03")
    assert all("s3cret" not in name.partition("#")[0] for name in seen.asked)
    seen.said.clear()


def test_of_several_accounts_a_person_chooses(stub: Stub, seen: Seen) -> None:
    page, other = seen.page, "sim-2"
    page.goto(f"{stub.url}#token=s3cret")
    stub.change(accounts=[ACCOUNT, other])
    page.click("#kill-open")
    which, send = page.get_by_label("Account", exact=True), page.locator("#kill-send")
    expect(which).to_be_focused()
    page.fill("#kill-reason", "drill")
    expect(send).to_be_disabled()
    which.select_option(other)
    expect(page.locator("#kill-account")).to_have_text(other)
    stub.change(accounts=["another", ACCOUNT, other])
    page.fill("#kill-confirm", ACCOUNT)
    expect(send).to_be_disabled()
    page.fill("#kill-confirm", other)
    send.click()
    expect(page.locator("#kill-said")).to_contain_text(f"Killed: {other}")
    assert stub.kills == [
        ("Bearer s3cret", {"account": other, "reason": "drill", "confirm": other})
    ]


def test_without_an_account_nothing_can_be_killed(stub: Stub, seen: Seen) -> None:
    stub.change(accounts=[])
    seen.page.click("#kill-open")
    expect(seen.page.locator("#kill-said")).to_contain_text("No account is known yet")
