"""What the metrics port answers to a request."""

from __future__ import annotations

import pytest

from cletus.ops.prometheus import response_to


def ask(request: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """The status line, the headers and the body of the answer."""
    answer = response_to(request, lambda accept: (f"for {accept}", b"the metrics"))
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    return status, headers, body


def test_the_metrics_are_at_one_path():
    status, headers, body = ask(
        b"GET /metrics HTTP/1.1\r\nHost: x\r\naccept:  application/openmetrics-text \r\n"
    )
    assert (status, body) == (b"HTTP/1.1 200 OK", b"the metrics")
    assert headers[b"Content-Type"] == b"for application/openmetrics-text"
    assert headers[b"Connection"] == b"close"


def test_a_query_and_bare_line_feeds_do_not_matter():
    assert ask(b"GET /metrics?a=b HTTP/1.0\nHost: x\n")[2] == b"the metrics"


def test_a_head_has_no_body_and_says_how_long_it_would_be():
    _, headers, body = ask(b"HEAD /metrics HTTP/1.1\r\n")
    assert (headers[b"Content-Length"], body) == (b"11", b"")


@pytest.mark.parametrize("path", [b"/", b"/metrics/", b"/etc/passwd", b"/../metrics", b"/\xff"])
def test_elsewhere_is_nothing_but_a_hint(path):
    status, _, body = ask(b"GET " + path + b" HTTP/1.1\r\n")
    assert status == b"HTTP/1.1 404 Not Found"
    assert b"/metrics" in body


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"BREW"])
def test_nothing_can_be_done_there(method):
    status, headers, body = ask(method + b" /metrics HTTP/1.1\r\nContent-Length: 9\r\n")
    assert status == b"HTTP/1.1 405 Method Not Allowed"
    assert headers[b"Allow"] == b"GET, HEAD"
    assert b"the metrics" not in body


@pytest.mark.parametrize(
    "request_",
    [b"", b"GET", b"GET /metrics", b"\xff\xfd\x01", b"GET /metrics SSH/2", b"a b c d\r\n"],
)
def test_nonsense_is_a_bad_request(request_):
    assert ask(request_)[0] == b"HTTP/1.1 400 Bad Request"
