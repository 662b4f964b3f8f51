"""One connected person, whatever the door they came in by.

A client persists across reloads. Applications may set attributes on it (``client.user``); those that
refer to what a reload rebuilds are rebound by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet.defer import Deferred, fail

from cletus.client.attributes import ApplicationAttributes
from cletus.client.conversation import Conversation
from cletus.client.dialogue import Dialogue
from cletus.client.input import Dialogues, Inbox, Questions, left
from cletus.client.interfaces import Transport
from cletus.client.output import Gmcp, Hiding, Outbox, Prompt
from cletus.client.rendering import Message, as_text, shown
from cletus.errors import Disconnected
from cletus.logs.context import log_context
from cletus.protocol.charset import Encoder

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from cletus.service.service import Service


class Client(ApplicationAttributes):
    """One connected person.

    Attributes:
        service: the service that they are connected to.
        id: a number that no other client of this service has had, for logs.
        address: where they come from, for logs: ``127.0.0.1:54321``.
        door: the name of the door that they came in by: ``telnet``.
        terminal: what is in front of them, as far as it is known.
        connected: false from the moment the connection is closing or gone.
        was_closed: whether ``close()`` ended the connection; else it broke, or they went.
        came_at: when they connected, in seconds of ``service.clock``.
        heard_at: when they last typed a line, or else connected.
        outbox: what waits to be sent.
        user: for applications: who they have turned out to be; ``None`` for a stranger.
    """

    user: Any = None

    def __init__(self, service: Service, transport: Transport, *, id: int, door: str) -> None:  # noqa: A002 - it is their id
        settings = service.settings
        self.service = service
        self.id = id
        self.door = door
        self.address = transport.address
        self.connected = True
        self.was_closed = False
        self._gone = False
        self._left = False
        self._held = False
        self.terminal = transport.terminal
        self.came_at = self.heard_at = service.clock.seconds()
        self._transport = transport
        self._turn = service.turn
        self._prompt: Prompt | None = None
        self.outbox = Outbox(transport.send, settings.output_max, self._wake)
        self._inbox = Inbox(
            service.reactor,
            ready=self._is_ready,
            deliver=self._deliver,
            pause=self._pause_reading,
            after=self._leave,
            peak=service.metrics.input_peak,
            rate=settings.line_rate,
            burst=settings.line_burst,
        )
        self._hiding = Hiding(transport.hide_input)
        self._questions = Questions(self)
        self._conversations: list[Conversation] = []
        self._dialogues = Dialogues(self)
        self._closing: Any = None
        self._reason: str | None = None
        self._seal("service", "id", "outbox")

    def __repr__(self) -> str:
        return f"<Client {self.id} {self.door} {self.address}>"

    # -- what applications say --------------------------------------------------------------

    @property
    def encoder(self) -> Encoder:
        """What turns text into bytes for this person's terminal."""
        return self.terminal.encoder

    @property
    def wrap(self) -> bool:
        """Whether lines are broken at the width of their window; if not, their terminal does it."""
        return self.terminal.wrap

    @wrap.setter
    def wrap(self, wrap: bool) -> None:
        self.terminal.wrap = wrap

    @property
    def gmcp(self) -> Gmcp:
        """What their program is told, beside the text: ``client.gmcp.send("Room.Info", {...})``."""
        return Gmcp(self._transport.message, self.write_encoded)

    @property
    def gone(self) -> bool:
        """Whether their ``Disconnect`` has fired, so that nothing of them is left."""
        return self._left

    def write(self, *lines: object) -> None:
        """Send these as whole lines; without arguments, an empty one.

        What is written after the person has gone is thrown away.

        Args:
            lines: strings, ``cletus.text.style(...)``, or anything that rich can render.
        """
        look = self.terminal.look
        self.write_encoded(look.encoder.encode(as_text(lines or ("",), look)))

    def write_raw(self, text: str) -> None:
        """Send this text as it is, without a newline at its end."""
        self.write_encoded(self.encoder.encode(text))

    def write_encoded(self, data: bytes) -> None:
        """Send bytes made for ``terminal.look``; a broadcast makes them once for many."""
        self.outbox.put(data)

    def prompt(self, text: object) -> None:
        """Send a prompt: no newline, and their program is told that it is one.

        In character mode it stays below what others say until the line is complete.
        """
        words = shown(text, self.terminal.look)
        if not words:
            return
        self._end_prompt()
        self.outbox.put(self.encoder.encode(words) + self._transport.prompt_mark())
        if self.terminal.character_mode:
            self._prompt = Prompt(words, self.terminal)
            self.outbox.hold(self._prompt.cover)

    def ask(self, prompt: object = "", *, hidden: bool = False) -> Deferred[str]:
        """Send a prompt and wait for the next line.

        Args:
            prompt: sent as it is, without a newline.
            hidden: ask the terminal not to show what is typed, for passwords.

        Returns:
            A Deferred (so it can be awaited) of the line.

        Raises:
            Disconnected: through the Deferred, when the person leaves before they answer.
        """
        if not self._can_still_answer():
            return fail(left(self))
        answer = self._questions.ask()
        if hidden:
            self.hide_input()  # before the prompt, so that nobody types faster than it takes effect
            answer.addBoth(self.show_input)
        self.prompt(prompt)
        # An answer may have been typed ahead; it is taken when the asking code has returned to wait.
        self.service.turn.at_end(self._inbox.pump)
        return answer

    def begin(self, dialogue: Dialogue) -> None:
        """Begin a dialogue, as ``dialogue()`` does, and do not wait for its end."""
        self.dialogue(dialogue).addErrback(lambda failure: failure.trap(Disconnected) and None)

    def dialogue(self, dialogue: Dialogue) -> Deferred[Any]:
        """Begin a dialogue and wait for its end; until then the lines that are typed go to it.

        One that is under way waits until this one has ended.

        Returns:
            A Deferred of what it gave to ``self.done()``.

        Raises:
            Disconnected: through the Deferred, when the person leaves before its end.
            DialogueError: it has no step, or was begun already.
        """
        if not self._can_still_answer():
            return fail(Disconnected(f"{self!r} left before {dialogue!r}"))
        return self._dialogues.begin(dialogue)

    def hide_input(self) -> None:
        """Ask the terminal not to show what is typed from now on; for dialogues."""
        self.write_encoded(self._hiding.hide())

    def show_input(self, result: Any = None) -> Any:
        """Have what is typed shown again, on a new line, since the person's own was hidden too.

        The terminal is told at the end of the turn, unless what is asked next is hidden as well.
        Gives its argument back, as a Deferred's callback does.
        """
        if self._hiding.show():
            self.write()
        return result

    def close(self, reason: str = "closed by the service") -> None:
        """Say goodbye: what was written is still sent, what is typed from now on is ignored."""
        if not self.connected:
            return
        self._flush()
        if not self.connected:
            return  # that was one byte too many for a slow reader, who has been dropped
        self.connected = False
        self.was_closed = True
        self.outbox.close()
        self._reason = self._reason or reason
        self._inbox.clear()
        self._transport.close()
        timeout = self.service.settings.close_timeout
        if timeout:
            self._closing = self.service.reactor.callLater(timeout, self._give_up)

    def abort(self, reason: str) -> None:
        """Close at once; what was not sent yet is lost."""
        self.connected = False
        self._reason = self._reason or reason
        self.outbox.shut()
        self._inbox.clear()
        self._transport.abort()

    # -- what the door says -----------------------------------------------------------------

    def line_received(self, text: str) -> None:
        """The person has typed a line: decoded, clean, without its end."""
        if self.connected:
            self.heard_at = self.service.clock.seconds()
            self._end_prompt()
            self.service.metrics.lines.value += 1
            self._inbox.put(text)

    def pause_output(self) -> None:
        """The connection takes no more for now."""
        self.outbox.paused = True

    def resume_output(self) -> None:
        """The connection takes more."""
        self.service.metrics.output_peak.raise_to(self.outbox.size)
        self.outbox.paused = False
        self._wake()

    def disconnected(self, reason: str) -> None:
        """The connection is gone. What was typed before is handled first, then ``Disconnect`` fires."""
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        self.connected = False
        self._reason = self._reason or reason
        self.outbox.shut()
        self._gone = True
        self._inbox.close()
        timeout = self.service.settings.close_timeout
        if not self._left and timeout:
            self._closing = self.service.reactor.callLater(timeout, self._break_off)

    # -- conversations ----------------------------------------------------------------------

    @property
    def conversations(self) -> tuple[Conversation, ...]:
        """The ``async def`` listeners that are running for this person."""
        return tuple(self._conversations)

    def conversation_began(self, conversation: Conversation) -> None:
        """Lines wait from now on until it asks for one or ends."""
        self._conversations.append(conversation)

    def conversation_ended(self, conversation: Conversation) -> None:
        """The next line can go to listeners again."""
        if conversation in self._conversations:
            self._conversations.remove(conversation)
        self.go_on()

    @property
    def dialogues(self) -> list[Dialogue]:
        """The dialogues that are under way, the one in front last. A reload replaces them here."""
        return self._dialogues.under_way

    def dialogue_ended(self, dialogue: Dialogue) -> None:
        """It takes no more lines. After a reload, an older self of it may be the one that ends."""
        self._dialogues.ended(dialogue)

    def is_in_front(self, dialogue: Dialogue) -> bool:
        """Whether the next line that nothing else asks for goes to this dialogue."""
        return self._dialogues.is_in_front(dialogue)

    @contextmanager
    def held(self) -> Iterator[None]:
        """No line is handed out inside; for a reload, which ends one conversation and begins another."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self.go_on()

    def go_on(self) -> None:
        """Somebody may have become ready for the next line."""
        self._inbox.pump()

    def failed(self, place: str, failure: Failure) -> None:
        """Code that was about this person raised: log it, and tell them that it was logged."""
        self.service.dispatcher.failed(place, failure, client=self)

    def log_fields(self) -> dict[str, Any]:
        """What log records say of this client.

        Returns:
            ``client`` (its ``repr``, with the address), ``client_id``, ``door``, and ``user``, the
            key of ``client.user``, if that has one.
        """
        fields = {"client": repr(self), "client_id": self.id, "door": self.door}
        key = getattr(self.user, "key", None)
        return fields if key is None else {**fields, "user": key}

    # -- inside -----------------------------------------------------------------------------

    def _is_ready(self) -> bool:
        if self._held:
            return False
        if self._questions:
            return True
        if self._dialogues:
            return not self._dialogues.front.is_busy
        return not self._conversations

    def _deliver(self, line: str) -> None:
        with log_context(self, hidden=line if self._hiding.is_wanted else ""):
            if self._questions:
                self._questions.answer(line)
            elif self._dialogues:
                self._dialogues.front.take(line)
            else:
                self.service.connections.received(self, line)

    def _can_still_answer(self) -> bool:
        return self.connected or (self._gone and len(self._inbox) > 0)

    def _flush(self) -> None:
        if self.outbox.overflowed:
            self.service.dispatcher.log.warn(
                "{client} dropped: {size} bytes waited, more than output_max allows",
                size=self.outbox.size,
                **self.log_fields(),
            )
            self.service.metrics.slow_readers.add()
            self.service.metrics.output_peak.raise_to(self.outbox.size)
            self.abort("slow reader")
            return
        self.outbox.put(self._hiding.at_end())
        if self._prompt is not None and self._prompt.covered:
            self.outbox.put(self._prompt.redraw())
            self.outbox.hold(self._prompt.cover)
        self.outbox.flush(self._turn.join)

    def _wake(self) -> None:
        self._turn.flush(self._flush)

    def _end_prompt(self) -> None:
        """The line is complete: what comes next comes below it."""
        self._prompt = self.outbox.before = None

    def _pause_reading(self, paused: bool) -> None:
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _give_up(self) -> None:
        self._closing = None
        self._transport.abort()

    def _break_off(self) -> None:
        """Their listeners are still busy long after they left: end those, so that they can leave."""
        self._closing = None
        self._inbox.clear()
        for conversation in self.conversations:
            conversation.dismiss()
        self._conversations.clear()
        self._dialogues.stop()
        self._leave()

    def _leave(self) -> None:
        """Fire ``Disconnect`` once the connection is gone and nothing of theirs is left to do."""
        if not self._gone or self._left or len(self._inbox):
            return
        self._questions.abandon()
        if self._conversations or self._dialogues.is_any_busy or self._left:
            return
        self._left = True
        self._dialogues.stop()
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        self.service.connections.disconnected(self, self._reason or "closed by peer")


#: One client, several, or nobody.
Who: TypeAlias = Client | Iterable[Client] | None


def write_all(
    clients: Iterable[Client],
    *lines: object,
    exclude: Who = None,
    filter: Callable[[Client], bool] | None = None,  # noqa: A002 - the name is fixed by the API
) -> None:
    """Send whole lines to these clients.

    Args:
        clients: who; they may come and go while this runs.
        lines: each becomes a line, as ``client.write`` has it; without any, an empty one.
        exclude: a client, or several, who do not get it.
        filter: called with each client; those for whom it is false do not get it.
    """
    message = Message(lines)
    encoded = message.encoded
    excluded = {exclude} if isinstance(exclude, Client) else set(exclude or ())
    for client in tuple(clients):
        if (excluded and client in excluded) or (filter is not None and not filter(client)):
            continue
        client.outbox.put(encoded(client.terminal.look))
