"""A client: what they are sent, what they are asked, and how they leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.task import Clock, deferLater

from cletus import Client, Service, events
from cletus.errors import Disconnected
from cletus.protocol.text import typed_line
from cletus.testing import MemoryTransport, Person
from tests.conftest import Log, result_of

Come = Callable[..., Person]


def echo(service: Service) -> list[str]:
    """The lines that fire ``Receive``, and the reasons of all ``Disconnect`` events."""
    heard: list[str] = []

    @service.listen(events.Receive)
    def receive(event: events.Receive) -> None:
        heard.append(event.data)

    @service.listen(events.Disconnect)
    def disconnect(event: events.Disconnect) -> None:
        heard.append(f"<{event.reason}>")

    return heard


# -- writing ----------------------------------------------------------------------------------------


def test_lines_end_and_raw_text_does_not(service: Service, come: Come) -> None:
    alice = come(service)
    alice.client.write("a", 1, None)
    alice.client.write()
    alice.client.write_raw("b")
    assert alice.new_text() == "a\n1\nNone\n\nb"


def test_all_of_a_turn_is_sent_as_one_piece(service: Service, come: Come) -> None:
    alice = come(service)
    for word in ("a", "b", "c"):
        alice.client.write(word)
    assert alice.transport.sent == []
    alice.new_text()
    assert alice.transport.sent == [b"a\nb\nc\n"]


def test_what_is_written_to_somebody_who_has_gone_is_thrown_away(
    service: Service, come: Come
) -> None:
    alice = come(service)
    alice.hangs_up()
    alice.client.write("are you there?")
    assert alice.new_text() == ""


def test_attributes_of_the_application_may_be_set(service: Service, come: Come) -> None:
    alice = come(service)
    assert alice.client.user is None
    alice.client.user = "alice"
    alice.client.table = 7  # type: ignore[attr-defined]  # what an application does
    assert alice.client.attachments() == {"user": "alice", "table": 7}


def test_ids_are_never_used_again(service: Service, come: Come) -> None:
    first = come(service)
    first.hangs_up()
    second = come(service)
    assert second.client.id > first.client.id
    assert repr(second.client) == f"<Client {second.client.id} memory memory>"


# -- asking -----------------------------------------------------------------------------------------


def test_an_answer_goes_to_the_question_and_to_no_listener(service: Service, come: Come) -> None:
    heard = echo(service)
    alice = come(service)
    answer = alice.client.ask("Name? ")
    assert alice.new_text() == "Name? "
    alice.types("Alice", "hello")
    assert result_of(answer) == "Alice"
    assert heard == ["hello"]


def test_questions_are_answered_in_the_order_of_asking(service: Service, come: Come) -> None:
    alice = come(service)
    answers = [alice.client.ask(f"{n}? ") for n in range(3)]
    alice.types("a", "b", "c")
    assert [result_of(answer) for answer in answers] == ["a", "b", "c"]


def test_what_was_typed_ahead_answers_the_question_when_it_comes(
    service: Service, come: Come
) -> None:
    """All at once, before the first question has been put; the rest goes to listeners."""
    heard, told = echo(service), []

    @service.listen(events.Connect)
    async def connect(event: events.Connect) -> None:
        told.append(await event.client.ask("Name? "))
        told.append(await event.client.ask("Password? ", hidden=True))
        told.append(await event.client.ask("Sure? "))

    alice = come(service)
    for line in ("alice", "secret", "yes", "hello", "there"):
        alice.client.line_received(line)
    alice.new_text()
    assert told == ["alice", "secret", "yes"]
    assert heard == ["hello", "there"]
    assert alice.screen == "Name? Password? \nSure? "


def test_a_hidden_answer_is_hidden_from_before_its_prompt_to_after_its_line(
    service: Service, come: Come
) -> None:
    alice = come(service)
    answer = alice.client.ask("Password? ", hidden=True)
    assert (alice.transport.hidden, alice.new_text()) == (True, "Password? ")
    alice.types("secret")
    assert alice.transport.hidings == [True, False]
    assert alice.new_text() == "\n", "their own newline was hidden, too"
    assert result_of(answer) == "secret"


def test_the_order_of_hiding_and_prompt_in_the_bytes(
    service: Service, come: Come, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fast typist must not be faster than the command to hide."""
    words = {True: b"<hide>", False: b"<show>"}
    monkeypatch.setattr(MemoryTransport, "hide_input", lambda self, hidden: words[hidden])
    alice = come(service)
    alice.client.ask("Password? ", hidden=True)
    alice.types("secret")
    assert alice.screen == "<hide>Password? \n<show>"


