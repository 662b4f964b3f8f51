"""The shell for people: Twisted's manhole, on the terminal at the other end of the socket."""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import CodeType
from typing import Any, Final

from twisted.conch.insults.insults import ServerProtocol, modes
from twisted.conch.manhole import ColoredManhole, Manhole, ManholeInterpreter
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from cletus.ops.control.messages import Keys, Request, Resized, Typed
from cletus.ops.control.shell import FILE, Namespace, captured, stepwise, words_of
from cletus.service.service import Service
from cletus.version import __version__

_HISTORY_MAX: Final = 1000  # lines that the arrow keys can bring back
_COLOURED_MAX: Final = 4096  # bytes of a statement that is coloured anew with each key
_PASTED: Final = 16  # bytes that nobody types at once
_SIZE_MAX: Final = 10_000  # columns or rows; no window is larger
_CTRL_U, _CTRL_K = b"\x15", b"\x0b"
_NAME_AT_END: Final = re.compile(r"[\w.]*\Z")


class TerminalShell:
    """A prompt on somebody's terminal.

    Args:
        service: inside which it is.
        show: takes what the terminal shows.
        ended: takes the exit code, when the person leaves.
    """

    def __init__(
        self, service: Service, show: Callable[[bytes], None], ended: Callable[[int], None]
    ) -> None:
        self._service = service
        self._namespace = Namespace(service)
        self._screen = ServerProtocol()
        self._wire = _Wire(show, ended)

    def begin(self, request: Request) -> None:
        """Show where one is, and the prompt."""
        self._screen.protocolFactory = lambda: Prompt(
            self._namespace, self._greeting(), request.colours
        )
        self._screen.makeConnection(self._wire)
        self._resize(request.columns, request.rows)

    def take(self, keys: Keys) -> None:
        """Keys, or another size of the window."""
        prompt = self._screen.terminalProtocol
        if isinstance(keys, Typed) and prompt is not None:
            prompt.is_pasted = len(keys.data) > _PASTED
            self._screen.dataReceived(keys.data)
        elif isinstance(keys, Resized):
            self._resize(keys.columns, keys.rows)

    def lost(self) -> None:
        """Forget all that was typed: nothing of it keeps old code alive."""
        self._wire.closed = True
        self._screen.connectionLost(Failure(ConnectionDone()))
        self._namespace.clear()

    def _resize(self, columns: int, rows: int) -> None:
        prompt = self._screen.terminalProtocol
        if prompt is not None:
            prompt.terminalSize(*(max(1, min(size, _SIZE_MAX)) for size in (columns, rows)))

    def _greeting(self) -> str:
        stores = [store.__name__ for store in self._service.session.stores.values()]
        names = ", ".join(["service", "session", "clients", "events", *sorted(stores)])
        return (
            f"Cletus {__version__}, generation {self._service.session.generation}. "
            f"Nobody is served while what you type runs.\nNames: {names}. Ctrl-D leaves.\n"
        )


