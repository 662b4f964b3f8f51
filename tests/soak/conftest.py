"""The soak tests need the same of the machine as the storage tests."""

from tests.storage.conftest import memory_folder

__all__ = ["memory_folder"]