def test_two_hidden_answers_in_a_row_switch_once(service: Service, come: Come) -> None:
    """Mudlet ignores servers that switch often."""

    @service.listen(events.Connect)
    async def connect(event: events.Connect) -> None:
        await event.client.ask("Password? ", hidden=True)
        await event.client.ask("Again? ", hidden=True)

    alice = come(service)
    alice.types("secret", "secret")
    assert alice.transport.hidings == [True, False]


def test_a_question_that_is_cancelled_takes_no_line(service: Service, come: Come) -> None:
    heard = echo(service)
    alice = come(service)
    answer = alice.client.ask("Password? ", hidden=True)
    answer.cancel()
    alice.types("hello")
    with pytest.raises(CancelledError):
        result_of(answer)
    assert heard == ["hello"]
    assert not alice.transport.hidden


def test_leaving_during_a_question_ends_the_listener_that_waits(
    service: Service, come: Come
) -> None:
    """By ``Disconnected``, so that ``finally`` runs; that is an ordinary end and not logged."""
    heard = echo(service)

    @service.listen(events.Connect)
    async def connect(event: events.Connect) -> None:
        try:
            await event.client.ask("Name? ")
            heard.append("not reached")
        finally:
            heard.append("finally")

    come(service).hangs_up()
    assert heard == ["finally", "<closed by peer>"]


def test_a_client_who_has_left_cannot_be_asked(service: Service, come: Come) -> None:
    alice = come(service)
    alice.hangs_up()
    with pytest.raises(Disconnected):
        result_of(alice.client.ask("Are you there? "))


def test_a_listener_may_catch_that_its_person_has_left(service: Service, come: Come) -> None:
    heard = echo(service)

    @service.listen(events.Connect)
    async def connect(event: events.Connect) -> None:
        try:
            await event.client.ask("Name? ")
        except Disconnected:
            heard.append("gone")

    come(service).hangs_up()
    assert heard == ["gone", "<closed by peer>"]


def test_one_listener_may_ask_several_people(service: Service, come: Come) -> None:
    """In whatever order they answer, each is being asked until they have answered themselves."""
    alice, bob = come(service), come(service)
    votes: list[object] = []

    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        asked = [person.client.ask("Agreed? ") for person in (alice, bob)]
        votes.append(await DeferredList(asked))

    alice.types("vote")
    (conversation,) = alice.client.input.tasks
    bob.types("no")
    assert conversation.asking is not None, "alice is being asked"
    alice.types("yes")
    assert votes == [[(True, "yes"), (True, "no")]]


# -- lines, while listeners are at work ---------------------------------------------------------------


def test_lines_wait_while_a_listener_is_at_work_and_keep_their_order(
    service: Service, come: Come
) -> None:
    """Each line is handled when the one before is done with, however long that takes."""
    heard: list[str] = []
    work: list[Deferred[None]] = []

    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        heard.append(f"{event.data} begins")
        work.append(Deferred())
        await work[-1]
        heard.append(f"{event.data} ends")

    alice = come(service)
    alice.types("a", "b", "c")
    assert heard == ["a begins"]
    assert alice.transport.reading, "a connection that is not read could be gone"
    for n in range(3):
        work[n].callback(None)
    assert heard == [f"{line} {what}" for line in "abc" for what in ("begins", "ends")]
    assert alice.transport.reading


def test_others_do_not_wait_meanwhile(service: Service, come: Come) -> None:
    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        event.client.write(f"You: {event.data}")
        if event.data == "wait":
            await Deferred()

    alice, bob = come(service), come(service)
    alice.types("wait", "a")
    assert bob.types("b") == "You: b\n"
    assert alice.screen == "You: wait\n"


def test_a_flood_is_slowed_and_nothing_of_it_is_lost(
    start: Callable[..., Service], come: Come, clock: Clock
) -> None:
    service = start(line_rate=2.0, line_burst=3)
    heard = echo(service)
    alice = come(service)
    lines = [str(n) for n in range(8)]
    for line in lines:
        alice.client.line_received(line)
    assert heard == lines[:3]
    clock.pump([0.5] * 5)
    assert heard == lines


