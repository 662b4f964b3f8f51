"""Login and logout."""

from cletus import Dialogue, events, step
from cletus.contrib.commands import Refused
from cletus.contrib.users import check_name, save_for
from cletus.storage import Field

from example_chat.core import service
from example_chat.people import Person, everyone, tell_everyone

GREETING = "Welcome to the chat!"


class Login(Dialogue):
    """The questions that people are asked when they connect.

    Steps and fields survive a reload: people stay at their question.
    """

    name = Field("")

    def begin(self) -> None:
        """Called when the dialogue starts."""
        self.client.write(GREETING)

    @step("What is your name? ")
    def ask_name(self, line: str) -> object:
        """If check_name refuses the name, this asks again."""
        name = check_name(line)
        person = Person.manager.get_by_username(name)
        if person is None:
            self.name = name
            return self.ask_about
        if person.is_online:
            raise Refused(f"{person} is already online. Choose another name.")
        return self.enter(person)

    @step(lambda self: f"Say something about yourself, {self.name}: ")
    def ask_about(self, line: str) -> object:
        """The name is new: ask for a text about its owner."""
        if Person.manager.get_by_username(self.name) is not None:
            self.client.write(f"Somebody has just taken the name {self.name}.")
            return self.ask_name
        about = line.strip()
        return self.enter(Person(self.name, name=self.name, about=about))

    def enter(self, person: Person) -> object:
        """Log in. From now on, commands.py gets the lines that they type."""
        person.visits += 1
        save_for(person, person)
        person.log_in(self.client)
        names = ", ".join(map(str, everyone()))
        person.write(f"Online: {names}. Type .help for a list of commands.")
        tell_everyone(f"* {person} comes in.", exclude=person, by=person)
        return self.done()


@service.listen(events.Connect)
def connect(event: events.Connect) -> None:
    """Start the login dialogue."""
    event.client.start_dialogue(Login())


@service.listen(events.Disconnect)
def disconnect(event: events.Disconnect) -> None:
    """Log out, for whatever reason the connection ended."""
    person = event.user
    if person is not None:
        person.log_out()
        tell_everyone(f"* {person} leaves.", by=person)
