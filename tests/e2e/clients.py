"""The real clients: how each is started, and what is peculiar about it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Argv = Callable[[int, int], list[str]]


@dataclass(frozen=True)
class RealClient:
    """One program.

    Attributes:
        name: what it is called in the summary; a program with an option is a client of its own.
        program: what must be installed.
        argv: its command line, given the ports of telnet and of TLS.
        tty: whether it is driven through a terminal; else through pipes.
        hides: whether the password stays off the screen.
        unicode: whether it can show and send more than ASCII.
        end: what Enter is.
        first: typed before anything else.
        draws: it draws only what differs from what is on the screen already.
        leaves: typed when the service has hung up, for those who do not leave by themselves.
        blind: it shows nothing until it is typed at, so all is typed ahead.
        hears_the_end: whether it shows what comes right before the service hangs up.
    """

    name: str
    program: str
    argv: Argv
    tty: bool = True
    hides: bool = True
    unicode: bool = True
    end: str = "\r"
    first: Callable[[int], str] | None = None
    leaves: str = ""
    blind: bool = False
    draws: bool = False
    hears_the_end: bool = True

    @property
    def path(self) -> str | None:
        """Where it is, or ``None`` if this machine does not have it."""
        beside = Path(sys.executable).parent / self.program
        if beside.exists():
            return str(beside)
        return shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/games")


def host_port(*before: str) -> Argv:
    return lambda port, tls: [*before, "127.0.0.1", str(port)]


def host_tls(*before: str) -> Argv:
    return lambda port, tls: [*before, "127.0.0.1", str(tls)]


CLIENTS = (
    RealClient("inetutils-telnet", "inetutils-telnet", host_port()),
    RealClient("telnet-ssl", "telnet-ssl", host_port()),
    RealClient("telnet-ssl over TLS", "telnet-ssl", host_tls("-z", "ssl")),
    RealClient(
        "TinTin++ with MCCP",
        "tt++",
        lambda port, tls: ["-G", "-e", f"#ses x 127.0.0.1 {port}"],
        leaves="#end\r",
    ),
    RealClient(
        "TinTin++ over TLS",
        "tt++",
        lambda port, tls: ["-G", "-e", f"#ssl x 127.0.0.1 {tls}"],
        leaves="#end\r",
    ),
    RealClient("TinyFugue", "tf5", host_port("-f"), unicode=False, leaves="/quit\r"),
    RealClient(
        "plink (PuTTY)", "plink", lambda port, tls: ["-telnet", "-P", str(port), "127.0.0.1"]
    ),
    RealClient("telnetlib3-client", "telnetlib3-client", host_port()),
    RealClient("telnetlib3-client with MCCP", "telnetlib3-client", host_port("--compression")),
    RealClient(
        "telnetlib3-client over TLS",
        "telnetlib3-client",
        host_tls("--ssl", "--ssl-no-verify"),
        hears_the_end=False,
    ),
    RealClient(
        "pymud",
        "pymud",
        lambda port, tls: [],
        draws=True,
        hides=False,
        hears_the_end=False,
        first=lambda port: f"#session t 127.0.0.1 {port} utf-8\r",
        leaves="#exit\r",
    ),
    RealClient("nc", "nc", host_port("-w", "120"), tty=False, hides=False, end="\n"),
    RealClient("ncat --telnet", "ncat", host_port("--telnet"), tty=False, hides=False, end="\n"),
    RealClient("ncat --ssl", "ncat", host_tls("--ssl"), tty=False, hides=False, end="\n"),
    RealClient(
        "socat",
        "socat",
        lambda port, tls: ["-", f"TCP:127.0.0.1:{port}"],
        tty=False,
        hides=False,
        end="\n",
    ),
    RealClient(
        "socat over TLS",
        "socat",
        lambda port, tls: ["-", f"OPENSSL:127.0.0.1:{tls},verify=0"],
        tty=False,
        hides=False,
        end="\n",
    ),
    RealClient(
        "curl",
        "curl",
        lambda port, tls: ["-sN", f"telnet://127.0.0.1:{port}"],
        tty=False,
        hides=False,
        end="\n",
        blind=True,
        hears_the_end=False,
    ),
    RealClient(
        "openssl s_client",
        "openssl",
        lambda port, tls: ["s_client", "-quiet", "-crlf", "-connect", f"127.0.0.1:{tls}"],
        tty=False,
        hides=False,
        end="\n",
    ),
)  # fmt: skip - a table
