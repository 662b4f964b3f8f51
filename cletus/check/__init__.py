"""What ``cletus check`` looks for: a module for each kind of check, and what they have in common.

Nothing is opened: no port, no lock, no file for writing. Checks of others are entry points of the
group ``cletus.checks``.
"""

from cletus.check.finding import Finding, Level, Place, error, warning
from cletus.check.load import Intake
from cletus.check.run import run_checks
from cletus.check.source_map import Texts
from cletus.check.target import Subject

__all__ = [
    "Finding",
    "Intake",
    "Level",
    "Place",
    "Subject",
    "Texts",
    "error",
    "run_checks",
    "warning",
]
