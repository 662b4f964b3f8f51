"""Checkpoints: what a primary had beside what it has saved is there after it has left, or was lost."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from cletus import Dialogue, events, step
from cletus.cluster import checkpoint
from cletus.cluster.checkpoint import CLIENT, GATEWAY, TIMER, SavedDigests
from cletus.cluster.gateway_door import RemoteTransport
from cletus.cluster.primary_ledger import PrimaryLedger
from cletus.cluster.resumption import Resumption
from cletus.restart.snapshot import object_state
from cletus.service.lifecycle import State
from cletus.storage import Field, Store, TempStoreMixin
from cletus.testing import Log
from tests.cluster.test_primary import House, Process


class Order(Dialogue):
    """Asks twice, and may have another one first."""

    dish = Field("")

    @step("Dish? ")
    def ask_dish(self, line: str) -> Any:
        if line == "more":
            return self.call(Order(), then=self.also)
        self.dish = line
        return self.ask_drink

    @step("Drink? ")
    def ask_drink(self, line: str) -> Any:
        self.client.write(f"{self.dish} and {line}")
        return self.done(self.dish)

    @step("Also? ")
    def also(self, line: str) -> Any:
        self.client.write(f"also {line}")
        return self.done()


class Note:
    """A plain object of the application."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.next: Any = None


class Talker(Process):
    """A small application.

    Attributes:
        rung: the bells that have rung here.
        lost: reasons for which people have left.
    """

    def __init__(self, house: House, **settings: Any) -> None:
        super().__init__(house, reload_modules=(__name__,), **settings)
        self.rung: list[str] = []
        self.lost: list[str] = []
        self.again: list[str] = []
        rung = self.rung

        def ring(self: Any, words: str = "") -> None:
            rung.append(words or self.key)

        self.hero: Any = type(
            "Hero",
            (Store,),
            {
                "service": self.service,
                "score": Field(0),
                "mood": Field("", session=True),
                "client": Field(None, session=True),
                "bell": Field(None, session=True),
                "friend": Field(None, session=True),
                "ring": ring,
            },
        )
        bases: Any = (TempStoreMixin, Store)
        self.ghost: Any = type("Ghost", bases, {"service": self.service, "age": Field(0)})
        self.service.listen(events.Disconnect)(lambda event: self.lost.append(event.reason))

    def _connected(self, event: Any) -> None:
        hero = event.client.user = self.hero("ann")
        hero.client = event.client

    async def _received(self, event: Any) -> None:
        client, line = event.client, event.data
        self.heard.append(line)
        if event.again:
            self.again.append(line)
        match line.split():
            case ["order"]:
                client.start_dialogue(Order())
            case ["ask"]:
                first = await client.ask("First? ")
                client.write(f"{first} to {await client.ask('Second? ')}")
            case ["run"]:
                client.write(f"it was {await client.run_dialogue(Order())}")
            case _:
                client.write(f"You said {line}")

    @property
    def ann(self) -> Any:
        return self.hero.manager.get_active("ann")


@pytest.fixture
def house(log: Log) -> House:
    return House()


def primary(house: House, **settings: Any) -> Talker:
    talker = Talker(house, **settings)
    talker.start()
    house.until(lambda: talker.is_primary)
    return talker


def lost(house: House, first: Talker) -> Talker:
    """The next primary, after this one was lost."""
    first.bus.cut()
    return primary(house)


def handed_over(house: House, first: Talker) -> Talker:
    """The next primary, to which this one has handed over."""
    second = Talker(house)
    second.start()
    house.advance(2)
    first.service.stop()
    house.until(lambda: second.is_primary)
    return second


def pieces(house: House, process: Process) -> dict[str, bytes]:
    values: list[Any] = []
    process.bus.session().addCallback(values.append)
    house.until(lambda: values)
    session: dict[str, bytes] = values[0]
    return session


def names(house: House, process: Process, start: str = "") -> set[str]:
    return {name for name in pieces(house, process) if name.startswith(start)}


NEXT = pytest.mark.parametrize("next_primary", [lost, handed_over])


# -- what is carried ------------------------------------------------------------------------------


