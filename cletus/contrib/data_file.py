"""Data files that people edit, such as those of rooms: tables in TOML, or in YAML where PyYAML is installed."""

from __future__ import annotations

import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from cletus.settings.toml_position import position_of


class DataFile:
    """A file of tables, and where each key of it is.

    Args:
        path: a ``.toml``, ``.yaml`` or ``.yml`` file.

    Attributes:
        path: as given.
        tables: key and value of each table, in the order of the file.

    Raises:
        ValueError: the file cannot be read, or is not a mapping; with the reason and its position.
    """

    def __init__(self, path: Path | Traversable) -> None:
        self.path = path
        try:
            # Some editors write a byte order mark; with Windows' line ends, columns are the same.
            self._text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise ValueError(str(error)) from None
        self._is_toml = Path(path.name).suffix == ".toml"
        data = tomllib.loads(self._text) if self._is_toml else _from_yaml(self._text)
        if not isinstance(data, dict):
            raise ValueError("the file must map keys to their fields")
        self.tables: list[tuple[object, object]] = list(data.items())

    def at(self, *keys: object) -> str:
        """The position of a key, as ``line 3, column 5: ``; empty if it is not known.

        Args:
            keys: the key, and before it those of the tables that it is in.
        """
        if self._is_toml:
            position = position_of(self._text, *map(str, keys))
        else:
            position = _yaml_position(self._text, keys)
        return f"{position}: " if position else ""


def _from_yaml(text: str) -> Any:
    try:
        import yaml  # noqa: PLC0415 - an extra, which only files in YAML need
    except ImportError:
        raise ValueError("YAML needs PyYAML: pip install 'cletus-live[yaml]'") from None

    class Loader(yaml.SafeLoader):
        """Refuses a key that a mapping has twice, of which PyYAML would keep the last."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for number, key in enumerate(keys):
                if key in keys[:number]:
                    position = _words(node.value[number][0].start_mark)
                    raise yaml.YAMLError(f"{position}: {key!r} is there twice")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - it is a safe loader
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _yaml_position(text: str, keys: tuple[object, ...]) -> str:
    import yaml  # noqa: PLC0415 - as above; it is there, for the file has been read

    node, position = yaml.compose(text, yaml.SafeLoader), ""
    for wanted in keys:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        # A key such as no is a truth value.
        values = [pair for pair in pairs if yaml.safe_load(yaml.serialize(pair[0])) == wanted]
        if not values:
            break
        key, node = values[0]
        position = _words(key.start_mark)
    return position


def _words(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"
