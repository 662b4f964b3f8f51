"""One connected person, whatever door they came in by.

A client persists across reloads. Applications may set attributes on it (``client.user``); a reload
replaces the values that refer to old code.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from typing_extensions import TypeVar  # typing's own knows defaults from Python 3.13 on

from cletus.client.attributes import ApplicationAttributes
from cletus.client.claim import Claim
from cletus.client.input import Input
from cletus.client.interfaces import Host, StackedReader, Transport, relayed
from cletus.client.output import Gmcp, Output
from cletus.client.rendering import Message, as_text, shown
from cletus.client.ticket import Ticket
from cletus.protocol.charset import Encoder
from cletus.protocol.line_editor import End, Interrupt, Line, LineEditor
from cletus.protocol.text import typed_line
from cletus.renamed import with_old_names

if TYPE_CHECKING:
    from twisted.python.failure import Failure

#: The class of the service; this module cannot name it, since services are made of clients.
ServiceT = TypeVar("ServiceT", default=Any)

_log = Logger()


class _State(enum.Enum):
    """How far a client has come."""

    CONNECTED = "connected"
    #: Closed by us, or the connection is gone; lines typed before may still be handled.
    CLOSING = "closing"
    #: ``Disconnect`` has fired.
    GONE = "gone"


class _Unawaited:
    """In place of the Deferred of a dialogue whose end nobody waits for."""

    def callback(self, result: Any) -> None:
        """It has ended."""

    def errback(self, failure: Any) -> None:
        """They have left before its end."""


_UNAWAITED: Any = _Unawaited()


@with_old_names
class Client(ApplicationAttributes, Generic[ServiceT]):
    """One connected person.

    Doors make clients through ``service.connections``, never directly. ``Client[Game]`` is the client of
    a service of the class ``Game``, for type checkers; with ``Client`` alone the service is ``Any``.

    Attributes:
        service: the service that they are connected to.
        id: a number that no other client of this service has had, for logs.
        address: where they come from, for logs: ``127.0.0.1:54321``.
        door: the name of the door that they came in by: ``telnet``.
        claim: who they said they are, if their door has asked (SSH); else ``None``.
        ticket: of a browser's page, at a gateway of a cluster; else ``None``.
        terminal: what is in front of them, as far as it is known.
        was_closed: whether ``close()`` ended the connection; else it broke, or they left.
        connected_at: when they connected, in seconds of ``service.clock``.
        input: the lines that they type, and who reads them.
        output: what waits to be sent to them.
        user: for applications: who they have turned out to be; ``None`` before a login.
    """

    user: Any = None

    def __init__(
        self,
        service: ServiceT,
        host: Host,
        transport: Transport,
        *,
        id: int,  # noqa: A002 - it is their id
        door: str,
        claim: Claim | None = None,
    ) -> None:
        self.service = service
        self.id = id
        self.door = door
        self.claim = claim
        self.ticket: Ticket | None = None
        self.address = transport.address
        self.terminal = transport.terminal
        self.was_closed = False
        self._state = _State.CONNECTED
        self._reason = ""
        self._host = host
        self._transport = transport
        self._timeout: Any = None
        self._is_lost = False  # the connection is gone
        remote = relayed(transport)
        make_output = Output if remote is None else remote.outbox
        self.output: Output = make_output(transport, host, overflow=self._drop)
        self.input = Input(self, host, transport, self.output, self._leave)
        self.connected_at = self.input.last_at
        if self.terminal.editor is not None:
            self.terminal.editor.complete = self._completions
        self._seal("service", "id", "input", "output")

    def __repr__(self) -> str:
        return f"<Client {self.id} {self.door} {self.address}>"

    # -- what they are ----------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """False from the moment the connection is closing or gone."""
        return self._state is _State.CONNECTED

    @property
    def gone(self) -> bool:
        """Whether their ``Disconnect`` has fired, so that nothing of them is left."""
        return self._state is _State.GONE

    @property
    def last_input_at(self) -> float:
        """When they last typed a line, or else connected, in seconds of ``service.clock``."""
        return self.input.last_at

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
    def held(self) -> int:
        """Bytes of memory that wait: lines for their reader, and output for a peer that does not read."""
        return self.input.memory + self.output.held

    def log_fields(self) -> dict[str, Any]:
        """What log records say of this client.

        Returns:
            ``client`` (its ``repr``, with the address), ``client_id``, ``door``, and ``user``, the
            key of ``client.user``, if that has one.
        """
        fields = {"client": repr(self), "client_id": self.id, "door": self.door}
        key = getattr(self.user, "key", None)
        return fields if key is None else {**fields, "user": key}

    # -- what they are shown ----------------------------------------------------------------

    def write(self, *lines: object) -> None:
        """Send these as whole lines; without arguments, an empty one.

        What is written after the person has gone is thrown away.

        Args:
            lines: strings, ``cletus.text.style(...)``, or anything that rich can render.
        """
        profile = self.terminal.profile
        self.output.put(profile.encoder.encode(as_text(lines or ("",), profile)))

    def write_raw(self, text: str) -> None:
        """Send this text as it is, without a newline at its end."""
        self.output.put_unfinished(text)

    def write_encoded(self, data: bytes) -> None:
        """Send bytes made for ``terminal.profile``; a broadcast makes them once for many."""
        self.output.put(data)

    def prompt(self, text: object) -> None:
        """Send a prompt: no newline, and their program is told that it is one.

        It stays below what others say until the line is complete: at once in character mode, else it
        is sent again after ``prompt_again``.
        """
        words = shown(text, self.terminal.profile)
        if words:
            self.output.prompt(words)

    @property
    def gmcp(self) -> Gmcp:
        """Messages to their program, beside the text: ``client.gmcp.send("Room.Info", {...})``."""
        return Gmcp(self._transport.message, self.output.put_message)

    def hide_input(self) -> None:
        """Ask the terminal not to show what is typed from now on; for dialogues."""
        self.output.hide_input()

    def show_input(self, result: Any = None) -> Any:
        """Have what is typed shown again, on a new line, since the person's own was hidden too.

        The terminal is told at the end of the turn, unless what is asked next is hidden as well.
        Gives its argument back, as a Deferred's callback does.
        """
        if self.output.show_input():
            self.write()
        return result

    def unconfirmed(self) -> list[str]:
        """The lines that they may not have been shown, if their connection is at a gateway of a cluster.

        Returns:
            Lines without colours, oldest first, that the gateway has not confirmed. It confirms each second, so
            that they may have seen some.
        """
        far = relayed(self._transport)
        return [] if far is None else far.unconfirmed()

    def shown_after_all(self) -> list[str]:
        """The lines that they were shown, of those that were ``unconfirmed()`` when their gateway was lost.

        Returns:
            Lines as of ``unconfirmed()``, oldest first, if the gateway is back with them: it had hung, or
            was cut off. They are returned once.
        """
        far = relayed(self._transport)
        return [] if far is None else far.shown_after_all()

    # -- what they are asked ----------------------------------------------------------------

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
        refusal = self.input.refusal()
        if refusal is not None:
            return fail(refusal)
        if self._host.turn.is_holding:
            return self._held(lambda: self.ask(prompt, hidden=hidden))
        answer = self.input.ask()
        if hidden:
            self.hide_input()  # before the prompt, so that nobody types faster than it takes effect
            answer.addBoth(self.show_input)
        self.prompt(prompt)
        answer.addErrback(self._no_answer, shown(prompt, self.terminal.profile))
        # An answer may have been typed ahead; it is taken when the asking code has returned to wait.
        self._host.turn.at_end(self.input.pump)
        return answer

    def run_dialogue(self, dialogue: StackedReader) -> Deferred[Any]:
        """Start a dialogue and wait for its end; until then the lines that are typed go to it.

        A dialogue that is under way waits until this one has ended.

        Args:
            dialogue: a new ``Dialogue``.

        Returns:
            A Deferred of what the dialogue gives to ``self.done()``.

        Raises:
            Disconnected: through the Deferred, when the person leaves before its end.
            DialogueError: it has no step, or was started already.
        """
        refusal = self.input.refusal(f"{self!r} left before {dialogue!r}")
        if refusal is not None:
            return fail(refusal)
        if self._host.turn.is_holding:
            return self._held(lambda: self.run_dialogue(dialogue))
        self.input.task_awaits(dialogue)
        return self.input.start_dialogue(dialogue)

    def start_dialogue(self, dialogue: StackedReader) -> None:
        """Start a dialogue, as ``run_dialogue()`` does, without waiting for its end."""
        if self.input.refusal(f"{self!r} left before {dialogue!r}") is not None:
            return
        if self._host.turn.holds(self.start_dialogue, dialogue):
            return
        self.input.start_dialogue(dialogue, _UNAWAITED)

    def _held(self, ask: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        """Ask when the code that asks has come into force: nobody is to answer a refused edit."""
        answer: Deferred[Any] = Deferred()
        self._host.turn.holds(lambda: ask().chainDeferred(answer))
        return answer

    def put_back(self, line: str) -> None:
        """In a step that ends its dialogue: the line is not for the dialogue but for what comes after it."""
        self.input.put_back(line)

    @property
    def dialogues(self) -> list[Any]:
        """The ``Dialogue`` objects that are under way, the one that has the lines last."""
        return self.input.dialogues

    # -- how they leave ---------------------------------------------------------------------

    def close(self, reason: str = "closed by the service") -> None:
        """Say goodbye: what was written is still sent, what is typed from now on is ignored."""
        if self._state is not _State.CONNECTED or self.was_closed:
            return
        if self._host.turn.holds(self.close, reason):
            return
        self.was_closed = True
        self._host.closing(self, reason)
        self.output.flush()
        if self._state is not _State.CONNECTED:
            return  # that was one byte too many for a slow reader, who has been dropped
        self._state = _State.CLOSING
        self._reason = reason
        self.output.close()
        self.input.clear()
        self._transport.close()
        self._set_timeout(self._transport.abort)

    def abort(self, reason: str) -> None:
        """Close at once; what was not sent yet is lost."""
        self._start_closing(reason)
        self.input.clear()
        self._transport.abort()

    # -- what the door says -----------------------------------------------------------------

    def line_received(self, text: str) -> None:
        """The person has typed a line: decoded, clean (see ``text.typed_line``), without its end."""
        if self._state is _State.CONNECTED:
            if self.output.open_line is not None:
                self.output.line_typed()
            self.input.put(text)

    def keys_received(
        self, data: bytes, call: Callable[..., object] = lambda code, *args: code(*args)
    ) -> None:
        """In character mode, the person has pressed keys.

        What they have typed is shown by ``terminal.editor``; complete lines go to their readers.

        Args:
            data: what their terminal sends for the keys.
            call: calls the code that is given a line, with its arguments.
        """
        editor = self.terminal.editor
        if editor is None:
            return
        self.output.show_edited_line()
        for event, echo in editor.feed(data, self.terminal.encoding):
            self.output.show_typed(echo)
            match event:
                case Line():
                    call(self.line_received, typed_line(event.text))
                    self.output.show_edited_line()
                case Interrupt():
                    self._host.interrupted(self)
                case End():
                    self.input_ended()

    def resized(self) -> None:
        """Their window has another size."""
        editor = self.terminal.editor
        if editor is not None:
            self.output.resize(editor, self.terminal.window_columns)

    def use_editor(self, editor: LineEditor | None) -> None:
        """What is typed is edited by this editor from now on, or by the person's terminal (``None``)."""
        self.terminal.editor = editor
        if editor is not None:
            self.terminal.wrap = True  # a plain terminal breaks lines inside of words
            editor.complete = self._completions
        self.output.use_editor(editor)

    def pause_output(self) -> None:
        """The connection takes no more for now."""
        self.output.pause()

    def resume_output(self) -> None:
        """The connection takes more."""
        self.output.resume()

    def input_ended(self) -> None:
        """They will type nothing more, but still read, as behind ``nc -N``.

        Lines that wait are answered, by asynchronous code as well; then, or after ``close_timeout``, the
        connection is closed.
        """
        if self._state is _State.CONNECTED:
            self._set_timeout(self._close_after_input)
            self.input.end()

    def disconnected(self, reason: str) -> None:
        """The connection is gone. What was typed before is handled first, then ``Disconnect`` fires."""
        self._cancel_timeout()
        self._is_lost = True
        self._start_closing(reason)
        self.input.close()
        if self._state is not _State.GONE:
            self._set_timeout(self.input.break_off)

    # -- what the application's code does ---------------------------------------------------

    def failed(self, code: str, failure: Failure) -> None:
        """Code that was handling them has raised an error: log it, and tell them that it was logged.

        Args:
            code: its name, for the log.
            failure: the error.
        """
        self._host.failed(code, failure, client=self)

    # -- to another process ------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """What is ours of this client, as plain data; see ``cletus.protocol.plain_state``.

        Its dialogues and what the application has set on it are values of the application.
        """
        return {
            "id": self.id,
            "door": self.door,
            "claim": None if self.claim is None else (self.claim.name, self.claim.proven),
            "age": self._host.clock.seconds() - self.connected_at,
            "input": self.input.snapshot(),
            "output": self.output.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue with this state; for a client that has just been made."""
        self.connected_at = self._host.clock.seconds() - state["age"]
        self.input.restore(state["input"])
        self.output.restore(state["output"])

    def part(self, text: str) -> None:
        """Say this and close the connection, without an event: another process has taken over."""
        self.write(text)
        self.output.flush()
        self._transport.close()

    # -- inside -----------------------------------------------------------------------------

    def _completions(self, text: str) -> list[str]:
        """What the last word may become; nothing while a question or a dialogue waits for an answer."""
        is_free = self.connected and self.input.is_free
        return self._host.completions(self, text) if is_free else []

    def _no_answer(self, failure: Failure, prompt: str) -> Failure:
        self.output.withdraw_prompt(prompt)
        return failure

    def _close_after_input(self) -> None:
        self.close("closed by peer")
        self.was_closed = False  # they left

    def _start_closing(self, reason: str) -> None:
        """Nothing more can be sent."""
        if self._state is _State.CONNECTED:
            self._state = _State.CLOSING
        self._reason = self._reason or reason
        self.output.discard()

    def _leave(self) -> None:
        """Nothing of theirs is left to do. If the connection is gone, fire ``Disconnect``, once."""
        if self._state is _State.CONNECTED:  # only what they type has ended
            self._close_after_input()
            return
        if self._state is _State.GONE or not self._is_lost:
            return
        self._state = _State.GONE
        self.input.stop_dialogues()
        self._cancel_timeout()
        self._host.disconnected(self, self._reason or "closed by peer")

    def _drop(self, size: int) -> None:
        """More bytes wait than ``output_max`` allows."""
        _log.warn(
            "{client} dropped: {size} bytes waited, more than output_max allows",
            size=size,
            **self.log_fields(),
        )
        self._host.metrics.slow_readers.add()
        self.abort("slow reader")

    def _set_timeout(self, call: Callable[[], None]) -> None:
        """Call this after ``close_timeout``."""
        self._cancel_timeout()
        timeout = self._host.settings.close_timeout
        if timeout:
            self._timeout = self._host.clock.callLater(timeout, self._timed_out, call)

    def _timed_out(self, call: Callable[[], None]) -> None:
        self._timeout = None
        call()

    def _cancel_timeout(self) -> None:
        timeout, self._timeout = self._timeout, None
        if timeout is not None:
            timeout.cancel()


#: One client, several, or nobody.
Clients: TypeAlias = Client | Iterable[Client] | None


def write_all(
    clients: Iterable[Client],
    *lines: object,
    exclude: Clients = None,
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
    encoded = message.by_profile
    excluded = {exclude} if isinstance(exclude, Client) else set(exclude or ())
    for client in tuple(clients):
        if (excluded and client in excluded) or (filter is not None and not filter(client)):
            continue
        profile = client.terminal.profile
        data = encoded.get(profile)
        client.output.put(message.encoded(profile) if data is None else data)
