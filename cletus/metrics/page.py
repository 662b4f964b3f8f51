"""What is answered on the port of the figures: ``GET /metrics``, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

METHODS: Final = (b"GET", b"HEAD")


class Page:
    """All of that port's site, in the shape of Twisted's ``IResource``.

    It is no subclass of ``Resource``: ``twisted.web`` is imported by those services alone that have
    metrics, and when they start.

    Args:
        figures: takes the ``Accept`` header; gives the content type and the body.
    """

    isLeaf: Final = True  # noqa: N815 - the name is Twisted's

    def __init__(self, figures: Callable[[str], tuple[str, bytes]]) -> None:
        self._figures = figures

    def render(self, request: Any) -> bytes:
        """Twisted's: the body of the answer to one request."""
        content_type, body = "text/plain; charset=utf-8", b"The figures are at /metrics.\n"
        if request.method not in METHODS:
            request.setResponseCode(405)
            request.setHeader("Allow", "GET, HEAD")
        elif request.path == b"/metrics":
            content_type, body = self._figures(request.getHeader("Accept") or "")
        else:
            request.setResponseCode(404)
        request.setHeader("Content-Type", content_type)
        request.setHeader("Content-Length", str(len(body)))
        return b"" if request.method == b"HEAD" else body
