"""Logging in, as a dialogue: a name, then a new account or a password.

It is a ``Dialogue``, so a reload keeps everybody at their step. Every question is a step and every
decision a method, so a subclass replaces what it wants to be otherwise:

    class Login(LoginDialogue):
        banner = "Welcome to the Lantern."

        def registered(self):
            return self.ask_pronouns

        @step("What are your pronouns? ")
        def ask_pronouns(self, line):
            self.user.pronouns = line
            return self.enter()

No clear password is ever kept: between choosing it and repeating it, the dialogue has its hash.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from cletus.client.dialogue import Dialogue, step
from cletus.contrib.users.addresses import origin_of
from cletus.contrib.users.hashing import hash_password
from cletus.contrib.users.password import check_new_password, fits
from cletus.errors import InvalidKey, KeyInUse, NameRefused, PasswordsBusy, StorageError
from cletus.service.timers import Timer
from cletus.storage import Field
from cletus.storage.keys import normalise

if TYPE_CHECKING:
    from cletus.client.client import Client
    from cletus.contrib.users.users import Users

#: Names and passwords that one connection may try.
TRIES_MAX = 3
NAMES_MAX = 10


class LoginDialogue(Dialogue):
    """Finds out who somebody is. Its result is the user.

    Attributes:
        banner: shown first; a text of several lines.
        motd: the message of the day, shown to whoever has come in.
        registration: whether strangers may make accounts. If not, an unknown name is asked for a
            password and refused like a wrong one.
        store: the name of the store of users.
        name: who they say they are, or what they want to be called.
        is_new: whether the account is being made.
        guest: the key of the guest that they have become.
        hashed: the hash of a new password, until it has been typed again.
        names_tried: how many names have been refused them.
        tries: how many passwords were wrong.
        deadline: the timer that ends it.
    """

    banner: str = ""
    motd: str = ""
    registration: bool = True

    store: Field[str] = Field("user")
    name: Field[str] = Field("")
    is_new: Field[bool] = Field(False)
    guest: Field[str] = Field("")
    hashed: Field[str] = Field("")
    names_tried: Field[int] = Field(0)
    tries: Field[int] = Field(0)
    deadline: Field[Timer | None] = Field(None, session=True)

    # -- what to override, if only words are to be different ---------------------------------

    def message_of_the_day(self) -> str:
        """What whoever has come in is shown; by itself ``motd``. Lines are separated by newlines."""
        return self.motd

    def welcome(self) -> None:
        """They come in right after this: greet them. By itself it shows the message of the day."""
        if self.message_of_the_day():
            self.client.write(*self.message_of_the_day().split("\n"))

    def returned(self) -> None:
        """They were here already and go on on this connection, right after this."""
        self.client.write(f"Welcome back, {self.user}.")

    def registered(self) -> Any:
        """Their account has just been made and saved. Returns what a step may.

        By itself they come in; a subclass may return a step that asks for more, and at whose end
        ``self.enter()`` is returned.
        """
        return self.enter()

    # -- the steps --------------------------------------------------------------------------

    def begin(self) -> Any:
        """Greet them, and let their time run."""
        seconds = self.client.service.settings.users_login_time
        if seconds:
            self.deadline = self.client.service.call_later(seconds, login_time_over, self.client)
        if self.banner:
            self.client.write(*self.banner.split("\n"))

    @step(lambda self: self.prompt_for_name())
    async def ask_name(self, line: str) -> Any:
        """They have said who they are or want to be."""
        name = line.strip()
        if not name:
            return None
        self.names_tried += 1
        if self.names_tried > NAMES_MAX:
            return self.refuse("Those are enough names for today. Goodbye!", "too many names")
        self.name = name
        if name.lower() == "guest" and self.users.guest is not None:
            return self.enter_as_guest()
        if self.account is not None or not self.registration:
            return self.ask_password
        self.name = await self.users.check_name(name)
        return self.confirm_new

    @step(lambda self: f"Nobody here is called {self.name}. Is that who you want to be (y/n)? ")
    def confirm_new(self, line: str) -> Any:
        """They have said whether they want a new account."""
        answer = line.strip().lower()
        if answer not in ("y", "yes"):
            return self.ask_name if answer in ("n", "no") else None
        self.is_new = True
        return self.choose_password

    @step("Choose a password: ", hidden=True)
    async def choose_password(self, line: str) -> Any:
        """They have chosen a password for their new account."""
        service = self.client.service
        password = check_new_password(line, name=self.name, line_max=service.settings.line_max)
        self.hashed = await hash_password(service, password)
        return self.repeat_password

    @step("The same again, to be sure: ", hidden=True)
    async def repeat_password(self, line: str) -> Any:
        """They have repeated it: make the account."""
        if await fits(self.client.service, self.hashed, line):
            return await self.register()
        self.tries += 1
        if self.tries >= TRIES_MAX:
            return self.refuse(
                "Come back when you have one. Goodbye!", "could not repeat a password"
            )
        self.client.write("Those were different.")
        return self.choose_password

    @step("Your password? ", hidden=True)
    async def ask_password(self, line: str) -> Any:
        """They have given the password of the account of that name."""
        wait = self.users.throttle.try_login(self.key, self.origin, familiar=self.is_familiar)
        if wait < 0:
            text = f"There were too many failed logins. Try again in {ceil(-wait)} seconds."
            return self.refuse(text, "throttled")
        if wait:
            self.client.write(f"There were too many failed logins. Wait {ceil(wait)} seconds.")
            await self.pause(wait)
        if await self.check(line):
            return self.check_ban() or self.enter()
        self.tries += 1
        if self.tries >= TRIES_MAX:
            return self.refuse("Come back when you remember. Goodbye!", "wrong passwords")
        self.client.write("That name and that password do not belong together.")
        return self.ask_name

    def left(self) -> None:
        """They have gone: forget what only this dialogue needed."""
        self._stop_time()
        user = self.users.user.manager.active().get(self.key)
        if self.is_new and user is not None and not user.is_online:
            user.log_out()

    # -- what steps are made of -------------------------------------------------------------

    @property
    def users(self) -> Users:
        """What the application made with ``Users(service, User)``, in the code in force."""
        store_cls: Any = self.client.service.session.find(self.store)
        users: Users = store_cls.users
        return users

    @property
    def account(self) -> Any:
        """The account of the name that they gave, saved or active; ``None`` if there is none."""
        return self.users.user.manager.peek(self.name)

    @property
    def user(self) -> Any:
        """Who they are: their account or guest, made active."""
        if self.guest:
            return self.users.guest.manager.active()[self.guest]  # type: ignore[union-attr]  # there is one
        return self.users.user.manager.get(self.name)

    @property
    def key(self) -> str:
        """What an account of the name that they gave is called, whether there is one or not."""
        try:
            return normalise(self.name.strip())
        except InvalidKey:
            return "?"

    @property
    def origin(self) -> str:
        """Where they come from, for budgets."""
        return origin_of(self.client.address)

    @property
    def is_familiar(self) -> bool:
        """Whether that account has logged in from there before."""
        account = self.account
        return account is not None and account.has_come_from(self.origin)

    def prompt_for_name(self) -> str:
        """What the first step asks."""
        guests = " (or guest)" if self.users.guest is not None else ""
        return f"What is your name{guests}? "

    async def check(self, password: str) -> bool:
        """Whether this is the password of that account; there need not be one.

        Raises:
            PasswordsBusy: too many wait to be hashed; it counts as no try.
        """
        account, throttle = self.account, self.users.throttle
        familiar = account is not None and account.has_come_from(self.origin)
        try:
            if account is None:
                right = await fits(self.client.service, None, password)
            else:
                right = await account.check_password(password)
        except PasswordsBusy:
            throttle.forgive(self.key, self.origin, familiar=familiar)
            raise
        if right:
            self.users.throttle.forgive(self.key, self.origin, familiar=familiar)
        return bool(right)

    def check_ban(self) -> Any:
        """``None``, or what a step returns to turn away somebody whose name is banned."""
        ban = self.users.bans.of_name(self.name)
        return None if ban is None else self.refuse(str(ban), "banned")

    async def register(self) -> Any:
        """Make the account and save it; returns what a step may."""
        users = self.users
        per_hour = self.client.service.settings.users_accounts_per_hour
        if not users.throttle.take("account", self.origin, per_hour):
            return self.refuse("Your address has made many accounts. Try again later.", "flood")
        try:
            user = users.create(self.name, self.hashed)
        except (NameRefused, KeyInUse):
            self.client.write("Somebody has just taken that name.")
            self.is_new = False
            return self.ask_name
        try:
            await user.save_soon()
        except StorageError:
            user.log_out()  # else somebody would have an account that is on no disk
            raise
        self.hashed = ""
        return self.registered()

    def enter_as_guest(self) -> Any:
        """Let them in without an account."""
        self.guest = self.users.new_guest().key
        return self.enter()

    def enter(self) -> Any:
        """Return this from a step to let them in and end the dialogue. ``self.user`` is who they are."""
        user, users, client = self.user, self.users, self.client
        if not client.connected:
            return (
                self.done()
            )  # they went while their password was checked: nobody is to wait for them
        self._stop_time()
        users.recognise(user, client)
        if user.is_online:
            self.returned()
        else:
            self.welcome()
        user.arrive(client, is_new=self.is_new)
        return self.done(user)

    def refuse(self, text: str, reason: str) -> Any:
        """Return this from a step to turn them away, with words for them and words for the log."""
        self._stop_time()
        self.client.write(text)
        self.client.close(reason)
        return self.done()

    def pause(self, seconds: float) -> Deferred[None]:
        """Have an ``async`` step wait; what they type meanwhile waits, too."""
        paused: Deferred[None] = Deferred(lambda _: timer.cancel())
        timer = self.client.service.clock.callLater(seconds, paused.callback, None)
        return paused

    def _stop_time(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def login_time_over(client: Client) -> None:
    """Somebody has had long enough to log in."""
    if any(isinstance(dialogue, LoginDialogue) for dialogue in client.dialogues):
        client.write("", "That took too long. Goodbye!")
        client.close("login took too long")
