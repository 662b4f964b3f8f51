"""``write_all``: who gets a text, and that it is encoded once for each render profile among them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cletus import Client, Service, events, write_all
from cletus.protocol.charset import Encoder
from cletus.protocol.terminal import Terminal
from cletus.testing import Person

Come = Callable[..., Person]


@pytest.fixture
def people(service: Service, come: Come) -> list[Person]:
    return [come(service) for _ in range(5)]


def heard(people: list[Person]) -> list[str]:
    return [person.new_text() for person in people]


def test_everybody_gets_whole_lines(service: Service, people: list[Person]) -> None:
    service.write_all("a", 1)
    service.write_all()
    assert heard(people) == ["a\n1\n\n"] * 5


def test_one_or_several_may_be_excluded(service: Service, people: list[Person]) -> None:
    service.write_all("a", exclude=people[0].client)
    service.write_all("b", exclude=[people[1].client, people[2].client])
    service.write_all("c", exclude=[])
    service.write_all("d", exclude=None)
    assert heard(people) == ["b\nc\nd\n", "a\nc\nd\n", "a\nc\nd\n", "a\nb\nc\nd\n", "a\nb\nc\nd\n"]


def test_a_filter_says_who_gets_it(service: Service, people: list[Person]) -> None:
    """It is not asked about those who are excluded."""
    asked: list[Client] = []

    def last(client: Client) -> bool:
        asked.append(client)
        return client.id == people[-1].client.id

    service.write_all("a", exclude=people[0].client, filter=last)
    assert heard(people) == ["", "", "", "", "a\n"]
    assert asked == [person.client for person in people[1:]]


def test_any_people_may_be_written_to(people: list[Person]) -> None:
    write_all((person.client for person in people[:2]), "a")
    assert heard(people) == ["a\n", "a\n", "", "", ""]


def test_a_text_is_encoded_once_for_each_encoding(
    service: Service, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many people share it."""
    latin = Encoder("latin-1", network=False)
    for person in people[:2]:
        person.transport.terminal = person.client.terminal = Terminal(latin)
    encoded: list[str] = []
    encode = Encoder.encode

    def counting(self: Encoder, text: str) -> bytes:
        encoded.append(self.charset)
        return encode(self, text)

    monkeypatch.setattr(Encoder, "encode", counting)
    service.write_all("é", "ù")
    assert sorted(encoded) == ["latin-1", "utf-8"]
    for person in people:
        person.new_text()
    assert people[0].transport.sent[-1] == b"\xe9\n\xf9\n"
    assert people[4].transport.sent[-1] == "é\nù\n".encode()


def test_people_may_come_and_go_during_a_broadcast(
    service: Service, people: list[Person], come: Come
) -> None:
    """Those who have gone get nothing, those who have just come are not among its receivers."""
    come_in: list[Person] = []

    def churn(client: Client) -> bool:
        if client is people[0].client:
            people[1].hangs_up()
            people[2].client.close("enough")
            come_in.append(come(service))
        return True

    service.write_all("a", filter=churn)
    assert heard(people) == ["a\n", "", "", "a\n", "a\n"]
    assert come_in[0].new_text() == ""
    assert come_in[0].client in service.clients


def test_what_is_said_of_a_departure_reaches_those_who_stay(
    service: Service, people: list[Person]
) -> None:
    """A broadcast from within Disconnect, while everybody leaves, one upon the other."""

    @service.listen(events.Disconnect)
    def disconnect(event: events.Disconnect) -> None:
        service.write_all(f"{event.client.id} leaves")
        if len(service.clients) > 3:
            service.clients[-1].close("follows")

    people[0].hangs_up()
    for person in people:
        person.new_text()
    assert people[1].screen == "1 leaves\n5 leaves\n"
    assert len(service.clients) == 3


def test_order_is_kept_between_broadcasts_and_words_to_one(
    service: Service, people: list[Person]
) -> None:
    service.write_all("a")
    people[0].client.write("b")
    service.write_all("c")
    assert heard(people) == ["a\nb\nc\n"] + ["a\nc\n"] * 4