@pytest.mark.parametrize(("rate", "burst"), [(0, 40), (20, 0), (0, 0)])
def test_a_budget_of_0_is_no_limit(
    start: Callable[..., Service], come: Come, rate: float, burst: int
) -> None:
    service = start(line_rate=rate, line_burst=burst)
    heard = echo(service)
    alice = come(service)
    for n in range(500):
        alice.client.line_received(str(n))
    assert len(heard) == 500


# -- leaving ----------------------------------------------------------------------------------------


def test_lines_typed_right_before_hanging_up_are_handled_then_disconnect_fires_once(
    service: Service, come: Come
) -> None:
    heard = echo(service)
    work: list[Deferred[None]] = []

    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        work.append(Deferred())
        await work[-1]

    alice = come(service)
    alice.types("a", "b", "c")
    alice.hangs_up("closed by peer")
    assert heard == ["a"]
    while work:
        work.pop().callback(None)
    assert heard == ["a", "b", "c", "<closed by peer>"]


def test_every_listener_hears_the_last_line_before_anybody_hears_of_the_departure(
    service: Service, come: Come
) -> None:
    """Also when the first listener of several is ``async`` and ends at once."""
    first: Deferred[None] = Deferred()

    @service.listen(events.Receive)
    async def at_work(event: events.Receive) -> None:
        if event.data == "a":
            await first

    heard = echo(service)
    alice = come(service)
    alice.types("a", "b")
    alice.hangs_up()
    first.callback(None)
    assert heard == ["a", "b", "<closed by peer>"]


@pytest.mark.parametrize("typed", [1, 100])
def test_a_listener_may_end_the_connection_that_it_is_called_for(
    service: Service, come: Come, clock: Clock, typed: int
) -> None:
    """Within its own call; also when the rate has made its line wait."""
    heard = echo(service)
    alice = come(service)

    @service.listen(events.Receive)
    def receive(event: events.Receive) -> None:
        if event.data == "end":
            alice.hangs_up("at once")

    for line in [*["a"] * (typed - 1), "end"]:
        alice.client.line_received(line)
    clock.pump([0.05] * 100)
    assert heard == [*["a"] * (typed - 1), "end", "<at once>"]


def test_an_answer_typed_right_before_hanging_up_arrives(service: Service, come: Come) -> None:
    heard = echo(service)
    work: Deferred[None] = Deferred()

    @service.listen(events.Connect)
    async def connect(event: events.Connect) -> None:
        await work
        heard.append("name: " + await event.client.ask("Name? "))
        heard.append("mood: " + await event.client.ask("Mood? "))

    alice = come(service)
    alice.types("alice", "fine")
    alice.hangs_up()
    work.callback(None)
    alice.new_text()
    assert heard == ["name: alice", "mood: fine", "<closed by peer>"]


def test_a_client_who_has_left_without_more_lines_is_not_waited_for(
    service: Service, come: Come
) -> None:
    """The second question can never be answered."""
    heard = echo(service)
    work: Deferred[None] = Deferred()

    @service.listen(events.Connect)
    async def connect(event: events.Connect) -> None:
        await work
        heard.append("name: " + await event.client.ask("Name? "))
        heard.append("mood: " + await event.client.ask("Mood? "))

    alice = come(service)
    alice.types("alice")
    alice.hangs_up()
    work.callback(None)
    alice.new_text()
    assert heard == ["name: alice", "<closed by peer>"]


def test_a_stuck_listener_is_broken_off_after_close_timeout(
    start: Callable[..., Service], come: Come, clock: Clock
) -> None:
    """Its ``finally`` runs, what was typed after it is dropped, and ``Disconnect`` fires."""
    service = start(close_timeout=3.0)
    heard = echo(service)

    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        try:
            await Deferred()
        finally:
            heard.append("finally")

    alice = come(service)
    alice.types("a", "b")
    alice.hangs_up()
    clock.advance(2.9)
    assert heard == ["a"]
    clock.advance(0.2)
    assert heard == ["a", "finally", "<closed by peer>"]
    assert service.clients == ()


def test_a_listener_that_refuses_to_be_cancelled_does_not_keep_its_client(
    service: Service, come: Come, clock: Clock
) -> None:
    heard = echo(service)

    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        while True:
            try:
                await Deferred()
            except CancelledError:
                heard.append("no")

    alice = come(service)
    alice.types("a")
    alice.hangs_up()
    clock.advance(5)
    assert heard == ["a", "no", "<closed by peer>"]


