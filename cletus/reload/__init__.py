"""Editing the code while people are connected.

Watch -> check -> stage -> freeze -> thaw -> commit or roll back -> retire; a module for each step.
"""

from cletus.reload.error_text import Outcome, ReloadReport
from cletus.reload.reloader import ServiceReloader

__all__ = ["Outcome", "ReloadReport", "ServiceReloader"]