@NEXT
def test_c8_c9_session_state_is_carried(house: House, next_primary: Any) -> None:
    """Fields, attributes, who refers to whom, and objects that are never saved."""
    first = primary(house)
    ann = house.gateway().connect()
    house.advance(1)
    hero, client = first.ann, first.ann.client
    hero.save()
    hero.score, hero.mood = 1, "glad"
    hero.friend = first.hero("bob")
    note = client.note = Note("one")
    note.next = note
    first.ghost("eve").age = 7
    first.service.weather = {"rain": 3, ("a", 1): {2}}
    house.advance(6)
    second = next_primary(house, first)
    house.advance(2)
    hero = second.ann
    assert hero is not first.ann
    assert (hero.score, hero.mood) == (1, "glad")
    assert hero.friend is second.hero.manager.get_active("bob")
    (present,) = second.service.clients
    assert hero.client is present is not client
    assert present.user is hero
    assert present.note.words == "one"
    assert present.note.next is present.note
    assert second.ghost.manager.get_active("eve").age == 7
    assert second.service.weather == {"rain": 3, ("a", 1): {2}}
    ann.says("hello")
    house.advance(1)
    assert "You said hello" in ann.transcript
    assert second.lost == []


@NEXT
def test_c8_c9_who_is_in_a_dialogue_stays_at_their_step(house: House, next_primary: Any) -> None:
    first = primary(house)
    ann = house.gateway().connect()
    house.advance(1)
    for line in ("order", "soup"):
        ann.says(line)
        house.advance(1)
    house.advance(6)
    second = next_primary(house, first)
    assert [dialogue.step for dialogue in second.ann.client.dialogues] == ["ask_drink"]
    ann.says("tea")
    house.advance(2)
    assert "soup and tea" in ann.transcript
    assert "renewed" not in ann.transcript
    assert second.heard == []


def test_c8_a_stack_of_dialogues_is_carried(house: House) -> None:
    first = primary(house)
    ann = house.gateway().connect()
    house.advance(1)
    for line in ("order", "more", "rice"):
        ann.says(line)
        house.advance(1)
    second = handed_over(house, first)
    for line in ("milk", "nuts"):
        ann.says(line)
        house.advance(1)
    assert "rice and milk" in ann.transcript
    assert second.ann.client.dialogues == []


def test_c8_no_line_is_lost_or_handled_twice(house: House) -> None:
    first = primary(house)
    ann = house.gateway().connect()
    house.advance(1)
    second = Talker(house)
    second.start()
    house.advance(2)
    ann.says("one")
    house.advance(0.05)
    first.service.stop()
    for number in range(20):
        ann.says(f"line {number}")
        house.advance(0.05)
    house.until(lambda: second.is_primary)
    house.advance(2)
    assert first.heard + second.heard == ["one", *(f"line {number}" for number in range(20))]
    assert ann.connected


def test_c10_a_line_whose_handling_the_crash_cuts_off_is_handled_once_more(house: House) -> None:
    """The next primary says so to the application; what the first has said of it has reached nobody."""
    first = primary(house)
    ann = house.gateway().connect()
    ann.says("before")
    house.until(lambda: first.heard == ["before"])
    house.advance(1)
    first.service.listen(events.Receive)(lambda _: first.bus.cut())
    ann.says("one", "two")
    house.advance(1)
    second = primary(house)
    house.advance(1)
    assert first.heard == ["before", "one"]
    assert second.heard == second.again == ["one", "two"]
    assert first.again == []
    assert [ann.transcript.count(f"You said {line}") for line in second.heard] == [1, 1]


@NEXT
def test_c8_a_conversation_starts_again(house: House, next_primary: Any) -> None:
    """As after a reload: its state is a frame. The answers that were given are asked for again."""
    first = primary(house)
    ann = house.gateway().connect()
    house.advance(1)
    for line in ("ask", "red"):
        ann.says(line)
        house.advance(1)
    house.advance(6)
    next_primary(house, first)
    house.advance(1)
    assert ann.transcript.count("First?") == 2
    assert "renewed" in ann.transcript
    for line in ("green", "blue"):
        ann.says(line)
        house.advance(1)
    assert "green to blue" in ann.transcript


