"""What the port of the figures answers."""

from __future__ import annotations

import pytest
from twisted.web.test.requesthelper import DummyRequest

from cletus.ops.prometheus import MetricsPage


def ask(path, method=b"GET", accept=None):
    """The request after it was answered, and the answer's body."""
    request = DummyRequest([])
    request.method, request.path = method, path
    if accept is not None:
        request.requestHeaders.setRawHeaders("Accept", [accept])
    page = MetricsPage(lambda accept: (f"for {accept}", b"the figures"))
    return request, page.render(request)


def headers(request):
    return {name: values[0] for name, values in request.responseHeaders.getAllRawHeaders()}


def test_the_figures_are_at_one_path():
    request, body = ask(b"/metrics", accept="application/openmetrics-text")
    assert body == b"the figures"
    assert request.responseCode is None, "which is 200"
    assert headers(request)[b"Content-Type"] == b"for application/openmetrics-text"


def test_a_head_has_no_body_and_says_how_long_it_would_be():
    request, body = ask(b"/metrics", method=b"HEAD")
    assert body == b""
    assert headers(request)[b"Content-Length"] == b"11"


@pytest.mark.parametrize("path", [b"/", b"/metrics/", b"/etc/passwd", b"/../metrics", b"\xff"])
def test_elsewhere_is_nothing_but_a_hint(path):
    request, body = ask(path)
    assert request.responseCode == 404
    assert b"/metrics" in body


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"BREW"])
def test_nothing_can_be_done_there(method):
    request, body = ask(b"/metrics", method=method)
    assert request.responseCode == 405
    assert headers(request)[b"Allow"] == b"GET, HEAD"
    assert b"the figures" not in body
