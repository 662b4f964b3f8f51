"""Firefox without a window, driven by WebDriver BiDi (W3C), which it speaks by itself.

Only what the tests of the page need: a tab, JavaScript in it, keys, and what its console says.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.e2e.harness import TIMEOUT, wait_until

#: Nothing of Firefox's own goes to the network, and nothing opens beside the page.
_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "services.settings.server": "http://127.0.0.1:1/",
    "signon.rememberSignons": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "",
}
_ENTER = "\ue007"


class Firefox:
    """One Firefox with one tab.

    Args:
        folder: for its profile.

    Attributes:
        errors: what its console has complained of.
    """

    def __init__(self, folder: Path) -> None:
        path = shutil.which("firefox-esr") or shutil.which("firefox")
        if path is None:
            pytest.skip("no Firefox: apt-get install firefox-esr (.ci/install-clients does so)")
        profile = folder / "firefox"
        profile.mkdir()
        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _PREFERENCES.items())
        (profile / "user.js").write_text("\n".join(lines))
        self._stack = ExitStack()
        self._said = folder / "firefox.txt"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [
                    path,
                    "--headless",
                    "--no-remote",
                    "--profile",
                    str(profile),
                    "--remote-debugging-port=0",
                ],
                stdout=said,
                stderr=said,
                stdin=subprocess.DEVNULL,
                env={
                    "HOME": str(folder),
                    "PATH": "/usr/bin:/bin",
                    "MOZ_CRASHREPORTER_DISABLE": "1",
                },
            )
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        def address() -> re.Match[str] | None:
            return re.search(
                r"BiDi listening on (ws://\S+)", self._said.read_text(errors="replace")
            )

        wait_until(address, "Firefox", lambda: self._said.read_text(errors="replace"))
        found = address()
        assert found is not None
        connection = connect(f"{found[1]}/session", max_size=None, compression=None)
        self._socket = self._stack.enter_context(connection)
        self._number = 0
        self.errors: list[str] = []
        self._call("session.new", capabilities={})
        self._call("session.subscribe", events=["log.entryAdded"])
        self._tab: str = self._call("browsingContext.getTree")["contexts"][0]["context"]

    def _call(self, method: str, **params: Any) -> Any:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        for message in self._messages():
            if message.get("id") == self._number:
                assert message["type"] == "success", message
                return message["result"]
        raise AssertionError("Firefox has gone")

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            message = json.loads(self._socket.recv(timeout=3 * TIMEOUT))
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.errors.append(message["params"]["text"])
            yield message

    def opens(self, url: str) -> None:
        """Load a page."""
        self._call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def loads_again(self) -> None:
        """F5."""
        self._call("browsingContext.reload", context=self._tab, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression that gives a string, a number, a truth value or nothing."""
        result = self._call(
            "script.evaluate",
            expression=expression,
            target={"context": self._tab},
            awaitPromise=True,
        )
        assert result["type"] == "success", result
        return result["result"].get("value")

    def sees(self, words: str, selector: str = "body") -> None:
        """Wait for words in an element that is shown."""
        text = f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"
        wait_until(
            lambda: words in self.evaluate(text),
            f"{words!r} in Firefox",
            lambda: str(self.evaluate("document.body.innerText")),
        )

    def types(self, line: str) -> None:
        """Type a line where the focus is, key by key."""
        keys = [
            {"type": kind, "value": key} for key in [*line, _ENTER] for kind in ("keyDown", "keyUp")
        ]
        self._call(
            "input.performActions",
            context=self._tab,
            actions=[{"type": "key", "id": "keys", "actions": keys}],
        )

    def screenshot(self) -> str:
        """The page as it is, as PNG in base64."""
        data: str = self._call("browsingContext.captureScreenshot", context=self._tab)["data"]
        return data

    def close(self) -> None:
        """End it."""
        self._stack.close()
        self._process.terminate()
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