def test_c8_a_listener_that_runs_a_dialogue_starts_again_with_it(house: House) -> None:
    first = primary(house)
    ann = house.gateway().connect()
    house.advance(1)
    for line in ("run", "rice"):
        ann.says(line)
        house.advance(1)
    second = handed_over(house, first)
    house.advance(1)
    assert [dialogue.step for dialogue in second.ann.client.dialogues] == ["ask_dish"]
    for line in ("soup", "tea"):
        ann.says(line)
        house.advance(1)
    assert "it was soup" in ann.transcript


def test_c8_the_report_names_what_could_not_go(house: House, log: Log) -> None:
    first = primary(house)
    house.gateway().connect()
    house.advance(1)
    first.ann.mood = open  # a function of the standard library
    first.ann.client.file = (number for number in ())
    first.service.call_later(60, lambda: None)
    house.advance(12)
    second = Talker(house)
    second.start()
    house.advance(2)
    answers: list[Any] = []
    Deferred.fromCoroutine(first.service.lifecycle.cluster.hand_over()).addBoth(answers.append)
    house.until(lambda: answers)
    words = " ".join(answers[0])
    assert "store hero, mood" in words
    assert "client, file" in words
    assert "timer " in words
    assert log.text.count("client, file is not kept") == 1
    house.until(lambda: second.is_primary)
    assert second.ann.mood == ""


def test_c8_the_report_is_about_what_is_there_when_it_is_asked_for(house: House) -> None:
    """Not about the round of the checkpoint before: what has come since is named, what has gone is not."""
    first = primary(house)
    house.gateway().connect()
    house.advance(1)
    first.ann.client.old = (number for number in ())
    house.advance(12)
    Talker(house).start()
    house.advance(2)
    del first.ann.client.old
    first.ann.client.new = (number for number in ())
    order: Any = Order()
    first.ann.client.start_dialogue(order)
    order.extra = (number for number in ())
    never: Deferred[None] = Deferred()

    @first.service.listen(events.Gmcp)
    async def works(_event: events.Gmcp) -> None:
        await never

    first.service.fire(events.Gmcp(first.service, first.ann.client, "A.B", 1))
    answers: list[Any] = []
    Deferred.fromCoroutine(first.service.lifecycle.cluster.hand_over()).addBoth(answers.append)
    house.until(lambda: answers)
    words = " ".join(answers[0])
    assert "client, new: " in words
    assert "client, old" not in words
    assert "client, dialogue 0, <" in words
    assert "works is at work for <Client 1" in words


def test_c8_a_handover_saves_what_is_not_saved_and_nothing_else(house: House) -> None:
    """People wait for it, and each write costs a flush of the disk."""
    first = primary(house)
    saved, changed, unsaved = (first.hero(key) for key in ("ann", "bob", "eve"))
    saved.save()
    changed.save()
    house.advance(6)
    saved.mood, changed.score, unsaved.score = "glad", 2, 3
    written: list[str] = []
    backend = first.service.session.writer.backend
    write_many = backend.write_many
    backend.write_many = lambda documents: (  # type: ignore[method-assign]
        written.extend(document.key for document in documents),
        write_many(documents),
    )[1]
    second = handed_over(house, first)
    assert written == ["bob", "eve"]
    heroes = second.hero.manager.active()
    assert [heroes[key].score for key in ("ann", "bob", "eve")] == [0, 2, 3]
    assert heroes["ann"].mood == "glad"


def test_a_handover_looks_at_each_object_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is of one moment anyway; in rounds, a client's user is looked at again right after them."""
    first = primary(house)
    house.gateway().connect()
    house.advance(6)
    looks: list[str] = []
    monkeypatch.setattr(
        checkpoint, "object_state", lambda obj: (looks.append(obj.key), object_state(obj))[1]
    )
    first.service.lifecycle.cluster.door.checkpoints.send_all()
    assert looks == ["ann"]


# -- after a crash --------------------------------------------------------------------------------


def test_c9_state_is_at_most_session_interval_old(house: House) -> None:
    first = primary(house, session_interval=3.0)
    house.gateway().connect()
    house.advance(1)
    hero = first.ann
    hero.save()
    for number in range(200):
        hero.score = hero.mood = number
        house.advance(0.1)
    second = lost(house, first)
    assert second.ann.score == second.ann.mood
    assert 199 - 31 <= second.ann.score <= 199


