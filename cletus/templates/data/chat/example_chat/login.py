"""How people come in and leave."""

from cletus import Dialogue, events, step
from cletus.contrib.commands import Refused
from cletus.contrib.users import check_name
from cletus.storage import Field

from example_chat.core import service
from example_chat.people import Person, everyone, tell_everyone

GREETING = "Welcome to the chat!"


class Login(Dialogue):
    """What whoever connects is asked.

    Steps and fields survive a reload: people stay where they are in it.
    """

    name = Field("")

    def begin(self) -> None:
        """They have just connected."""
        self.client.write(GREETING)

    @step("What is your name? ")
    def ask_name(self, line: str) -> object:
        """What cannot be a name is refused, and asked again."""
        name = check_name(line)
        person = Person.manager.get_by_username(name)
        if person is None:
            self.name = name
            return self.ask_about
        if person.is_online:
            raise Refused(f"{person} is here already. Who are you?")
        return self.enter(person)

    @step(lambda self: f"What should people know about you, {self.name}? ")
    def ask_about(self, line: str) -> object:
        """Somebody new."""
        if Person.manager.get_by_username(self.name) is not None:
            self.client.write(f"Somebody else is {self.name} by now.")
            return self.ask_name
        about = line.strip()
        return self.enter(Person(self.name, name=self.name, about=about))

    def enter(self, person: Person) -> object:
        """They are in; what they type from now on goes to commands.py."""
        person.visits += 1
        person.save_soon()
        person.log_in(self.client)
        names = ", ".join(map(str, everyone()))
        person.write(f"Here now: {names}. Type .help for what you can do.")
        tell_everyone(f"* {person} comes in.", but=person)
        return self.done()


@service.listen(events.Connect)
def connect(event: events.Connect) -> None:
    """Somebody has connected."""
    event.client.start_dialogue(Login())


@service.listen(events.Disconnect)
def disconnect(event: events.Disconnect) -> None:
    """Somebody is gone, in whatever way."""
    person = event.user
    if person is not None:
        person.log_out()
        tell_everyone(f"* {person} leaves.")
