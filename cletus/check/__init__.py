"""The checks of ``cletus check``, a module each.

Nothing is opened: no port, no lock, no file for writing. Other packages add checks by entry points of the
group ``cletus.checks``.
"""

from cletus.check.finding import Finding, Level, Location, error, warning
from cletus.check.load import Importer
from cletus.check.run import run_checks
from cletus.check.source_map import SourceMap
from cletus.check.target import Target
from cletus.renamed import names_of

__all__ = [
    "Finding",
    "Importer",
    "Level",
    "Location",
    "SourceMap",
    "Target",
    "error",
    "run_checks",
    "warning",
]

__getattr__ = names_of(__name__)
