"""Install this checkout, editable, in the environment of the Python that runs this: ``install.py [EXTRA]``.

Our distribution was once called ``cletus``. Where it is installed under that name, it is removed first:
together with ``cletus-live``, each of our commands and plugins would be there twice. On the public index
another project has that name; its distribution is left alone.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLD_NAME = "cletus"

#: An entry point that only our distribution has.
OURS = ("pytest11", "cletus", "pytest_cletus")


def is_ours(name: str) -> bool:
    """Whether a distribution of this name is installed, and is Cletus."""
    try:
        points = distribution(name).entry_points
    except PackageNotFoundError:
        return False
    return OURS in [(point.group, point.name, point.value) for point in points]


def pip(*arguments: str) -> int:
    """Run pip; its exit code."""
    command = [sys.executable, "-m", "pip", arguments[0], "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*command, *arguments[1:]], check=False).returncode


def remove_old_name() -> bool:
    """Uninstall our distribution if it has its old name; whether that went well."""
    return not is_ours(OLD_NAME) or not pip("uninstall", "--yes", OLD_NAME)


def main() -> int:
    """Remove the old name, install the new one; the exit code."""
    if not remove_old_name():
        return 1
    extras = f"[{','.join(sys.argv[1:])}]" if sys.argv[1:] else ""
    return pip("install", "--editable", f"{ROOT}{extras}")


if __name__ == "__main__":
    sys.exit(main())
