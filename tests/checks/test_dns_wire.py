"""Plain DNS messages: what is read quickly is what dnspython reads, and nothing that can come makes it fail."""

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.checks.link import dns_message, dns_wire

NAME = "mail.example.test"
LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=12)
HOST = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: ".".join(labels) + ".")
NUMBER = st.integers(0, 65535)
VALUES = {
    "A": st.ip_addresses(v=4).map(str),
    "AAAA": st.ip_addresses(v=6).map(str),
    "MX": st.builds("{} {}".format, NUMBER, HOST | st.just(".")),
    "SRV": st.builds("{} {} {} {}".format, NUMBER, NUMBER, NUMBER, HOST),
}


@st.composite
def answers(draw):
    """A question's kind and a response: aliases, records, an end without any."""
    kind = draw(st.sampled_from(sorted(VALUES)))
    query = dns.message.make_query(NAME, kind, use_edns=0, id=1)
    response = dns.message.make_response(query)
    owner = NAME + "."
    for alias in draw(st.lists(HOST, max_size=3, unique=True)):
        response.answer.append(dns.rrset.from_text(owner, 60, "IN", "CNAME", alias))
        owner = alias
    values = draw(st.lists(VALUES[kind], max_size=4))
    if values:
        response.answer.append(dns.rrset.from_text_list(dns.name.from_text(owner), 60, "IN", kind, values))
    elif draw(st.booleans()):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return kind, response


@given(answers())
def test_quick_and_thorough_reading_agree(made):
    kind, wire = made[0], made[1].to_wire()
    asked = dns_wire.query(NAME, kind)
    quick, thorough = dns_wire.read(wire, asked), dns_message.read(wire, asked)
    assert quick is None or (quick.rcode, quick.answer.outcome, set(quick.answer.records)) == (
        thorough.rcode,
        thorough.answer.outcome,
        set(thorough.answer.records),
    )


@given(answers())
def test_plain_messages_are_read_quickly(made):
    kind, wire = made[0], made[1].to_wire()
    if b"\x05\x00\x01" not in wire:  # aliases may loop
        assert dns_wire.read(wire, dns_wire.query(NAME, kind)) is not None


@given(answers(), st.integers(0, 400), st.binary(max_size=4))
def test_damage_is_survived(made, at, other):
    kind, wire = made[0], made[1].to_wire()
    dns_wire.read(wire[:at] + other + wire[at + len(other) :], dns_wire.query(NAME, kind))


@given(st.binary(max_size=100))
@example(b"\x00\x00\x80\x00\x00\x01\x00\x01\x00\x00\x00\x00" + b"\xc0\x0c" * 20)
def test_garbage_is_no_answer(data):
    assert dns_wire.read(data, dns_wire.query(NAME, "A")) is None


@pytest.mark.parametrize("name", ["", "a..b", "ü.test", "a" * 64 + ".test", "a b.test", ".".join(["abcdefgh"] * 30)])
def test_odd_names_are_not_plain(name):
    assert dns_wire.query(name, "A") is None


def test_the_order_of_preference_is_kept():
    query = dns.message.make_query(NAME, "MX")
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text(NAME + ".", 60, "IN", "MX", "20 a.test.", "10 c.test.", "10 b.test."))
    read = dns_wire.read(response.to_wire(), dns_wire.query(NAME, "MX"))
    assert read.answer.records == ("b.test", "c.test", "a.test")


def test_an_answer_to_another_question_is_none():
    response = dns.message.make_response(dns.message.make_query("other.test", "A"))
    assert dns_wire.read(response.to_wire(), dns_wire.query(NAME, "A")) is None
    assert dns_message.read(response.to_wire(), dns_wire.query(NAME, "A")) is None


def test_a_question_is_what_dnspython_asks():
    ours = dns.message.from_wire(dns_wire.query(NAME, "SRV", unchecked=True).wire(7))
    assert (ours.id, ours.payload, bool(ours.flags & dns.flags.CD)) == (7, dns_wire.PAYLOAD, True)
    assert ours.question == dns.message.make_query(NAME, "SRV").question


def test_an_alias_that_is_asked_for():
    query = dns.message.make_query(NAME, "CNAME", use_edns=0, id=1)
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text(NAME + ".", 60, "IN", "CNAME", "Autodiscover.Outlook.COM."))
    asked = dns_wire.query(NAME, "CNAME")
    for read in (dns_wire.read, dns_message.read):
        assert read(response.to_wire(), asked).answer.records == ("autodiscover.outlook.com",)
