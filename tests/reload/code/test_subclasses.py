"""A registry made of ``__subclasses__()`` holds the classes of one generation."""

from __future__ import annotations

from collections import UserDict
from types import ModuleType

from cletus import Dialogue
from cletus.reload.code.names import Names
from cletus.reload.code.subclasses import HiddenSubclasses

REGISTRY = """
    import abc, collections, json
    from cletus import Dialogue, step

    class Menu(Dialogue):
        @step("menu> ")
        def first(self, line):
            return self.done()

    class Shop(Dialogue):
        @step("shop> ")
        def first(self, line):
            return self.done()

    class Encoder(json.JSONEncoder):
        pass

    class Cart(collections.UserDict):
        pass

    def below(base):
        for child in base.__subclasses__():
            if child.__module__ == __name__:
                yield child
            yield from below(child)

    BASES = Dialogue, json.JSONEncoder, collections.UserDict
    NAMES = [child.__name__ for base in BASES for child in below(base)]
    CLASSES = [child for base in BASES for child in below(base)]
"""


def test_a_module_body_sees_the_classes_of_its_own_generation(run):
    app = run(registry=REGISTRY)
    first = app.module("registry").NAMES
    assert first == ["Menu", "Shop", "Encoder", "Cart"]
    for old, new in (("Shop(", "Store("), ("Cart(", "Basket(")):
        assert app.reload(registry=lambda text, o=old, n=new: text.replace(o, n)).ok
    assert app.module("registry").NAMES == ["Menu", "Store", "Encoder", "Basket"]
    assert all(
        vars(app.module("registry"))[one.__name__] is one for one in app.module("registry").CLASSES
    )


def test_outside_of_an_import_python_lists_them_itself(run):
    app = run(registry=REGISTRY)
    menu = app.module("registry").Menu
    assert not app.reload(registry=lambda text: text + "1 / 0\n").ok
    assert "__subclasses__" not in vars(Dialogue)
    assert menu in Dialogue.__subclasses__()


class Listing:
    """A library's class that lists its subclasses itself."""

    @classmethod
    def __subclasses__(cls):
        return [*type.__subclasses__(cls)]


def test_a_class_that_lists_its_subclasses_itself_is_left_alone():
    """Also if one of them has a base that Python lists."""
    module = ModuleType("child")
    module.Child = type("Child", (Listing, UserDict), {"__module__": "child"})
    with HiddenSubclasses(Names({"child": vars(module)}), lambda name: name == "child"):
        assert module.Child in Listing.__subclasses__()
        assert module.Child not in UserDict.__subclasses__()
    assert "__subclasses__" in vars(Listing)
    assert module.Child in UserDict.__subclasses__()
