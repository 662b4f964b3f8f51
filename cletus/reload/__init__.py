"""Editing the code while people are connected.

Watch -> check -> stage -> convert -> commit or roll back -> retire; a module for each step.
"""

from cletus.reload.reloader import ServiceReloader
from cletus.service.report import Outcome, ReloadReport

__all__ = ["Outcome", "ReloadReport", "ServiceReloader"]
