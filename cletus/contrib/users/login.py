"""The login dialogue: a name, then a password or a new account.

It is a ``Dialogue``, so everybody stays at their step through a reload. Every question is a step and
every decision a method, so a subclass overrides only what it wants to change:

    class Login(LoginDialogue):
        banner = "Welcome to the Lantern."

        def registered(self):
            return self.ask_pronouns

        @step("What are your pronouns? ")
        def ask_pronouns(self, line):
            self.user.pronouns = line
            return self.enter()

A password is never kept in clear: between choosing and repeating it, the dialogue holds its hash.
"""

from __future__ import annotations

from contextlib import suppress
from math import ceil
from typing import Any

from twisted.internet.defer import Deferred

from cletus.client.client import Client
from cletus.client.dialogue import Dialogue, step
from cletus.contrib.addresses import origin_of
from cletus.contrib.users.authenticate import check_password
from cletus.contrib.users.events import LoginFailed
from cletus.contrib.users.hashing import Urgency, hash_password, queued_as
from cletus.contrib.users.interfaces import Accounts
from cletus.contrib.users.password import check_new_password, matches
from cletus.contrib.users.tokens import TokensMixin, is_private
from cletus.errors import InvalidKey, KeyInUse, NameRefused, StorageError
from cletus.logs.audit import audit
from cletus.service.timers import Timer
from cletus.storage import Field
from cletus.storage.keys import normalise
from cletus.text import gettext as _
from cletus.text import ngettext

#: Passwords and names that one connection may try.
TRIES_MAX = 3
NAMES_MAX = 10
#: Seconds between two looks whether a connection that is gone has handled all that was typed there.
_PAUSE = 0.1


