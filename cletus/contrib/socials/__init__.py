"""Socials: ``smile``, ``wave at bob``. See ``docs/contrib/socials.md``."""

from cletus.contrib.socials.social import Social
from cletus.contrib.socials.socials import COMMON, Socials, read_target
from cletus.contrib.socials.template import Template, View
from cletus.errors import SocialError

__all__ = ["COMMON", "Social", "SocialError", "Socials", "Template", "View", "read_target"]
