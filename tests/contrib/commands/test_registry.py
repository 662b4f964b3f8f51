"""What people type, and what comes of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from twisted.logger import LogLevel, globalLogPublisher

from cletus import Service
from cletus.contrib.commands import CommandRegistry, Refused, Rest
from cletus.errors import CommandDeclarationError


def last(person, line):
    return person.types(line).strip()


def test_the_rest_of_a_line_is_taken_as_it_was_typed(talk):
    assert last(talk.bob, '.say  two  "words" .say') == 'You say: two  "words" .say'


def test_names_are_found_in_any_case(talk):
    assert last(talk.bob, ".SaY hi") == "You say: hi"


def test_an_alias_that_is_a_sign_needs_no_space(talk):
    assert last(talk.bob, ".'hi") == "You say: hi"


def test_an_unambiguous_beginning_is_enough(talk):
    assert last(talk.bob, ".sa hi") == "You say: hi"


def test_an_ambiguous_beginning_names_what_it_could_be(talk):
    assert last(talk.bob, ".r") == ".r could be refuse, rename or roll."


def test_a_beginning_is_ambiguous_only_among_what_the_person_may_use(talk):
    """Somebody without the power over shutdown and shudder means shout by .sh."""
    assert last(talk.bob, ".sh hi") == "User1 shouts: hi"


def test_a_name_that_must_be_typed_in_full_is_not_abbreviated(talk):
    talk.active("user")["user1"].powers.add("admin")
    assert last(talk.bob, ".shutdow") == "There is no command .shutdow. Did you mean .shutdown?"
    assert last(talk.bob, ".shutdown") == "down"


def test_unknown_commands_get_a_suggestion(talk):
    assert last(talk.bob, ".tlel ann hi") == "There is no command .tlel. Did you mean .tell?"
    assert last(talk.bob, ".zzz") == "There is no command .zzz."


def test_a_line_of_nothing_does_nothing(talk):
    assert talk.bob.types("", ".", "  ") == ""


def test_what_a_person_may_not_use_is_not_there_for_them(talk):
    assert last(talk.bob, ".shutdown") == "There is no command .shutdown. Did you mean .shout?"
    assert "shutdown" not in "\n".join(_help(talk, talk.bob))


def test_a_group_and_its_command_must_both_allow(talk):
    for user in talk.active("user").values():
        user.powers.add("admin")
    assert last(talk.bob, ".shudder") == "brr"
    assert last(talk.ann, ".shudder") == "There is no command .shudder."


def test_a_stranger_may_use_nothing_that_needs_a_permission(talk):
    talk.active("user")["user1"].client = None
    assert last(talk.bob, ".shutdown") == "There is no command .shutdown. Did you mean .shout?"


def test_words_that_do_not_fit_get_the_usage(talk):
    assert last(talk.bob, ".tell") == "Usage: .tell <who> <message>"
    assert last(talk.bob, ".roll 6 2 3") == "Usage: .roll [sides] [times]"
    assert last(talk.bob, ".paint red") == "RED matt"
    assert last(talk.bob, ".paint") == "Usage: .paint <colour> [matt|glossy]"
    assert last(talk.bob, ".crash now").startswith("This command takes no arguments.")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (".roll", "1d6"),
        (".roll 20 3", "3d20"),
        (".roll -20", "1d-20"),
        (".roll twenty", "'twenty' is not a whole number."),
        (".roll ٣", "'٣' is not a whole number."),
        (".roll " + "9" * 4000, f"'{'9' * 4000}' is not a whole number."),
        (".nap 1h30m", "zzz 5400"),
        (".nap in 1h30m", "zzz 5400"),
        (".nap for 90s", "zzz 90"),
        (".nap for 90", "90 of what? Type 90s, 90m, 90h or 90d."),
        (".nap in", "'in' is not a duration. Examples: 90s, 5m, 1h30m, 2d."),
        (".nap in in 5m", "'in' is not a duration. Examples: 90s, 5m, 1h30m, 2d."),
        (".nap soon", "'soon' is not a duration. Examples: 90s, 5m, 1h30m, 2d."),
        (".paint gr glossy", "GREEN glossy"),
        (".paint blue", "'blue' is not green or red."),
        (".light on", "True 1.0"),
        (".light no 0.5", "False 0.5"),
        (".light maybe", "'maybe' is neither yes nor no."),
        (".light on bright", "'bright' is not a number."),
        (".light on nan", "'nan' is not a number."),
        (".light on 1e999", "'1e999' is not a number."),
        (".invite user1 user2", "user1 user2"),
        (".invite", "Usage: .invite <people ...>"),
        (".about me", "User1 is user1"),
        (".about USER2", "User2 is user2"),
        (".about user", "'user' could be user1 or user2."),
        (".about usr1", "There is no user called 'usr1'. Did you mean user1?"),
        (".about ../../etc", "There is no user called '../../etc'."),
    ],
)
def test_words_become_values_of_the_types_that_parameters_state(talk, line, answer):
    assert last(talk.bob, line) == answer


def test_somebody_saved_but_not_here_is_found_unless_they_must_be_here(talk):
    user = talk.active("user")["user2"]
    user.save()
    talk.ann.hangs_up()
    user.log_out()
    assert last(talk.bob, ".about user2") == "User2 is user2"
    assert last(talk.bob, ".tell user2 hi").startswith("There is no user called 'user2'.")


def test_a_refusal_is_told_as_it_is(talk):
    assert last(talk.bob, ".refuse") == "Not today."


class Log(list):
    """What is logged as a failure meanwhile."""

    def __enter__(self):
        globalLogPublisher.addObserver(self._observe)
        return self

    def __exit__(self, *_):
        globalLogPublisher.removeObserver(self._observe)

    def _observe(self, event):
        if event["log_level"] is LogLevel.critical:
            self.append(event)


def test_a_mistake_is_told_by_its_reference_and_logged_in_full(talk):
    with Log() as log:
        answer = last(talk.bob, ".crash")
    assert answer == "Something went wrong in .crash. It has been logged as f00."
    assert log[0]["reference"] == "f00"
    assert log[0]["log_failure"].check(KeyError)
    assert last(talk.bob, ".say still here") == "You say: still here"


def test_a_mistake_of_an_async_command_is_told_likewise(talk):
    with Log() as log:
        talk.bob.types(".crash_later", "y")
    assert "wrong in .crash_later" in talk.bob.screen
    assert log[0]["log_failure"].check(ValueError)


def test_a_mistake_is_logged_without_what_was_typed(talk):
    """A line may hold a password."""
    with Log() as log:
        talk.bob.types(".crash_later", "hunter2")
    assert "hunter2" not in repr(log[0]["log_format"]) + repr(log[0].get("client"))


def test_an_async_command_asks_questions(talk):
    assert talk.bob.types(".rename", "bob", "rob").endswith("bob to rob\n")


@pytest.mark.parametrize(
    ("how", "answer", "logged"),
    [
        ("well", "", 0),
        ("ill", "Something went wrong in .deferred. It has been logged as f00.", 1),
        ("refused", "Not so.", 0),
    ],
)
def test_a_deferred_that_fails_is_a_mistake_as_well(talk, how, answer, logged):
    with Log() as log:
        assert last(talk.bob, f".deferred {how}") == answer
    assert len(log) == logged


def test_a_saved_object_that_cannot_be_read_is_not_found(talk):
    talk.service.session.writer.write("user", "eve", b"{")
    assert last(talk.bob, ".about eve") == "There is no user called 'eve'."


def test_leaving_during_a_question_is_no_mistake(talk):
    talk.bob.types(".rename")
    with Log() as log:
        talk.bob.hangs_up()
    assert log == []


def test_a_question_is_asked_anew_by_the_code_that_a_reload_brings(talk):
    """Though the command has a cooldown: that runs from its end."""
    talk.bob.types(".rename", "bob")
    report = talk.reload(talk=lambda text: text.replace("To whom?", "New name?"))
    assert report.ok
    assert not report.holders
    assert talk.bob.types("bob").endswith("New name? ")
    assert "bob to rob" in talk.bob.types("rob")
    assert "in 10 seconds" in talk.bob.types(".rename")


def test_a_cooldown_holds_for_its_time(talk):
    talk.bob.types(".shout one")
    assert last(talk.bob, ".shout two") == "You can use .shout again in 30 seconds."
    talk.clock.advance(29)
    assert last(talk.bob, ".shout two") == "You can use .shout again in 1 second."
    talk.clock.advance(1)
    assert last(talk.bob, ".shout two") == "User1 shouts: two"


def test_a_cooldown_survives_a_reload_and_a_reconnect(talk):
    talk.bob.types(".shout one")
    talk.clock.advance(10)
    assert talk.reload().ok
    assert last(talk.bob, ".shout two") == "You can use .shout again in 20 seconds."
    user = talk.active("user")["user1"]
    again = talk.person()
    user.log_in(again.client)
    assert last(again, ".shout two") == "You can use .shout again in 20 seconds."


def test_cooldowns_are_kept_on_the_client_where_users_have_none(talk):
    talk.active("user")["user1"].client = None
    talk.bob.client.user = None
    talk.bob.types(".shout one")
    assert talk.reload().ok
    assert last(talk.bob, ".shout two") == "You can use .shout again in 30 seconds."


def test_a_wrong_use_starts_no_cooldown(talk):
    talk.bob.types(".shout")
    assert last(talk.bob, ".shout two") == "User1 shouts: two"


def test_a_reload_brings_new_commands_and_takes_removed_ones(talk):
    report = talk.reload(
        talk=lambda text: text.replace("def refuse(", "def decline(").replace("Not today", "No")
    )
    assert report.ok
    assert not report.holders
    assert last(talk.bob, ".decline") == "No."
    assert last(talk.bob, ".refuse") == "There is no command .refuse."


def test_a_wrong_declaration_refuses_the_reload(talk):
    report = talk.reload(talk=lambda text: text.replace("sides: int", "sides: 6"))
    assert not report.ok
    assert "command 'roll'" in report.error
    assert last(talk.bob, ".say hi") == "You say: hi"


def test_two_commands_cannot_have_one_name():
    commands = CommandRegistry(Service())
    commands.register(lambda event: None, name="look", aliases=("l",))
    with pytest.raises(CommandDeclarationError, match="'l' is taken"):
        commands.register(lambda event: None, name="l")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda: None, "first parameter"),
        (lambda event, *, name: None, "keyword-only"),
        (lambda event, **names: None, "keyword-only"),
    ],
)
def test_what_no_line_can_call_is_no_command(function, reason):
    with pytest.raises(CommandDeclarationError, match=reason):
        CommandRegistry(Service()).register(function, name="x")


def test_a_topic_has_one_text():
    commands = CommandRegistry(Service())
    commands.topic("Manners", "Be kind.")
    with pytest.raises(CommandDeclarationError, match="already"):
        commands.topic("manners", "Be brief.")


def test_a_converter_for_no_parameter_is_a_mistake():
    with pytest.raises(CommandDeclarationError, match="no parameter 'whom'"):
        CommandRegistry(Service()).register(lambda event, who: None, name="x", using={"whom": str})


def test_nothing_can_follow_the_rest_of_the_line():
    def tell(event, message: Rest, who): ...

    with pytest.raises(CommandDeclarationError, match="must be the last"):
        CommandRegistry(Service()).register(tell)


def test_an_annotation_that_is_not_defined_names_the_command():
    def tell(event, who: Nobody): ...  # noqa: F821 - that is what is tested

    with pytest.raises(CommandDeclarationError, match=r"command 'tell': .*Nobody"):
        CommandRegistry(Service()).register(tell)


def test_references_to_the_log_differ():
    commands = CommandRegistry(Service())
    assert commands._make_reference() != commands._make_reference()


def test_a_type_that_nothing_converts_is_found_at_registration():
    def wait(event, until: object): ...

    with pytest.raises(CommandDeclarationError, match="parameter 'until'"):
        CommandRegistry(Service()).register(wait)


def test_an_application_can_convert_its_own_types():
    commands = CommandRegistry(Service())

    class Card:
        def __init__(self, name):
            self.name = name

    @commands.converts(Card)
    def card(word, kind, event):
        return kind(word)

    def play(event, which: Card): ...

    play.__annotations__["which"] = Card
    commands.register(play)
    assert commands.find("play", None).signature.read("ace", None)[0].name == "ace"


def _help(talk, person, about=""):
    event = type("Event", (), {"client": person.client, "user": person.client.user})
    return talk.module("talk").commands.help(event, about)


def test_help_lists_commands_by_group_within_the_screen(talk):
    talk.active("user")["user1"].powers.add("admin")
    lines = _help(talk, talk.bob)
    assert lines[0] == "Commands"
    assert "  .say <message>           Say something to all." in lines
    assert "Admin" in lines
    assert "Topics: manners." in lines
    assert max(map(len, lines)) <= 79


def test_help_in_a_narrow_window_has_each_summary_below_its_command(talk):
    talk.bob.client.terminal.columns = 36
    lines = _help(talk, talk.bob)
    at = lines.index("  .say <message>")
    assert lines[at + 1] == "      Say something to all."
    assert max(map(len, lines[: lines.index("Topics: manners.")])) <= 36


def test_help_for_a_screen_reader_has_a_line_for_each_command(talk):
    talk.bob.client.terminal.screen_reader = True
    assert ".say <message>: Say something to all." in _help(talk, talk.bob)


def test_help_about_a_command_tells_all(talk):
    assert _help(talk, talk.bob, ".say") == [
        "Usage: .say <message>",
        "Also: .'",
        "",
        "Say something to all.",
        "",
        "Everybody who is here hears it.",
    ]
    assert "Cooldown: 30 seconds" in _help(talk, talk.bob, "shout")


def test_help_has_topics_and_searches(talk):
    assert _help(talk, talk.bob, "Manners") == ["Be kind.", "Be brief."]
    assert "mentioned in: say" in _help(talk, talk.bob, "everybody")[0]
    assert "Did you mean shout?" in _help(talk, talk.bob, "shoutt")[0]


def test_a_registry_gives_its_commands_and_topics(service):
    """Each command once, whatever its aliases are."""
    commands = CommandRegistry(service)
    commands.register(lambda event: None, name="say", aliases=("'", "s"))
    commands.group("Rooms").register(lambda event: None, name="look")
    commands.topic("rules", "Be kind.")
    assert [one.name for one in commands] == ["say", "look"]
    assert commands.topics == ("rules",)


def test_a_clock_that_is_set_back_lengthens_no_cooldown(talk):
    last(talk.bob, ".shout hi")
    talk.active("user")["user1"].cooldowns["shout"] += (
        3600  # as if the clock had been an hour ahead
    )
    assert last(talk.bob, ".shout hi") == "You can use .shout again in 30 seconds."
    talk.clock.advance(30)
    assert last(talk.bob, ".shout hi") == "User1 shouts: hi"


def test_who_may_not_use_a_command_can_be_told_why(talk):
    """By a requirement that raises ``Refused``; help still leaves the command out."""

    def needs_account(event):
        raise Refused("You need an account for that.")

    commands = CommandRegistry(talk.service, prefix=".")
    commands.register(lambda event: None, name="mail", requires=needs_account)
    commands.register(lambda event: None, name="moderate", requires=lambda event: False)
    event = SimpleNamespace(client=talk.bob.client, user=talk.active("user")["user1"])
    for typed in ("mail", "ma"):
        with pytest.raises(Refused, match="You need an account"):
            commands.find(typed, event)
    for typed in ("m", "moderate"):
        with pytest.raises(Refused, match="There is no command"):
            commands.find(typed, event)
    assert ".mail" not in "".join(commands.help(event))


def test_a_developer_reads_the_error_with_the_frames_of_the_application(talk):
    talk.bob.client.user.powers.add("reload")
    with Log():
        answer = last(talk.bob, ".crash")
    assert "reference" not in talk.bob.screen
    assert ".crash failed:\n" in talk.bob.screen
    assert "talk.py:" in answer
    assert "KeyError" in answer
    assert "cletus/contrib" not in talk.bob.screen


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("who", "Did you mean .who?"),
        ("WHO", "Did you mean .who?"),
        ("/who", "Did you mean .who?"),
        ("!tell ann hi", "Did you mean .tell?"),
        ("who is there", ""),  # a sentence
        ("tell", ""),  # it would need more words
        ("smile", ""),  # one of many that help does not list
        ("/smile", "Did you mean .smile?"),
        ("/secret", ""),  # they may not use it
        ("/", ""),
        ("", ""),
        ("'", ""),
        (".who", ""),
    ],
)
def test_a_line_that_lacks_the_prefix_gets_a_hint_if_it_looks_like_a_command(talk, line, hint):
    commands = CommandRegistry(talk.service, prefix=".")
    commands.register(lambda event, times=1: None, name="who", aliases=("'",))
    commands.register(lambda event, message: None, name="tell")
    commands.register(lambda event: None, name="smile", listed=False)
    commands.register(lambda event: None, name="secret", requires=lambda event: False)
    event = SimpleNamespace(client=talk.bob.client, user=None)
    assert commands.hint(event, line) == hint


def test_without_a_prefix_there_is_nothing_to_hint_at(talk):
    commands = CommandRegistry(talk.service)
    commands.register(lambda event: None, name="who")
    assert commands.hint(SimpleNamespace(client=talk.bob.client, user=None), "who") == ""
