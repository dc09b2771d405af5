"""Exchange and Microsoft 365: what they ask for, on every surface."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio

from tests.checks.exchanging import PASSWORD
from tests.checks.exchanging import serve as serve_exchange
from tests.checks.test_m365 import ADMIN as MAIL_ADMIN
from tests.checks.test_m365 import DOMAIN, HOST, OTHER, serve
from tests.servers.identity import APP, FABRIKAM, USER_CODE, PersonScript, TenantScript
from tests.servers.world import World
from tests.stories.stage import ADMIN, Stage


@dataclass(frozen=True, slots=True)
class Microsoft:
    """Where the identity platform of this world is."""

    authority: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def microsoft(shared: World) -> AsyncIterator[Microsoft]:
    shared.domain(DOMAIN)
    tenants = {DOMAIN: TenantScript(), OTHER: TenantScript(id=FABRIKAM)}
    server = await serve(shared, tenants=tenants, person=PersonScript(roles=()))
    yield Microsoft(f"https://{HOST}:{server.port}")


async def test_an_exchange_is_asked_for_address_account_and_mailbox(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    domain = stage.domain("exchange")
    admin, taro, host = f"admin@{domain}", f"taro@{domain}", f"mail.{domain}"
    server = await serve_exchange(
        stage.world, host, accounts={admin: PASSWORD}, mailboxes={taro: "NoError"}, dns=domain
    )
    address = f"https://{host}:{server.port}/EWS/Exchange.asmx"
    async with stage.bot():
        await ann.begin(f"Exchange {domain}")
        sheet = await ann.sheet(await ann.hears("talk.ask_ews"), "exchange")
        assert set(sheet.fields) == {"ews", "account", "mailbox"}
        errors = await sheet.send(ews="not an address", account=admin, mailbox=taro)
        assert set(errors) == {"ews"}
        assert "https://" in errors["ews"], "an example shows how it should look"
        assert await sheet.send(ews=address, account=admin, mailbox=taro) == {}
        await ann.report(1)
        assert await ann.type(PASSWORD)
        last = await ann.report(2)
        report = await stage.kept(last.case)
        assert (report.verdict, report.cause) == ("pass", None)
        assert [step.status for step in report.steps if step.id == "ews.impersonation"] == ["pass"]
        assert admin in last.text, "in the form that the migration page wants"


async def test_the_administrator_is_asked_for_and_no_password(stage: Stage, microsoft: Microsoft) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot(MIGCHECK_M365__AUTHORITY=microsoft.authority):
        await ann.begin(f"Microsoft 365 {DOMAIN}")
        first = await ann.report()
        report = await stage.kept(first.case)
        assert (report.verdict, report.scenario) == ("pass", "m365")
        asked = await ann.hears("talk.ask_m365_admin")
        sheet = await ann.sheet(asked, next(name for name in asked.actions if name.startswith("form."))[5:])
        assert await sheet.send(account=f"admin@{OTHER}") == {}
        second = await ann.report(1)
        assert (await stage.came_to(second))[1:] == ("domain.input", "input.domain_mismatch")
        assert not [seen for seen in ann.sees() if {"secret", "form.secret"} & {*seen.actions, *seen.links}]


async def test_a_sign_in_by_a_code(stage: Stage, microsoft: Microsoft) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot(MIGCHECK_M365__AUTHORITY=microsoft.authority, MIGCHECK_M365__CLIENT_ID=APP):
        await ann.begin(f"Microsoft 365 {DOMAIN} {MAIL_ADMIN}")
        await ann.press(await ann.report(), "signin")
        told = await ann.hears("talk.sign_in", account=MAIL_ADMIN)
        assert USER_CODE in told.text
        second = await ann.report(1)
        assert (await stage.came_to(second))[1:] == ("m365.consent", "m365.admin_required")