def test_c9_a_save_is_never_taken_back(house: House) -> None:
    """Not by a checkpoint that is older, though its primary was lost before it could say so."""
    first = primary(house)
    hero = first.hero("ann")
    hero.save()
    hero.score, hero.mood = 1, "glad"
    house.advance(6)
    hero.score, hero.mood = 2, "sad"
    hero.save()
    second = lost(house, first)
    assert (second.ann.score, second.ann.mood) == (2, "glad")


def test_c9_an_object_that_was_never_saved_is_there(house: House) -> None:
    first = primary(house)
    first.hero("ann").score = 5
    house.advance(6)
    second = lost(house, first)
    assert second.ann.score == 5
    assert list(second.hero.manager.active()) == ["ann"]
    assert second.hero.manager.keys() == []


def test_c9_what_was_deleted_stays_deleted(house: House) -> None:
    first = primary(house)
    hero = first.hero("ann")
    hero.save()
    house.advance(6)
    hero.delete()
    second = lost(house, first)
    assert second.ann is None


def test_c9_who_came_after_the_checkpoint_comes_in_by_their_label(house: House) -> None:
    first = primary(house, session_interval=60.0)
    house.advance(3)
    ann = house.gateway().connect()
    house.advance(1)
    first.ann.save()
    second = lost(house, first)
    house.advance(2)
    assert len(second.service.clients) == 1
    ann.says("hello")
    house.advance(1)
    assert second.heard == ["hello"]


def test_c9_who_has_left_after_the_checkpoint_is_gone(house: House) -> None:
    first = primary(house)
    ann = house.gateway().connect()
    house.advance(6)
    first.bus.cut()
    ann.hangs_up()
    second = primary(house)
    house.advance(2)
    assert second.lost == ["connection lost"]
    assert list(second.service.clients) == []


def test_c9_who_has_answered_after_the_checkpoint_is_asked_again(house: House) -> None:
    """Their dialogue is where the checkpoint has it; nothing that they typed is taken for the answer."""
    first = primary(house)
    ann = house.gateway().connect()
    house.advance(1)
    ann.says("order")
    house.advance(6)
    house.until(lambda: first.bus.waiting == 0)
    ann.says("soup")
    house.advance(0.05)
    first.bus.cut()
    ann.says("tea")
    second = primary(house)
    house.advance(2)
    assert [dialogue.step for dialogue in second.ann.client.dialogues] == ["ask_dish"]
    assert "renewed" in ann.transcript
    assert ann.transcript.count("Dish?") == 2
    assert second.heard == []


def test_c9_a_dialogue_that_has_ended_after_the_checkpoint_is_over(house: House) -> None:
    first = primary(house, session_interval=20.0)
    ann = house.gateway().connect()
    house.advance(1)
    ann.says("order")
    house.until(lambda: f"{CLIENT}1" in pieces(house, first) or house.advance(1))
    house.advance(20)
    for line in ("soup", "tea"):
        ann.says(line)
        house.advance(0.2)
    second = lost(house, first)
    ann.says("hello")
    house.advance(2)
    assert second.ann.client.dialogues == []
    assert second.heard == ["hello"]


def test_c9_a_connection_is_one_client_though_two_pieces_have_it(house: House) -> None:
    """A primary was lost before it could remove the piece of the one before."""
    first = primary(house)
    house.gateway().connect()
    house.advance(6)
    client = first.ann.client
    session = house.engine.memory.session
    before = session[f"{CLIENT}{client.id}"]
    first.service.connections.next_id = 9
    first.service.connections.clients.pop(client)
    object.__setattr__(client, "id", 9)
    first.service.connections.clients[client] = None
    house.advance(6)
    session[f"{CLIENT}1"] = before
    second = lost(house, first)
    house.advance(2)
    assert [client.id for client in second.service.clients] == [9]


def test_c9_a_save_that_a_later_one_follows_does_not_win_over_the_checkpoint(house: House) -> None:
    """Both were on their way when it was taken, and the crash came between them."""
    first = primary(house)
    hero = first.hero("ann")
    digests = SavedDigests(first.service.session.writer)
    threads: list[Any] = []

    def in_thread(call: Any, *args: Any) -> Deferred[Any]:
        threads.append(partial(call, *args))
        return Deferred()

    first.service.session.writer._in_thread = in_thread
    for score in (1, 2):
        hero.score = score
        hero.save_soon().addErrback(lambda _: None)
        house.advance(0.1)
    (write,) = threads
    bases = digests.bases_of(type(hero).schema, "ann")
    write()
    assert digests.of(type(hero).schema, "ann") in bases


