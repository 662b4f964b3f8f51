"""An editor for texts of several lines. See ``docs/contrib/editor.md``."""

from cletus.contrib.editor.editor import Editor

__all__ = ["Editor"]