def test_close_timeout_0_waits_as_long_as_it_takes(
    start: Callable[..., Service], come: Come, clock: Clock
) -> None:
    service = start(close_timeout=0)
    heard = echo(service)
    work: Deferred[None] = Deferred()

    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        await work
        heard.append("done")

    alice = come(service)
    alice.types("a")
    alice.hangs_up()
    clock.advance(3600)
    assert heard == ["a"]
    work.callback(None)
    assert heard == ["a", "done", "<closed by peer>"]


def test_closing_sends_what_was_written_and_takes_nothing_more(
    service: Service, come: Come
) -> None:
    heard = echo(service)
    alice = come(service)
    alice.client.write("Goodbye")
    alice.client.close("quit")
    alice.client.write("too late")
    alice.client.line_received("wait!")
    assert alice.transport.closed
    assert not alice.client.connected
    assert alice.new_text() == "Goodbye\n"
    assert heard == ["<quit>"]


def test_closing_sends_what_was_written_also_when_the_connection_was_congested(
    service: Service, come: Come, clock: Clock
) -> None:
    """The goodbye of somebody whose line is slow arrives when the line is free again."""
    alice = come(service)
    alice.client.pause_output()
    alice.client.write("Goodbye")
    alice.client.close("quit")
    assert alice.screen == ""
    alice.client.resume_output()
    clock.advance(0)
    assert alice.screen == "Goodbye\n"


def test_closing_twice_is_closing_once(service: Service, come: Come) -> None:
    heard = echo(service)
    alice = come(service)
    alice.client.close("first")
    alice.client.close("second")
    alice.new_text()
    alice.client.close("third")
    assert heard == ["<first>"]


def test_a_peer_that_does_not_read_the_goodbye_is_cut_off_after_close_timeout(
    service: Service, come: Come, clock: Clock
) -> None:
    alice = come(service)
    alice.client.close("quit")
    assert not alice.transport.aborted
    clock.advance(1.9)
    assert not alice.transport.aborted
    clock.advance(0.2)
    assert alice.transport.aborted


def test_a_question_to_somebody_who_is_closed_ends_at_once(service: Service, come: Come) -> None:
    heard = echo(service)

    @service.listen(events.Connect)
    async def connect(event: events.Connect) -> None:
        event.client.close("go away")
        await event.client.ask("Why? ")
        heard.append("not reached")

    come(service)
    assert heard == ["<go away>"]


def test_a_slow_reader_is_dropped_at_output_max_with_one_line_in_the_log(
    start: Callable[..., Service], come: Come, clock: Clock, log: Log
) -> None:
    service = start(output_max=1000)
    heard = echo(service)
    alice = come(service)
    alice.client.pause_output()
    alice.client.write("x" * 900)
    clock.advance(0)
    assert alice.client.connected
    for _ in range(3):
        alice.client.write("y" * 500)
    clock.advance(0)
    assert alice.transport.aborted
    alice.client.resume_output()
    alice.client.write("z")
    alice.hangs_up()
    clock.advance(10)
    assert alice.transport.sent == []
    assert sum("output_max" in line for line in log.lines) == 1
    assert heard == ["<slow reader>"]


def test_a_slow_reader_who_is_closed_in_the_same_turn_is_logged_once(
    start: Callable[..., Service], come: Come, clock: Clock, log: Log
) -> None:
    service = start(output_max=1000)
    heard = echo(service)
    alice = come(service)
    alice.client.pause_output()
    alice.client.write("x" * 2000)
    alice.client.close("quit")
    clock.advance(0)
    alice.hangs_up()
    assert sum("output_max" in line for line in log.lines) == 1
    assert heard == ["<slow reader>"]
    assert clock.getDelayedCalls() == []


def test_without_output_max_everything_waits(
    start: Callable[..., Service], come: Come, clock: Clock
) -> None:
    service = start(output_max=0)
    alice = come(service)
    alice.client.pause_output()
    for _ in range(100):
        alice.client.write("x" * 100_000)
    clock.advance(0)
    alice.client.resume_output()
    clock.advance(0)
    assert len(alice.screen) == 100 * 100_001


def test_nothing_of_a_person_is_left_in_the_clock(
    service: Service, come: Come, clock: Clock
) -> None:
    """Whatever way they have gone."""
    before = len(clock.getDelayedCalls())
    for leave in (
        lambda person: person.hangs_up(),
        lambda person: person.client.close(),
        lambda person: person.client.abort("enough"),
    ):
        person = come(service)
        for n in range(100):  # more than line_burst, so that a timer is set
            person.client.line_received(str(n))
        leave(person)
        person.new_text()
        clock.advance(1)
        assert person.client.gone
    assert len(clock.getDelayedCalls()) == before