def test_c9_what_is_saved_while_a_digest_is_read_is_the_one_that_counts(house: House) -> None:
    """The thread of the writer has saved another text before that of the reactor knows the former."""
    first = primary(house)
    hero = first.hero("ann")
    hero.save()
    digests = SavedDigests(first.service.session.writer)
    backend = first.service.session.writer.backend
    read = backend.read

    def slow(store: str, key: str) -> bytes:
        data = read(store, key)
        digests.note(store, key, b"of the later one")
        return data

    backend.read = slow  # type: ignore[method-assign]  # it is slow here
    assert digests.of(type(hero).schema, "ann") == b"of the later one"


def test_c9_digests_are_noted_while_others_are_forgotten(house: House) -> None:
    first = primary(house)
    digests = SavedDigests(first.service.session.writer)
    digests.note("hero", "ann", b"1")
    digests.note("hero", "bob", b"1")

    def names() -> Any:
        yield "hero", "ann"
        digests.note("hero", "ann", b"2")  # by the thread of the writer

    digests.keep_only(names())
    assert digests.of(first.hero.schema, "ann") == b"2"


def test_c9_it_survives_two_of_them(house: House) -> None:
    first = primary(house)
    hero = first.hero("ann")
    hero.save()
    hero.score, hero.mood = 1, "glad"
    house.advance(6)
    third = lost(house, lost(house, first))
    assert (third.ann.score, third.ann.mood) == (1, "glad")


@pytest.mark.parametrize("is_known", [False, True])
def test_c9_people_of_a_gateway_that_is_gone_have_lost_their_link(
    house: House, is_known: bool
) -> None:
    """Whether the engine knows of its end already, or it is silent."""
    first = primary(house)
    house.gateway().connect()
    house.advance(6)
    house.gateway_bus.cut()
    if is_known:
        house.engine.memory.nodes.pop("g")
    second = lost(house, first)
    house.advance(8)
    assert second.lost == ["gateway lost"]
    assert second.service.state is State.RUNNING


@NEXT
def test_c3_c7_a_gateway_that_was_lost_does_not_tell_lines_twice(
    house: House, next_primary: Any
) -> None:
    """It has not read that they were handled, and comes back to the next primary."""
    first = primary(house)
    ann = house.gateway().connect()
    house.advance(6)
    house.gateway_bus.cut(loses_answers=True)
    ann.says("one")
    house.until(lambda: first.heard)
    house.gateway_bus.cut()
    house.until(lambda: first.lost)
    second = next_primary(house, first)
    ann.says("two")
    house.gateway_bus.mend()
    house.until(lambda: second.heard)
    house.advance(6)
    assert second.heard == ["two"]
    assert not names(house, second, GATEWAY)


@NEXT
def test_c7_the_next_primary_knows_what_a_lost_gateway_has_shown(
    house: House, next_primary: Any
) -> None:
    """It had not confirmed it yet, so the primary before has counted it as missed."""
    first = primary(house)
    ann = house.gateway().connect()
    house.advance(6)
    first.ann.client.write("read just before")
    house.until(lambda: "read just before" in ann.transcript)
    house.gateway_bus.cut()
    first.ann.client.write("while it is silent")
    house.until(lambda: first.lost)
    second = next_primary(house, first)
    house.gateway_bus.mend()
    house.until(lambda: second.service.clients)
    (client,) = second.service.clients
    assert client.shown_after_all() == ["read just before"]


# -- timers ---------------------------------------------------------------------------------------


def test_c11_a_timer_fires_once_over_a_handover(house: House) -> None:
    first = primary(house)
    hero = first.hero("ann")
    hero.bell = first.service.call_later(10, hero.ring, "ding")
    first.service.every(4, hero.ring, "tick")
    begun = house.clock.seconds()
    house.advance(1)
    second = handed_over(house, first)
    assert (first.rung, second.rung) == ([], [])
    assert 6 < second.ann.bell.remaining < 9
    house.advance(9)
    assert first.rung == []
    assert second.rung.count("ding") == 1
    assert second.rung.count("tick") == int((house.clock.seconds() - begun) / 4)
    assert names(house, second, TIMER) != set()


