"""Who comes in, by which door, and what those are told who do not."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site, Watched
from tests.web.provider import CLIENT, SECRET, Provider, provider


def test_a_link_signs_in_once(open_app: Callable[..., Page], console: Watched, site: Site) -> None:
    console.expected += ["401"]
    link = site.client.post("/api/v1/people/demo-manager/link").json()["path"]
    page = open_app(site, signed_in=False)
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Screens")).to_be_visible()
    assert "#" not in page.url


def test_whoever_forgot_a_password_gets_a_new_link_from_the_administrator(
    open_app: Callable[..., Page], console: Watched, peopled: Site
) -> None:
    console.expected += ["401"]
    page = open_app(peopled)
    page.goto("/settings")
    page.get_by_role("tab", name="People").click()
    page.get_by_role("button", name="New sign-in link for Anna").click()
    link = page.get_by_role("listitem").filter(has_text="Anna").get_by_role("code").inner_text()
    own = open_app(peopled, signed_in=False)
    own.goto(link)
    own.get_by_role("button", name="Sign in").click()
    expect(own.get_by_role("navigation", name="Screens")).to_be_visible()


@pytest.fixture(scope="module")
def organisation() -> Iterator[Provider]:
    """A provider of accounts that runs; it knows the site's manager."""
    with provider() as running:
        running.claims["email"] = "manager@demo.invalid"
        yield running


@pytest.fixture(scope="module")
def with_accounts(new_site: Callable[..., Site], organisation: Provider) -> Iterator[Site]:
    """A server where people sign in with the accounts of their organisation."""
    settings = {"oidc_issuer": organisation.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    site = new_site(**settings)
    yield site
    site.stop()


def test_the_organisation_s_button_signs_in(
    open_app: Callable[..., Page], console: Watched, with_accounts: Site
) -> None:
    console.expected += ["401"]
    page = open_app(with_accounts, signed_in=False)
    page.goto("/")
    page.get_by_role("link", name="Sign in with your organisation").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Today")


@pytest.mark.parametrize(("language", "button", "reason"), [
    ("en", "Sign in with your organisation", "nobody here has added you"),
    ("zh", "使用单位账号登录", "此处尚未添加您"),
])  # fmt: skip
def test_whoever_is_not_let_in_reads_why_and_can_sign_in_otherwise(
    open_app: Callable[..., Page], console: Watched, with_accounts: Site, organisation: Provider, language: str,
    button: str, reason: str,
) -> None:  # fmt: skip
    console.expected += ["401"]
    organisation.claims |= {"sub": "a stranger", "email": "stranger@example.org"}
    page = open_app(with_accounts, language, signed_in=False)
    page.goto("/")
    page.get_by_role("link", name=button).click()
    expect(page.get_by_role("alert")).to_contain_text(reason)
    expect(page.get_by_role("link", name=button)).to_be_visible()
    link = with_accounts.client.post("/api/v1/people/demo-manager/link").json()["path"]
    page.goto(link)
    page.locator("form button[type=submit]").click()
    expect(page.get_by_role("navigation")).to_be_visible()
    assert "refused" not in page.url


def test_an_administrator_makes_another_site_and_is_led_there(
    open_app: Callable[..., Page], with_accounts: Site
) -> None:
    page = open_app(with_accounts)
    page.goto("/settings")
    page.get_by_label("Name of the site").fill("Harbour")
    page.get_by_role("button", name="Make the site").click()
    expect(page.get_by_role("combobox", name="Site").get_by_role("option", selected=True)).to_have_text("Harbour")