class Prompt(ColoredManhole):
    """Manhole's prompt, for text in any script, with completion, and gentle to the terminal.

    Args:
        namespace: the names that it knows.
        greeting: shown before the first prompt.
        colours: whether what is typed is coloured.

    Attributes:
        is_pasted: whether the keys that come now are so many that to colour the line with each would
            hold up the service.
    """

    def __init__(self, namespace: Namespace, greeting: str, colours: bool) -> None:
        super().__init__()
        self._names = namespace
        self._greeting = greeting
        self._colours = colours
        self._character = b""  # of which not all bytes have come
        self.is_pasted = False

    def connectionMade(self) -> None:
        """Show the greeting and the prompt."""
        super().connectionMade()
        self.interpreter: Interpreter = Interpreter(self, self._names)
        self.keyHandlers[_CTRL_U] = self.handle_erase
        self.keyHandlers[_CTRL_K] = self.handle_cut

    def connectionLost(self, reason: Any) -> None:
        """What is still being waited for is given up."""
        self.interpreter.give_up()
        self.interpreter.resetBuffer()
        self.historyLines.clear()
        super().connectionLost(reason)

    def initializeScreen(self) -> None:
        """Manhole would clear the screen here."""
        self.terminal.write(self._greeting)
        self.terminal.write(self.ps[self.pn])
        self.setInsertMode()

    def terminalSize(self, width: int, height: int) -> None:
        """Manhole would clear the screen here, too."""
        self.width, self.height = width, height

    def leave(self) -> None:
        """The terminal inserts no more, as it did before, and the connection ends."""
        if self._needsNewline():
            self.terminal.nextLine()
        self.terminal.resetModes([modes.IRM])
        self.terminal.transport.loseConnection()

    # -- keys -------------------------------------------------------------------------------

    def keystrokeReceived(self, key: bytes, modifier: object) -> None:
        """Manhole knows ASCII only, and logs what else is typed."""
        if key in self.keyHandlers:
            self.keyHandlers[key]()
        elif len(key) > 1 or key < b" " or modifier is not None:
            pass  # a function key, such as ``[F1]``, or one with Ctrl or Alt
        elif key < b"\x80":
            self.characterReceived(key, False)
        else:
            self._part_of_character(key)

    def _part_of_character(self, part: bytes) -> None:
        self._character += part
        try:
            self._character.decode()
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                self._character = b""
            return
        whole, self._character = self._character, b""
        self.characterReceived(whole, False)

    def characterReceived(self, ch: bytes, more: bool) -> None:
        """Insert a character; if the line is no Python so far, it has no colour."""
        if not self._colours or self.is_pasted or len(self.getSource()) > _COLOURED_MAX:
            Manhole.characterReceived(self, ch, more)
            return
        try:
            super().characterReceived(ch, more)
        except (SyntaxError, ValueError, IndexError):  # the tokenizer's; manhole knows but one
            self.terminal.write(ch)

    def handle_QUIT(self) -> None:
        """Ctrl-D on an empty line, or Ctrl-backslash."""
        self.leave()

    def handle_INT(self) -> None:
        """Ctrl-C: forget the line, and wait no more for what is awaited."""
        self.interpreter.give_up()
        super().handle_INT()

    def handle_RETURN(self) -> None:
        """The line is complete."""
        super().handle_RETURN()
        del self.historyLines[:-_HISTORY_MAX]
        self.historyPosition = min(self.historyPosition, len(self.historyLines))

    def handle_erase(self) -> None:
        """Ctrl-U: forget the line."""
        self.handle_HOME()
        self.handle_cut()

    def handle_cut(self) -> None:
        """Ctrl-K: forget what is right of the cursor."""
        del self.lineBuffer[self.lineBufferIndex :]
        self.terminal.eraseToLineEnd()

    def handle_TAB(self) -> None:
        """Complete the name before the cursor; where there is none, indent."""
        before = b"".join(self.lineBuffer[: self.lineBufferIndex]).decode()
        match = _NAME_AT_END.search(before)
        text = match[0] if match else ""
        if not text:
            for _ in range(self.TABSTOP - self.lineBufferIndex % self.TABSTOP):
                self.characterReceived(b" ", False)
            return
        found = self._names.completions(text)
        common = _common(found)
        if len(common) > len(text):
            self._deliverBuffer(common[len(text) :].encode())
        elif len(found) > 1:
            self.terminal.nextLine()
            self.terminal.write("  ".join(one.rpartition(".")[2] for one in found))
            self.terminal.nextLine()
            self._redraw()

    def _redraw(self) -> None:
        self.drawInputLine()
        behind = len(self.lineBuffer) - self.lineBufferIndex
        if behind:
            self.terminal.cursorBackward(behind)

    def _deliverBuffer(self, buf: bytes | list[bytes]) -> None:
        """Show a line again; manhole would take characters to pieces."""
        text = (buf if isinstance(buf, bytes) else b"".join(buf)).decode()
        for number, character in enumerate(text, 1):
            self.characterReceived(character.encode(), number < len(text))

    def addOutput(self, data: str, by_itself: bool | None = None) -> None:
        """Show something; if it comes by itself, in place of the prompt, which comes again below."""
        if by_itself:
            self.terminal.write(b"\r")
            self.terminal.eraseLine()
        self.terminal.write(data.encode(errors="replace"))
        if by_itself:
            if self._needsNewline():
                self.terminal.nextLine()
            self._redraw()