def test_c11_a_timer_that_came_due_meanwhile_fires_late_and_once(house: House) -> None:
    first = primary(house)
    hero = first.hero("ann")
    first.service.call_later(10, hero.ring, "ding")
    first.service.every(2, hero.ring, "tick")
    house.advance(8)
    first.bus.cut()
    house.advance(15)
    second = primary(house)
    house.advance(0.1)
    assert second.rung.count("ding") == 1
    assert second.rung.count("tick") == 1
    house.advance(4)
    assert second.rung.count("ding") == 1
    assert second.rung.count("tick") == 3


def test_c11_one_of_the_last_session_interval_may_fire_again(house: House) -> None:
    """And one that has fired before is not known to the next primary."""
    first = primary(house)
    hero = first.hero("ann")
    first.service.call_later(3, hero.ring, "early")
    first.service.call_later(20.5, hero.ring, "late")
    house.advance(21)
    assert first.rung == ["early", "late"]
    second = lost(house, first)
    house.advance(10)
    assert second.rung in ([], ["late"])


def test_c11_a_standby_has_no_timers(house: House) -> None:
    first = primary(house)
    hero = first.hero("ann")
    first.service.every(1, hero.ring)
    second = Talker(house)
    second.start()
    house.advance(10)
    assert second.rung == []


# -- what crosses the bus -------------------------------------------------------------------------


def test_it_is_sent_when_it_differs(house: House) -> None:
    """And not in each round."""
    first = primary(house)
    house.gateway().connect()
    hero = first.hero("bob")
    hero.save()
    first.service.call_later(1000, hero.ring)
    house.advance(12)
    sent: list[Any] = []
    checkpoint = first.bus.checkpoint
    first.bus.checkpoint = lambda epoch, values, removed=(): (  # type: ignore[method-assign]
        sent.append((values, removed)),
        checkpoint(epoch, values, removed),
    )[1]
    house.advance(30)
    assert sent == []
    hero.mood = "glad"
    house.advance(30)
    assert [list(values) for values, _ in sent] == [["hero/bob"]]


def test_what_is_gone_is_removed(house: House) -> None:
    first = primary(house)
    ann = house.gateway().connect()
    timer = first.service.call_later(1000, first.hero("bob").ring)
    first.service.word = 1
    house.advance(6)
    assert {"hero/bob", f"{CLIENT}1", f"{TIMER}1", ":service/word"} <= names(house, first)
    timer.cancel()
    ann.hangs_up()
    first.hero.manager.remove_active(first.hero.manager.get_active("bob"))
    del first.service.word
    house.advance(11)
    assert names(house, first) == {":facts", "hero/ann"}


def test_the_last_primary_leaves_nothing(house: House) -> None:
    """All is saved; who starts tomorrow begins with that."""
    first = primary(house)
    first.hero("ann").mood = "glad"
    house.advance(6)
    first.service.stop()
    house.advance(5)
    assert house.engine.memory.session == {}


def test_an_engine_that_forgot_gets_it_again(house: House) -> None:
    first = primary(house)
    first.hero("ann").score = 1
    house.advance(11)
    house.engine.forget()
    house.advance(11)
    assert "hero/ann" in names(house, first)


def test_an_interval_of_zero_keeps_nothing(house: House) -> None:
    first = primary(house, session_interval=0)
    first.hero("ann").score = 1
    house.advance(20)
    assert pieces(house, first) == {}


