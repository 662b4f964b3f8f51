"""Fields that refer to rows of a database, by SQLAlchemy 2 (``pip install 'cletus-live[orm]'``).

The storage document recommends it for what is to be searched and filtered: stores for the session's
data, "with fields holding references to ORM objects". See ``docs/contrib/orm.md``.
"""

from cletus.contrib.orm.connection import connect
from cletus.contrib.orm.model_field import ModelField

__all__ = ["ModelField", "connect"]
