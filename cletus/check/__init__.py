"""What ``cletus check`` looks for: a module for each kind of check, and what they have in common.

Nothing is opened: no port, no lock, no file for writing. Checks of others are entry points of the
group ``cletus.checks``.
"""

from cletus.check.checks import run_checks
from cletus.check.finding import Finding, Level, Place, error, warning
from cletus.check.intake import Intake
from cletus.check.places import Texts
from cletus.check.subject import Subject

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
