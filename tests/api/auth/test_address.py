"""One e-mail address has one spelling, and what cannot be one is refused before anything is asked of it."""
from __future__ import annotations

import pytest

from api.auth.email_address import normal
from api.auth.errors import Refused

MOST_BYTES = 254  # RFC 5321 4.5.3.1.3


@pytest.mark.parametrize(("text", "address"), [
    ("ada@school.example", "ada@school.example"),
    (" \tAda.Lovelace+x@School.EXAMPLE\n", "ada.lovelace+x@school.example"),
    ("ａｄａ＠school．example", "ada@school.example"),
    ("straße@school.example", "strasse@school.example"),
    ("Å@school.example", "å@school.example"),
    ("o'hara@mail.school.example", "o'hara@mail.school.example"),
    ("x" * (MOST_BYTES - 4) + "@y.z", "x" * (MOST_BYTES - 4) + "@y.z"),
])
def test_spellings_of_an_address_are_one(text: str, address: str) -> None:
    assert normal(text) == address
    assert normal(address) == address


@pytest.mark.parametrize("text", [
    "", "ada", "@school.example", "ada@", "ada@school", "ada@school.", "ada@.", "ada@@school.example", "ada@school@example.org",
    "ada lovelace@school.example", "ada@school.example, eve@school.example", "<ada@school.example>", "a(b)@school.example",
    "ada@[192.0.2.1]", 'a"b"@school.example', "a:b@school.example", "a;b@school.example", "a\\b@school.example", "ada@school.ex:ample",
    "ada@school.example\r\nBcc: eve@school.example", "a\0da@school.example", "a\u200bda@school.example", "ada@school.exam\u202eple",
    "x" * (MOST_BYTES - 3) + "@y.z", "é" * (MOST_BYTES // 2) + "@y.z"])
def test_what_cannot_be_an_address_is_refused_and_the_field_named(text: str) -> None:
    with pytest.raises(Refused) as refused:
        normal(text)
    assert refused.value.wrong is not None
    assert (refused.value.type.status, refused.value.wrong.field) == (422, "email")
    with pytest.raises(Refused) as refused:
        normal(text, "new_email")
    assert refused.value.wrong is not None
    assert refused.value.wrong.field == "new_email"
