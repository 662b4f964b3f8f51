"""Dialogues whose steps lead nowhere are named; what is only worked out at run time is let by."""

from __future__ import annotations

import pytest

from cletus.check import Level
from tests.check.conftest import must_be, names

#: A dialogue of two steps; what the first one does is the test's.
LOGIN = """
class Login(Dialogue):
    @step("Name? ")
    def ask_name(self, line):
        {body}

    @step("Password? ")
    def ask_password(self, line):
        return self.done(line)

    def helper(self, value=None):
        return None
"""

#: Body of a step: what is said of it.
WRONG = {
    "return self.ask_pasword": "names the step 'ask_pasword', and there is none; did you mean 'ask_password'?",
    "return 'ask_pasword'": "names the step 'ask_pasword', and there is none",
    "return self.ask_password if line else self.nowhere": "names the step 'nowhere'",
    "return line and self.nowhere": "names the step 'nowhere'",
    "return self.done": "returns self.done itself",
    "return self.helper": "returns self.helper, which is a method without @step",
    "return True": "returns True, which is not a step",
    "return (self.ask_password, 1)": "returns (self.ask_password, 1), which is not a step",
    "return self.call(Login(), then=self.nowhere)": "names the step 'nowhere'",
    "return self.call(Login(), then='helper')": "has then='helper', which is not a method",
}

#: Bodies of which nothing is said: they are right, or may be.
RIGHT = [
    "return self.ask_password",
    "return 'ask_password'",
    "return None",
    "return",
    "return self.done()",
    "return self.helper()",
    "return self.call(Login(), then=self.helper)",
    "self.later = self.ask_password; return self.later",
    "target = 'nowhere'; return target",
    "return f'ask_{line}'",
    "return getattr(self, line)",
    "return [lambda: self.nowhere, self.ask_name][1]",
    "return self.ask_password if line else None",
]


@pytest.mark.parametrize("body", WRONG)
def test_a_step_that_leads_nowhere_is_named(body, check, tmp_path):
    text = LOGIN.format(body=f"{body}  # HERE")
    found = must_be(check(text), "unknown-step", WRONG[body], tmp_path)
    assert found.level is Level.ERROR
    assert "Login.ask_name" in found.what


@pytest.mark.parametrize("body", RIGHT)
def test_a_step_that_may_be_right_is_let_by(body, check):
    assert names(check(LOGIN.format(body=body))) == set()


CASES = {
    "no step at all": (
        "no-step",
        "Login has no step",
        """
        class Login(Dialogue):  # HERE
            def ask(self, line):
                return self.done()
        """,
        """
        class Base(Dialogue):
            def greet(self):
                pass

        class Login(Base):
            @step("? ")
            def ask(self, line):
                return self.done()
        """,
    ),
    "begin goes on to nothing": (
        "unknown-step",
        "Login.begin names the step 'asc'",
        """
        class Login(Dialogue):
            def begin(self):
                return self.asc  # HERE
            @step("? ")
            def ask(self, line):
                return self.done()
        """,
        """
        class Login(Dialogue):
            def begin(self):
                return self.ask
            @step("? ")
            def ask(self, line):
                return self.done()
        """,
    ),
    "what is called with a result goes on to nothing": (
        "unknown-step",
        "Login.called names the step 'asc'",
        """
        class Login(Dialogue):
            @step("? ")
            def ask(self, line):
                return self.call(Login(), then=self.called)
            def called(self, value):
                return self.asc  # HERE
        """,
        """
        class Login(Dialogue):
            @step("? ")
            def ask(self, line):
                return self.call(Login(), then=self.called)
            def called(self, value):
                return self.ask
            def unrelated(self):
                return self.anything
        """,
    ),
    "a step that takes no line": (
        "step-signature",
        "its signature is (self)",
        """
        class Login(Dialogue):
            @step("? ")  # HERE
            def ask(self):
                return self.done()
        """,
        """
        class Login(Dialogue):
            @step("? ")
            def ask(self, *lines):
                return self.done()
        """,
    ),
    "a prompt that does not take the dialogue": (
        "step-signature",
        "the prompt of Login.ask",
        """
        class Login(Dialogue):
            @step(lambda: "? ")  # HERE
            def ask(self, line):
                return self.done()
        """,
        """
        class Login(Dialogue):
            @step(lambda self: "? ")
            def ask(self, line):
                return self.done()
        """,
    ),
    "a step that is overridden without saying so": (
        "step-hidden",
        "Login.ask hides the step of Base",
        """
        class Base(Dialogue):
            @step("? ")
            def ask(self, line):
                return self.more
            @step("? ")
            def more(self, line):
                return self.done()

        class Login(Base):
            def ask(self, line):  # HERE
                return self.more
        """,
        """
        class Base(Dialogue):
            @step("? ")
            def ask(self, line):
                return self.done()

        class Login(Base):
            @step("! ")
            def ask(self, line):
                return super().ask(line)
        """,
    ),
    "a step that yields": (
        "generator",
        "Login.ask contains a yield",
        """
        class Login(Dialogue):
            @step("? ")  # HERE
            def ask(self, line):
                yield 1
        """,
        """
        class Login(Dialogue):
            @step("? ")
            async def ask(self, line):
                return self.done()
        """,
    ),
    "defined inside a function": (
        "dialogue-nested",
        "make.<locals>.Login is defined inside a function",
        """
        def make():
            class Login(Dialogue):  # HERE
                @step("? ")
                def ask(self, line):
                    return self.done()
            return Login
        LOGINS = [make()]
        """,
        """
        class Outer:
            class Login(Dialogue):
                @step("? ")
                def ask(self, line):
                    return self.done()
        """,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mistake_in_a_dialogue_is_named(case, check, tmp_path):
    name, words, wrong, _ = case
    assert must_be(check(wrong), name, words, tmp_path).group == "Dialogues"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_its_clean_twin_is_let_by(case, check):
    assert names(check(case[3])) == set()


def test_a_step_of_a_subclass_may_be_named_by_its_base(check):
    found = check("""
        class Base(Dialogue):
            @step("? ")
            def ask(self, line):
                return self.more

        class Login(Base):
            @step("? ")
            def more(self, line):
                return self.ask
    """)
    assert found == []


def test_a_wrapped_step_is_read_all_the_same(check, tmp_path):
    found = check("""
        from functools import wraps

        def logged(method):
            @wraps(method)
            def inner(self, line):
                return method(self, line)
            return inner

        class Login(Dialogue):
            @step("? ")
            @logged
            def ask(self, line):
                return self.nowhere  # HERE
    """)
    must_be(found, "unknown-step", "Login.ask names the step 'nowhere'", tmp_path)
