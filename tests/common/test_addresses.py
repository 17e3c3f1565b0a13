"""E-mail addresses: how they are typed and exported, and in which form they are compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_graph.common import addresses
from pipedrive_graph.common.addresses import AddressError

SPELLINGS = [
    "p2@corp.example",
    " P2@Corp.Example ",
    "Ana Bell <p2@corp.example>",
    '"Bell, Ana" <p2@corp.example>',
    "\u201cBell, Ana\u201d <p2@corp.example>",
    "p2@corp.example <p2@corp.example>",
    "'p2@corp.example' <p2@corp.example>",
    "<p2@corp.example>",
    "mailto:p2@corp.example",
    "MAILTO:p2%40corp.example?subject=Hello",
    "Ana <mailto:p2@corp.example>",
    "p2\u00ad@corp.example",
    "p2@co\u200brp.example",
    "\ufeffp2@corp.example\u2060",
    "\u00a0p2@corp.example\u00a0",
    "p2@corp.example;",
    "p2@corp.example ; ",
    "\u201cp2@corp.example\u201d",
    "'p2@corp.example'",
    "p2@corp.example; P2@corp.example",
    "p2@corp.example\n",
    "'p2@corp.example",
    "mailto://p2@corp.example",
    "p2\u3164@corp.example",
    "p2@corp\u2800.example",
    "p2\uffa0@corp.example",
    "p2\U000e0041@corp.example",
    "\uff50\uff12@\uff43orp.example",
    "p2\uff20corp.example",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_one_address_in_many_spellings(text: str) -> None:
    assert addresses.comparable(text) == "p2@corp.example"
    assert addresses.is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "jos\u00e9@b\u00fccher.example",
        "jose\u0301@bu\u0308cher.example",
        "JOS\u00c9@B\u00dcCHER.example",
        "jos\u00e9@xn--bcher-kva.example",
        "Jos\u00e9 <jos\u00e9@XN--BCHER-KVA.example>",
    ],
)
def test_other_scripts_and_punycode_are_the_same(text: str) -> None:
    assert addresses.comparable(text) == "jos\u00e9@b\u00fccher.example"


@pytest.mark.parametrize("text", ["o'neil@corp.local", "a..b@corp", "svc_x@a_b.example", "a+b@x.com"])
def test_a_plain_address_is_taken_as_it_is(text: str) -> None:
    assert addresses.read(text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a@x.com, b@x.com", "holds more than one e-mail address"),
        ("a@x.com;b@x.com", "holds more than one e-mail address"),
        ("a@x.com b@x.com", "holds more than one e-mail address"),
        ("a@x.com\nb@x.com", "holds more than one e-mail address"),
        ("a@x.com <b@x.com>", "holds more than one e-mail address"),
        ("Ana <a@x.com>, Ben <b@x.com>", "holds more than one e-mail address"),
        ("p2 at corp.example", "is not an e-mail address"),
        ("n/a", "is not an e-mail address"),
        ("", "is not an e-mail address"),
        ("@", "is not an e-mail address"),
        ("a@", "is not an e-mail address"),
        ("@x.com", "is not an e-mail address"),
        ("a@b@x.com", "is not an e-mail address"),
        ("a @x.com", "is not an e-mail address"),
        ("a@x.com (private)", "is not an e-mail address"),
        ("a@xn--a.example", "is not an e-mail address"),
        ("=a@x.com", "is not an e-mail address"),
        ("-a@x.com", "is not an e-mail address"),
        ("*a@x.com", "is not an e-mail address"),
        ("?a@x.com", "is not an e-mail address"),
    ],
)
def test_what_is_not_exactly_one_address_is_refused(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match=f"^{reason}$"):
        addresses.read(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Corp.Example", "corp.example"),
        (" @corp.example. ", "corp.example"),
        ("xn--bcher-kva.example", "b\u00fccher.example"),
        ("B\u00dcCHER.example", "b\u00fccher.example"),
        ("corp", "corp"),
    ],
)
def test_a_domain(text: str, name: str) -> None:
    assert addresses.domain(text) == name


@pytest.mark.parametrize("text", ["", "@", "a@x.com", "x com", "https://x.com", "*.x.com"])
def test_what_is_no_domain(text: str) -> None:
    with pytest.raises(AddressError, match=r"^is not a domain$"):
        addresses.domain(text)


def test_recipients() -> None:
    assert addresses.recipients('a@x.com, "Bell, Ben" <b@x.com>; c@X.com') == [
        ("", "a@x.com"),
        ("Bell, Ben", "b@x.com"),
        ("", "c@x.com"),
    ]
    with pytest.raises(AddressError, match=r"^'ops' is not an e-mail address$"):
        addresses.recipients("a@x.com, ops")
    with pytest.raises(AddressError, match=r"^'a@x.com b@x.com' is not an e-mail address$"):
        addresses.recipients("a@x.com b@x.com")


@pytest.mark.parametrize("text", ["", " ", ",", " ; ", "\u200b"])
def test_recipients_of_an_empty_list(text: str) -> None:
    with pytest.raises(AddressError, match=r" is not an e-mail address$"):
        addresses.recipients(text)


def test_a_mail_server_gets_ascii_where_it_can_be() -> None:
    assert addresses.deliverable("ana@b\u00fccher.example") == "ana@xn--bcher-kva.example"
    assert addresses.deliverable("jos\u00e9@x.com") == "jos\u00e9@x.com"
    assert addresses.deliverable("Ana@x.com") == "Ana@x.com"


@given(st.text(alphabet=st.sampled_from(list("aZ@.<>,; \"'\u00ad\u200b\u0308\u00fcx-")) | st.characters()))
def test_reading_is_stable_and_fails_in_one_way(text: str) -> None:
    try:
        address = addresses.read(text)
    except AddressError:
        return
    assert addresses.read(address) == address
    compared = addresses.comparable(text)
    assert compared is not None
    assert addresses.comparable(compared) == compared


@pytest.mark.slow
@given(
    st.text(alphabet=st.sampled_from(list("aZ9@.+-_='`*%{xn\u212a\u017f\u0131")), max_size=12)
    | st.from_regex(r"[=*'`a-zA-Z0-9.]{1,4}@(xn--)?[a-zA-Z0-9.-]{1,6}\n?", fullmatch=True)
)
def test_a_plain_address_is_read_as_any_other(text: str) -> None:
    def result(read) -> str:
        try:
            return str(read(text))
        except AddressError as error:
            return f"refused: {error}"

    assert result(addresses.read) == result(addresses._read)