class Interpreter(ManholeInterpreter):
    """Manhole's interpreter, which also awaits, and keeps nothing of what has failed.

    Args:
        handler: its prompt.
        namespace: the names that it knows.
    """

    def __init__(self, handler: Prompt, namespace: Namespace) -> None:
        super().__init__(handler, namespace, FILE)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._awaited: dict[Deferred[None], None] = {}
        self._typing = True  # whether the prompt is there; else a statement runs
        self._page: io.StringIO | None = None

    def push(self, line: bytes) -> Any:
        """A line: as manhole's, but a compiler that gives up is no end of the connection."""
        self._typing = False
        try:
            return super().push(line)
        except Exception as error:  # noqa: BLE001 - RecursionError, MemoryError: by what was typed
            self.resetBuffer()
            self.write(words_of(error))
            return False
        finally:
            self._typing = True

    def runcode(self, code: CodeType, *_: object) -> None:
        """Run one statement. Whatever it raises is shown; ``exit()`` leaves."""
        try:
            with self._captured():
                result = eval(code, self.locals)  # noqa: S307 - that is what a shell is for
        except BaseException as error:  # noqa: BLE001 - it is shown to whoever has typed it
            self._show_error(error)
        else:
            if inspect.iscoroutine(result):
                self._await(result)

    def showsyntaxerror(self, *_: object, **__: object) -> None:
        """As Python's own, which would keep the error in ``sys.last_value``."""
        error = sys.exception()
        if error is not None:
            self.write(words_of(error))

    def displayhook(self, obj: object) -> None:
        """Show a value; of a Deferred that has not fired, its number, and later what it fires with."""
        if obj is not None:
            super().displayhook(obj)
            self.write("\n")

    def write(self, data: str, by_itself: bool | None = None) -> None:
        """Show something: with the rest of a statement that runs, or by itself."""
        if self._page is None:
            self.handler.addOutput(data, self._typing)
        else:
            self._page.write(f"{data}\n" if by_itself else data)

    def give_up(self) -> None:
        """Nobody waits any more."""
        for waiting in list(self._awaited):
            waiting.cancel()

    @contextmanager
    def _captured(self) -> Generator[None]:
        """What a statement shows is shown in one piece: nobody sees anything before it is over."""
        page = self._page = io.StringIO()
        try:
            with captured(page, self.displayhook):
                yield
        finally:
            self._page = None
            if page.tell():
                self.write(page.getvalue())

    def _await(self, coroutine: Any) -> None:
        waiting = Deferred.fromCoroutine(stepwise(coroutine, self._captured))
        self._awaited[waiting] = None
        waiting.addErrback(self._failed)
        waiting.addCallback(lambda _: self._awaited.pop(waiting))
        if waiting in self._awaited:
            self.write("(waiting; Ctrl-C gives up)\n")

    def _failed(self, failure: Failure) -> None:
        if failure.value is not None and not failure.check(CancelledError):
            self._show_error(failure.value)

    def _show_error(self, error: BaseException) -> None:
        if isinstance(error, SystemExit):
            self.handler.leave()
        else:
            self.write(words_of(error))


def _common(names: list[str]) -> str:
    """What all of these begin with."""
    if not names:
        return ""
    first, last = min(names), max(names)
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return first[:length]


class _Wire:
    """What manhole takes for the connection: the bytes go out as messages."""

    def __init__(self, show: Callable[[bytes], None], ended: Callable[[int], None]) -> None:
        self._show = show
        self._ended = ended
        self.closed = False

    def write(self, data: bytes) -> None:
        """Send this to the terminal."""
        if not self.closed:
            self._show(data)

    def loseConnection(self) -> None:
        """The person leaves."""
        if not self.closed:
            self.closed = True
            self._ended(0)
