"""Stores: what a service remembers, for this run and for good. See ``docs/storage.md``."""

from cletus.storage.backends.urls import backend_for, open_writer
from cletus.storage.backends.writer import Writer
from cletus.storage.collections import StoreDict, StoreList, StoreSet
from cletus.storage.field import Field
from cletus.storage.interfaces import Backend, Document, Failure
from cletus.storage.manager import Manager
from cletus.storage.references import StoreDictField, StoreField, StoreListField, StoreSetField
from cletus.storage.saving import Unsaved, save_all
from cletus.storage.schema import Schema
from cletus.storage.store import Store, TempStoreMixin

__all__ = [
    "Backend",
    "Document",
    "Failure",
    "Field",
    "Manager",
    "Schema",
    "Store",
    "StoreDict",
    "StoreDictField",
    "StoreField",
    "StoreList",
    "StoreListField",
    "StoreSet",
    "StoreSetField",
    "TempStoreMixin",
    "Unsaved",
    "Writer",
    "backend_for",
    "open_writer",
    "save_all",
]
