"""How a new project requires the very Cletus that creates it."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cletus.version import __version__

DISTRIBUTION = "cletus-live"


def requirement(extra: str = "") -> str:
    """The requirement (PEP 508) that installs this Cletus.

    Where pip has recorded a path or URL from which it was installed (PEP 610), that one; otherwise its
    version.
    """
    name = f"{DISTRIBUTION}[{extra}]" if extra else DISTRIBUTION
    url = _recorded_url()
    return f"{name} @ {url}" if url else f"{name}=={__version__}"


def _recorded_url() -> str:
    try:
        text = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        return _checkout_url()
    recorded: dict[str, Any] = json.loads(text or "{}")
    url = str(recorded.get("url", ""))
    if url.startswith("file:") and not Path(unquote(urlsplit(url).path)).exists():
        return ""  # a wheel that has been deleted since
    vcs = recorded.get("vcs_info")
    if vcs:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    subdirectory = recorded.get("subdirectory")
    return f"{url}#subdirectory={subdirectory}" if subdirectory else url


def _checkout_url() -> str:
    """That of a checkout which is not installed, but on ``sys.path``; "" if it is not one."""
    root = Path(__file__).parents[3]
    return root.as_uri() if (root / "pyproject.toml").is_file() else ""
