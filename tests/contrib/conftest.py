"""Applications that run in memory: the fixture of the reload tests serves contrib, too."""

from tests.reload.conftest import clean_imports, run

__all__ = ["clean_imports", "run"]
