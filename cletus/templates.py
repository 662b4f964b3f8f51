"""Starting points for an application: what ``cletus new`` copies."""

from __future__ import annotations

import keyword
from pathlib import Path

from cletus.errors import TemplateError

#: The package that the talker is copied from: the example service, which ships with Cletus.
EXAMPLE = "example_service"


def make_talker(name: str, folder: Path) -> Path:
    """Write a package that is the example talker under another name.

    Args:
        name: of the package.
        folder: where to put it.

    Returns:
        The package's folder.

    Raises:
        TemplateError: the name is no name for a package, or it is taken; nothing is written over.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise TemplateError(
            f"{name!r} is no name for a package: letters, digits and _, such as my_talker"
        )
    target = folder / name
    if target.exists():
        raise TemplateError(f"{target} is there already: choose another name, or move it away")
    target.mkdir(parents=True)
    for source in sorted(_template().iterdir()):
        if source.suffix in {".py", ".toml"} and source.name != "ruff.toml":
            text = source.read_text(encoding="utf-8").replace(EXAMPLE, name)
            (target / source.name).write_text(text, encoding="utf-8")
    return target


def _template() -> Path:
    """The example as it ships: inside of an installed Cletus, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "template_talker"
    return installed if installed.is_dir() else package.parent / EXAMPLE
