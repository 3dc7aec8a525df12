"""Pages about one's own account, and the one that stands in where there is no network: static, in no index; scripts fill them.

Their forms talk to the API. A secret that a mail's link bears stands behind its number sign, so no page here ever knows one.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from builder.catalog import keys
from builder.pages.page import HTML, PAGES, Head, Kind, Page, Site
from edge.address import Path

ACCOUNT = Kind("account", "catalog", HTML, PAGES, "account.html")
KINDS = (ACCOUNT,)


class Form(NamedTuple):
    """Which page it is: ``page.name`` chooses its forms."""

    name: str
    title: str
    about: str


def pages(site: Site) -> Iterator[Page]:
    """The account's pages."""
    words = site.words
    forms = {
        "/account/": Form("own", words.gettext("Your account"), words.gettext("Log in, or see your account.")),
        "/account/register/": Form("register", words.gettext("Make an account"), words.gettext(
            "An account keeps your place in every lecture.")),
        "/account/confirm/": Form("confirm", words.gettext("Confirm your account"), words.gettext("The last step of making an account.")),
        "/account/reset/": Form("reset", words.gettext("Forgot your password?"), words.gettext("Ask for a link to set a new password.")),
        "/account/password/": Form("password", words.gettext("Set a new password"), words.gettext(
            "Set the password that a mail was about.")),
        "/account/email/": Form("email", words.gettext("Confirm your new address"), words.gettext(
            "Confirm the address that a mail went to.")),
        "/account/kept/": Form("kept", words.gettext("Lectures you keep"), words.gettext("See the lectures that you keep.")),
        "/account/history/": Form("history", words.gettext("What you watched"), words.gettext(
            "See what you watched and where you are in it.")),
        "/account/settings/": Form("settings", words.gettext("Password and address"), words.gettext(
            "Change your password or e-mail address.")),
        "/account/sessions/": Form("sessions", words.gettext("Where you are logged in"), words.gettext(
            "See each browser that is logged in, and log it out.")),
        "/account/data/": Form("data", words.gettext("Your data"), words.gettext("Take your data with you, or delete your account.")),
    }
    for path, form in forms.items():
        yield Page(Path(path), ACCOUNT, [keys.SITE], "", form, Head(form.title, form.about, noindex=True, section="account"))
