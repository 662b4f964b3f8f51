"""Write what Cletus needs, with versions and hashes, for a deployment: ``lock.py FILE [EXTRA...]``.

It is what pip would install now, with this Python and on this system. ``pip install --require-hashes -r FILE``
then installs exactly these files, and ``pip install --no-deps cletus_live-*.whl`` adds Cletus itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def resolved(extras: list[str]) -> list[dict[str, Any]]:
    """The packages that pip would install into an empty environment, as its report has them."""
    wanted = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--dry-run", "--ignore-installed", "--report", "-"]
    done = subprocess.run([*pip, *options, wanted], stdout=subprocess.PIPE, check=True)
    packages: list[dict[str, Any]] = json.loads(done.stdout)["install"]
    return packages


def lines(packages: list[dict[str, Any]]) -> Iterator[str]:
    """The lines of the file, sorted; Cletus itself, which comes from a folder, is not among them."""
    for package in sorted(packages, key=lambda package: package["metadata"]["name"].lower()):
        archive = package["download_info"].get("archive_info")
        if archive is not None:
            metadata = package["metadata"]
            digest = archive["hashes"]["sha256"]
            yield f"{metadata['name']}=={metadata['version']} --hash=sha256:{digest}"


def main() -> None:
    """Write the file."""
    path, *extras = sys.argv[1:]
    text = "".join(f"{line}\n" for line in lines(resolved(extras)))
    Path(path).write_text(text)
    print(f"{path}: {text.count(chr(10))} packages")


if __name__ == "__main__":
    main()