def test_many_objects_are_taken_in_slices(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two of them the reactor does what it has to."""
    first = primary(house)
    for number in range(300):
        first.hero(f"u{number}").score = number
    passed = first.service.clock.seconds
    looks = iter(range(10**9))
    monkeypatch.setattr(
        first.service.clock, "seconds", lambda: passed() + next(looks) * 0.0001, raising=False
    )
    sizes: list[int] = []
    checkpoint = first.bus.checkpoint
    first.bus.checkpoint = lambda epoch, values, removed=(): (  # type: ignore[method-assign]
        sizes.append(len(values)),
        checkpoint(epoch, values, removed),
    )[1]
    house.advance(12)
    assert len(names(house, first, "hero/")) == 300
    assert max(sizes) < 100


def test_many_people_are_taken_in_slices(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each as they are then: nobody's connection is from a moment before."""
    first = primary(house)
    gateway = house.gateway()
    for _ in range(100):
        gateway.connect()
    house.advance(1)
    passed = first.service.clock.seconds
    looks = iter(range(10**9))
    monkeypatch.setattr(
        first.service.clock, "seconds", lambda: passed() + next(looks) * 0.0001, raising=False
    )
    slices: list[int] = []
    checkpoints = first.service.lifecycle.cluster.door.checkpoints
    take_slice = checkpoints._slice
    monkeypatch.setattr(checkpoints, "_slice", lambda: (slices.append(0), take_slice())[1])
    snapshot = RemoteTransport.snapshot

    def counted(transport: RemoteTransport) -> dict[str, Any]:
        slices[-1] += 1
        return snapshot(transport)

    monkeypatch.setattr(RemoteTransport, "snapshot", counted)
    house.advance(6)
    assert sum(slices) >= 100
    assert max(slices) < 40


def test_many_objects_are_put_back_in_slices(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two of them the reactor does what it has to; a stop is one of these things."""
    first = primary(house)
    for number in range(300):
        first.hero(f"u{number}").score = number
    house.advance(12)
    session = pieces(house, first)

    def resumed(seconds_a_look: float) -> tuple[Talker, Resumption, list[int]]:
        """Its slices: how many objects have come with each."""
        process = Talker(house)
        service = process.service
        service.reactor = house.clock
        service.lifecycle.state = State.STARTING
        looks = iter(range(10**9))
        passed = type(house.clock).seconds
        monkeypatch.setattr(
            house.clock, "seconds", lambda: passed(house.clock) + next(looks) * seconds_a_look
        )
        resumption = Resumption(service, SavedDigests(service.session.writer), session)
        filled: list[int] = []
        fill = resumption._fill_object
        monkeypatch.setattr(
            resumption, "_fill_object", lambda *args: (filled.append(slices[-1]), fill(*args))
        )
        slices = [0]
        later = house.clock.callLater
        monkeypatch.setattr(
            house.clock,
            "callLater",
            lambda delay, *args: (slices.append(slices[-1] + (delay == 0)), later(delay, *args))[1],
        )
        return process, resumption, filled

    process, resumption, filled = resumed(0.0001)
    done: list[Any] = []
    Deferred.fromCoroutine(resumption.run(lambda _left, _state: None)).addBoth(done.append)
    house.until(lambda: done)
    assert done == [None]
    assert [process.hero.manager.get_active(f"u{n}").score for n in range(300)] == [*range(300)]
    assert max(filled.count(number) for number in set(filled)) < 100
    monkeypatch.undo()
    process, resumption, filled = resumed(0.0001)
    done.clear()
    Deferred.fromCoroutine(resumption.run(lambda _left, _state: None)).addBoth(done.append)
    process.service.lifecycle.state = State.STOPPING
    house.until(lambda: done)
    assert done == [None]
    assert len(filled) < 100


def test_values_that_cannot_be_taken_hinder_no_others(house: House, log: Log) -> None:
    first = primary(house)
    hero = first.hero("ann")
    hero.score, hero.mood, hero.friend = object(), "glad", (n for n in ())
    first.hero("bob").mood = "sad"
    house.advance(6)
    second = lost(house, first)
    assert second.ann.mood == "glad"
    assert second.ann.friend is None
    assert second.hero.manager.get_active("bob").mood == "sad"


@given(st.dictionaries(st.text(max_size=5), st.binary(max_size=20)))
def test_what_cannot_be_read_is_left_out(session: dict[str, bytes]) -> None:
    house = House()
    process = Talker(house)
    process.service.reactor = house.clock
    door: Any = None
    gateways = {f"{GATEWAY}{name}": data for name, data in session.items()}
    resumption: Any = Resumption(process.service, _NoDigests(), session | gateways)
    resumption.restore_gateways(PrimaryLedger(1, lease=1.0, backlog=0))
    Deferred.fromCoroutine(resumption.run(lambda _left, _state: door))


class _NoDigests:
    def note(self, store: str, key: str, digest: bytes) -> None:
        """It is not asked for."""