class LoginDialogue(Dialogue):
    """Finds out who has connected. Its result is the user.

    Attributes:
        banner: shown first; may have several lines.
        motd: the message of the day, shown after login.
        registration: whether new accounts can be created. If not, an unknown name is asked for a
            password and refused like a wrong one.
        store: the name of the store of users.
        name: the name that was given, of an account or for a new one.
        claimed: the name that they gave at their door (SSH), until it has been taken as the first line.
        is_new: whether an account is being created.
        guest: the key of the guest that they have become.
        registers_guest: whether a guest who is logged in is creating an account (``Users.register``).
        hashed: the hash of a new password, until it has been repeated.
        token: the token that they have logged in with, in place of a password.
        names_tried: how many names were tried.
        tries: how many passwords were wrong.
        deadline: the timer that ends the dialogue.
    """

    banner: str = ""
    motd: str = ""
    registration: bool = True

    store: Field[str] = Field("user")
    name: Field[str] = Field("")
    claimed: Field[str] = Field("")
    is_new: Field[bool] = Field(False)
    guest: Field[str] = Field("")
    registers_guest: Field[bool] = Field(False)
    hashed: Field[str] = Field("")
    token: Field[str] = Field("")
    names_tried: Field[int] = Field(0)
    tries: Field[int] = Field(0)
    deadline: Field[Timer | None] = Field(None, session=True)

    # -- override these to change what people see --------------------------------------------

    def message_of_the_day(self) -> str:
        """The text shown after login; by default ``motd``. It may have several lines."""
        return self.motd

    def welcome(self) -> None:
        """Greet a user who is about to come online; by default with the message of the day."""
        if self.message_of_the_day():
            self.client.write(*self.message_of_the_day().split("\n"))

    def returned(self) -> None:
        """Greet a user who was online already and is about to go on at this connection."""
        self.client.write(_("Welcome back, {user}.", user=self.user))

    def registered(self) -> Any:
        """Called when the new account has been saved. Returns what a step may return.

        By default the user enters. A subclass may return a step that asks for more; the last such
        step returns ``self.enter()``.
        """
        return self.enter()

    # -- the steps --------------------------------------------------------------------------

    def begin(self) -> None:
        """Show the banner and start the time limit."""
        if self.registers_guest:
            return
        seconds = self.client.service.settings.users_login_time
        if seconds:
            self.deadline = self.client.service.call_later(seconds, login_time_over, self.client)
        if self.banner:
            self.client.write(*self.banner.split("\n"))
        claim = self.client.claim
        if claim is not None and claim.name:
            self.claimed = claim.name
            self.client.put_back(claim.name)  # as if they had typed it

    @step(lambda self: self.prompt_for_name())
    async def ask_name(self, line: str) -> Any:
        """A name: of an account, or for a new one."""
        name = line.strip()
        claimed, self.claimed = self.claimed, ""
        if claimed == name and self.has_proven(name):
            self.name = name
            return self.check_ban() or await self.check_login_since() or self.enter()
        if not name:
            return self.done() if self.registers_guest else None
        self.names_tried += 1
        if self.names_tried > NAMES_MAX:
            return self.refuse(_("Too many names tried. Goodbye!"), "too many names")
        self.name = name
        if self.registers_guest:
            self.name = await self.users.check_name(name)
            self.is_new = True
            return self.choose_password
        if name.lower() == "guest" and self.users.guest is not None:
            return self.enter_as_guest()
        if not self.registration or self.account is not None:
            return self.ask_password  # without registration no file is read: that would take time
        self.name = await self.users.check_name(name)
        return self.confirm_new

    @step(lambda self: _("There is no account called {name}. Create it (y/n)? ", name=self.name))
    def confirm_new(self, line: str) -> Any:
        """Yes or no: create an account of that name."""
        answer = line.strip().lower()
        if answer not in ("y", "yes"):
            return self.ask_name if answer in ("n", "no") else None
        self.is_new = True
        return self.choose_password

    @step(_("Choose a password: "), hidden=True)
    async def choose_password(self, line: str) -> Any:
        """The password of the new account."""
        service = self.client.service
        password = check_new_password(line, name=self.name, line_max=service.settings.line_max)
        with queued_as(Urgency.NEW, self.origin):
            hashed = hash_password(service, password)
        self.hashed = await hashed
        return self.repeat_password

    @step(_("Type it again, to be sure: "), hidden=True)
    async def repeat_password(self, line: str) -> Any:
        """The same password again; then the account is created."""
        with queued_as(Urgency.NEW, self.origin):
            is_same = Deferred.fromCoroutine(matches(self.client.service, self.hashed, line))
        if await is_same:
            return await self.register()
        self.tries += 1
        if self.tries >= TRIES_MAX:
            return self.refuse(_("Too many tries. Goodbye!"), "could not repeat a password")
        self.client.write(_("The passwords differ."))
        return self.choose_password

    @step(_("Your password? "), hidden=True)
    async def ask_password(self, line: str) -> Any:
        """The password of the account."""
        wait = self.users.throttle.try_login(self.key, self.origin, familiar=self.is_familiar)
        if wait < 0:
            text = ngettext(
                "Too many failed logins. Try again in {count} second.",
                "Too many failed logins. Try again in {count} seconds.",
                ceil(-wait),
            )
            return self.refuse(text, "throttled")
        if wait:
            self.client.write(
                ngettext(
                    "Too many failed logins. Please wait {count} second.",
                    "Too many failed logins. Please wait {count} seconds.",
                    ceil(wait),
                )
            )
            await self.wait_in_line(wait)
        if await self.check(line):
            return self.check_ban() or self.enter()
        self.tries += 1
        if self.tries >= TRIES_MAX:
            return self.refuse(_("Too many wrong passwords. Goodbye!"), "wrong passwords")
        self.client.write(_("Wrong password."))
        self.client.service.fire(
            LoginFailed(self.client.service, self.client, _("Wrong password."))
        )
        return self.ask_name

    def left(self) -> None:
        """Clean up after somebody who has disconnected."""
        self._stop_deadline()
        user = self.users.user.manager.active().get(self.key)
        if self.is_new and user is not None and not user.is_online:
            user.log_out()

    # -- what the steps are made of ---------------------------------------------------------

    @property
    def users(self) -> Accounts:
        """What the application made with ``Users(service, User)``, in the current code."""
        store_cls: Any = self.client.service.session.find(self.store)
        users: Accounts = store_cls.users
        return users

    @property
    def account(self) -> Any:
        """The account of the name that was given, without making it active; ``None`` if there is none."""
        return self.users.user.manager.peek(self.name)

    @property
    def user(self) -> Any:
        """The account or guest that they are, made active."""
        if self.guest:
            return self.users.guest.manager.active()[self.guest]  # type: ignore[union-attr]  # there is one
        return self.users.user.manager.get_by_username(self.name)

    @property
    def key(self) -> str:
        """The key that an account of the given name has or would have."""
        account = None if self.is_new else self.account
        if account is not None:
            return str(account.key)
        try:
            return normalise(self.name.strip())
        except InvalidKey:
            return "?"

    @property
    def origin(self) -> str:
        """Where they connect from, as limits count it."""
        return origin_of(self.client.address)

    @property
    def is_familiar(self) -> bool:
        """Whether the account has logged in from this origin before."""
        account = self.account
        return account is not None and account.has_logged_in_from(self.origin)

    def prompt_for_name(self) -> str:
        """The prompt of the first step."""
        if self.claimed:  # it is answered already
            return ""
        if self.registers_guest:
            return _("What name do you want (Enter to stay a guest)? ")
        if self.users.guest is not None:
            return _("What is your name (or guest)? ")
        return _("What is your name? ")

    def has_proven(self, name: str) -> bool:
        """Whether they have proved at their door (SSH) that this is their account."""
        claim = self.client.claim
        is_proven = claim is not None and claim.proven and claim.name == name
        return is_proven and self.users.user.manager.peek(name) is not None

    async def check(self, password: str) -> bool:
        """Whether this is the password of the account, which need not exist.

        Raises:
            PasswordsBusy: too many passwords are waiting to be hashed; the try is not counted.
        """
        account = self.account
        if self._is_token(account, password):
            familiar = account.has_logged_in_from(self.origin)
            self.users.throttle.succeeded(self.key, self.origin, familiar=familiar)
            self.token = password
            return True
        return await check_password(
            self.users, self.client.service, account, self.key, self.origin, password
        )

    def _is_token(self, account: Any, text: str) -> bool:
        """Whether this is a token of the account, and came on a way that nobody can listen on."""
        if not isinstance(account, TokensMixin) or not is_private(self.client):
            return False
        return account.has_token(text, self.users.now())

    async def wait_in_line(self, seconds: float) -> None:
        """Wait until the try is due. Those who leave lose their place in the line."""
        account, origin, familiar = self.key, self.origin, self.is_familiar
        try:
            await self.pause(seconds)
        except BaseException:
            self.users.throttle.leave_line(account, origin, familiar=familiar)
            self.users.throttle.succeeded(account, origin, familiar=familiar)
            raise

    def check_ban(self) -> Any:
        """``None``, or what a step returns to turn away a user whose name is banned."""
        bans = self.users.bans
        ban = bans.of_name(self.key) or bans.of_name(self.name)  # an account may have two names
        return None if ban is None else self.refuse(ban.text_for(None), "banned")

    async def check_login_since(self) -> Any:
        """``None``, or what a step returns to turn away who has come by another connection since."""
        if self.client.claim is None or not self.client.claim.is_back:
            return None
        users = self.users.user.manager
        while (user := users.active().get(self.key)) is not None and user.client is not None:
            if user.client.connected:
                text = _("You have logged in from another connection. This one is closed.")
                return self.refuse(text, "replaced by a new connection")
            # Their connection of before is gone, and has yet to handle what was typed there.
            await self.pause(_PAUSE)
        return None

    async def register(self) -> Any:
        """Create the account and save it. Returns what a step may return."""
        users = self.users
        per_hour = self.client.service.settings.users_accounts_per_hour
        if not users.throttle.take("account", self.origin, per_hour):
            text = _("Too many new accounts from your address. Try again later.")
            return self.refuse(text, "flood")
        try:
            user = users.create(self.name, self.hashed)
        except (NameRefused, KeyInUse):
            self.client.write(_("Somebody has just taken that name."))
            self.is_new = False
            return self.ask_name
        try:
            await user.save_soon()
        except StorageError:
            user.log_out()  # an account that is not on disk must not stay active
            with suppress(StorageError):
                user.delete()  # nor be saved after all, when they have been told that it was not
            raise
        audit("account created", user.key)
        self.hashed = ""
        return self.registered()

    def enter_as_guest(self) -> Any:
        """Let them in without an account."""
        self.guest = self.users.new_guest().key
        return self.enter()

    def enter(self) -> Any:
        """Return this from a step to let ``self.user`` in and end the dialogue."""
        user, users, client = self.user, self.users, self.client
        if not client.connected:
            # They left while their password was checked: the user must not come online.
            return self.done()
        self._stop_deadline()
        if self.registers_guest and client.user is not None:
            client.user.leave_client("registered")
        if self.token:
            user.revoke_token(self.token)
            self.token = ""
        users.note_login(user, client)
        if user.is_online:
            self.returned()
        else:
            self.welcome()
        user.arrive(client, is_new=self.is_new)
        return self.done(user)

    def refuse(self, text: str, reason: str) -> Any:
        """Return this from a step to turn them away.

        Args:
            text: what they are told.
            reason: a short phrase for the log.
        """
        self._stop_deadline()
        self.client.write(text)
        self.client.service.fire(LoginFailed(self.client.service, self.client, text))
        self.client.close(reason)
        return self.done()

    def pause(self, seconds: float) -> Deferred[None]:
        """Await this in a step to wait. Lines that are typed meanwhile wait, too."""
        paused: Deferred[None] = Deferred(lambda _: timer.cancel())
        timer = self.client.service.clock.callLater(seconds, paused.callback, None)
        return paused

    def _stop_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def login_time_over(client: Client) -> None:
    """Close a connection that is still logging in when its time is over."""
    if any(isinstance(dialogue, LoginDialogue) for dialogue in client.dialogues):
        client.write("", _("You took too long to log in. Goodbye!"))
        client.close("login took too long")
