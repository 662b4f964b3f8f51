"""Store fields that refer to rows of a database, with SQLAlchemy 2 (``pip install 'cletus-live[orm]'``).

The storage document recommends this for data that must be searched and filtered: stores for the
session's data, "with fields holding references to ORM objects". See ``docs/contrib/orm.md``.
"""

from cletus.contrib.orm.connection import connect
from cletus.contrib.orm.model_field import ModelField

__all__ = ["ModelField", "connect"]