def test_a_client_is_what_events_say(service: Service, come: Come) -> None:
    seen: list[Client] = []

    @service.listen(events.ClientEvent)
    def anything(event: events.ClientEvent) -> None:
        seen.append(event.client)

    alice = come(service)
    alice.types("a")
    alice.hangs_up()
    assert seen == [alice.client] * 3


# -- the end of what is typed -----------------------------------------------------------------------


def test_what_was_typed_before_the_end_of_input_is_answered(
    service: Service, come: Come, clock: Clock
) -> None:
    r"""``printf 'slow\n' | nc -N``: the answer takes a moment, and the peer still reads."""
    alice, heard = come(service), echo(service)

    @service.listen(events.Receive)
    async def slow(event: events.Receive) -> None:
        await deferLater(clock, 0.5, lambda: None)
        event.client.write("done")

    alice.client.line_received("slow")
    alice.client.line_received("again")
    alice.client.input_ended()
    clock.advance(0.5)
    assert not alice.transport.closed, "the second line is at work"
    clock.advance(0.5)
    assert alice.new_text() == "done\ndone\n"
    assert alice.transport.closed
    alice.client.disconnected("closed by peer")
    assert heard == ["slow", "again", "<closed by peer>"]
    assert not alice.client.was_closed


def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_close_timeout(
    service: Service, come: Come, clock: Clock
) -> None:
    alice = come(service)

    @service.listen(events.Receive)
    async def never(event: events.Receive) -> None:
        await Deferred()

    alice.client.line_received("?")
    alice.client.input_ended()
    clock.advance(service.settings.close_timeout)
    assert alice.transport.closed


def test_a_question_after_the_end_of_input_has_no_answer(service: Service, come: Come) -> None:
    alice = come(service)
    answer = alice.client.ask("Name: ")
    alice.client.input_ended()
    with pytest.raises(Disconnected):
        result_of(answer)
    assert alice.transport.closed


# -- hidden questions -------------------------------------------------------------------------------


def test_two_hidden_questions_with_work_between_them_toggle_the_echo_twice_in_all(
    service: Service, come: Come, clock: Clock
) -> None:
    """Mudlet gives up hiding after five switches; a mistyped password needs four questions."""
    alice = come(service)

    @service.listen(events.Receive)
    async def sign_up(event: events.Receive) -> None:
        for _ in range(4):
            await event.client.ask("Password: ", hidden=True)
            await deferLater(clock, 0.3, lambda: None)

    alice.types("begin")
    for _ in range(4):
        alice.types("secret")
        clock.advance(0.3)
    alice.new_text()
    assert alice.transport.hidings == [True, False]


def test_the_echo_is_on_before_a_question_that_is_not_hidden(service: Service, come: Come) -> None:
    alice, work = come(service), Deferred[None]()

    @service.listen(events.Receive)
    async def sign_in(event: events.Receive) -> None:
        await event.client.ask("Password: ", hidden=True)
        await event.client.ask("Colour (y/n)? ")
        await work

    alice.types("begin")
    alice.types("secret")
    assert alice.transport.hidings == [True, False]
    work.callback(None)


AS_TYPED = "pass\u202ewo\u0301rd"
CLEAN = "passwórd"


def test_a_hidden_answer_is_as_it_was_typed_and_lines_for_others_are_clean(
    service: Service, come: Come
) -> None:
    heard, alice = echo(service), come(service)
    answer = alice.client.ask("Password? ", hidden=True)
    alice.client.line_received(typed_line(AS_TYPED))
    alice.client.line_received(typed_line(AS_TYPED))
    assert result_of(answer) == AS_TYPED
    assert heard == [CLEAN]
    assert type(heard[0]) is str


def test_a_hidden_line_that_is_put_back_is_clean_for_others(service: Service, come: Come) -> None:
    heard, client = echo(service), come(service).client
    with client.input.held():
        client.put_back(AS_TYPED)
    assert heard == [CLEAN]


def test_lines_that_wait_are_handed_to_another_process_as_plain_text(
    service: Service, come: Come
) -> None:
    client = come(service).client
    with client.input.held():
        client.line_received(typed_line(AS_TYPED))
        assert [type(line) for line in client.input.snapshot()["lines"]] == [str]
