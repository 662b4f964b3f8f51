"""The proxies of ``deploy/``, with ports and paths replaced and nothing else, in front of a service.

People come from 127.0.0.2, and the proxies from 127.0.0.1, so that it shows who the service thinks they are.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.client import connect

from cletus.doors.tls import self_signed
from tests.e2e.harness import REPOSITORY, TIMEOUT, Talker, program, wait_until
from tests.engines import free_port, valkey

NAME, PERSON = "talk.example.org", "127.0.0.2"

APP = """\
from cletus import Service, events
service = Service()

@service.listen(events.Connect)
def connect(event):
    client = event.client
    host = client.address.rpartition(":")[0]
    client.write(f"{client.door} from {host} {'secure' if client.terminal.tls else 'plain'}")

@service.listen(events.Receive)
def receive(event):
    event.client.write(f"you said {event.data}")
    event.client.close()
"""

#: What is replaced in a configuration: a port by a free one.
PORTS = ("80", "443", "23", "992", "2222", "9080", "9000", "9022")


class Proxy:
    """A proxy with its configuration of ``deploy/``, and the service behind it.

    Attributes:
        port: the free port that stands for each port of the configuration.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._errors = (folder / "proxy.txt").open("w+")
        stack.callback(self._errors.close)
        self.port = {port: free_port() for port in PORTS}
        (folder / "both.pem").write_bytes(self_signed(NAME)[0])
        (folder / "talk.py").write_text(APP)

    def configuration(self, name: str, replaced: Mapping[str, str] = {}) -> str:
        """A file of ``deploy/``: listening on this machine only, with free ports and our certificate.

        Args:
            name: of the file.
            replaced: what an operator writes in place of what matches these patterns.
        """
        text = (REPOSITORY / "deploy" / name).read_text()
        for pattern, ours in replaced.items():
            text = re.sub(pattern, ours, text)
        text = re.sub(r"/etc/\S+\.pem", str(self.folder / "both.pem"), text)
        text = re.sub(r"\b(listen|bind) :?(?=\d)", lambda found: f"{found[1]} 127.0.0.1:", text)
        return re.sub(
            rf"(?<=127\.0\.0\.1:)({'|'.join(PORTS)})\b",
            lambda found: str(self.port[found[1]]),
            text,
        )

    def start_service(self, name: str) -> None:
        """Start what the first line of the file says."""
        first = (REPOSITORY / "deploy" / name).read_text().partition("\n")[0]
        _, _, arguments = first.partition("cletus run talker ")
        arguments = re.sub(r"9022", str(self.port["9022"]), arguments)
        ports = ["--port", str(self.port["9000"]), "--web-port", str(self.port["9080"])]
        command = ["-m", "cletus", "run", "talk.py", *arguments.split(), *ports]
        talker = Talker(self.folder, *command, "--store", "saved", "--log-format", "text")
        self._stack.callback(talker.kill)
        assert talker.port == self.port["9000"]

    def start(self, *command: str, listens: str = "443", **environment: str) -> None:
        """Start the proxy, and wait until it listens."""
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=self._errors,
            stderr=self._errors,
            env={**os.environ, **environment},
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        wait_until(lambda: process.poll() is not None or self._is_open(listens), "open", self._said)
        assert process.poll() is None, self._said()

    def _is_open(self, port: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port[port])) == 0

    def _said(self) -> str:
        return Path(self._errors.name).read_text()

    # -- what people see ---------------------------------------------------------------------

    def connection(self, port: str, *, tls: bool = False) -> socket.socket:
        """Somebody connects to the proxy."""
        address = ("127.0.0.1", self.port[port])
        plain = socket.create_connection(address, TIMEOUT, source_address=(PERSON, 0))
        if not tls:
            return plain
        return self._context().wrap_socket(plain, server_hostname=NAME)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "both.pem"))

    def sees_the_page(self) -> None:
        """The page, its WebSocket, and a redirect from HTTP to HTTPS where the proxy has one."""
        page = http.client.HTTPConnection(NAME)
        page.sock = self.connection("443", tls=True)
        page.request("GET", "/")
        assert b"<!doctype html>" in page.getresponse().read()
        page.close()
        with connect(
            f"wss://{NAME}/ws",
            sock=self.connection("443"),
            ssl=self._context(),
            origin=f"https://{NAME}",
            subprotocols=["terminal.mudstandards.org"],
            additional_headers={"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"},
        ) as socket_of_page:
            greeting = socket_of_page.recv(TIMEOUT)
            assert f"web from {PERSON} secure".encode() in greeting
            socket_of_page.send(b"hello")
            assert b"you said hello" in socket_of_page.recv(TIMEOUT)

    def sees_telnet(self, words: str, port: str = "23", *, tls: bool = False) -> None:
        """Telnet, with the address of the person."""
        with self.connection(port, tls=tls) as person:
            person.sendall(b"hello\r\n")
            received = b"".join(iter(lambda: person.recv(65536), b""))
        assert words.encode() in received
        assert b"you said hello" in received

    def sees_ssh(self) -> None:
        """SSH, with the address of the person."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        command = [program("ssh"), "-F", "/dev/null", "-T", "-b", PERSON]
        command += [part for option in options for part in ("-o", option)]
        command += ["-p", str(self.port["2222"]), "guest@127.0.0.1"]
        answered = subprocess.run(
            command, input=b"hello\n", capture_output=True, timeout=TIMEOUT, check=False
        )
        assert f"ssh from {PERSON}".encode() in answered.stdout, answered.stderr
        assert b"you said hello" in answered.stdout


@pytest.fixture
def proxy(tmp_path: Path, at_end: ExitStack) -> Iterator[Proxy]:
    return Proxy(tmp_path, at_end)


@pytest.fixture
def needs(request: pytest.FixtureRequest) -> Callable[..., str]:
    """The path of a proxy; skips with a clear word without it."""

    def needs(name: str, *, root: bool = False) -> str:
        if root and os.getuid():
            pytest.skip(f"{name} of Debian writes below /var: needs root")
        return program(name, f"/usr/sbin/{name}")

    return needs


def test_nginx(proxy: Proxy, needs: Callable[..., str]) -> None:
    nginx = needs("nginx", root=True)
    if not Path("/usr/lib/nginx/modules/ngx_stream_module.so").exists():
        pytest.skip("not installed: libnginx-mod-stream")
    proxy.start_service("nginx.conf")
    (proxy.folder / "nginx.conf").write_text(proxy.configuration("nginx.conf"))
    options = f"daemon off; pid {proxy.folder}/nginx.pid; error_log stderr;"
    proxy.start(nginx, "-c", str(proxy.folder / "nginx.conf"), "-g", options)
    proxy.sees_the_page()
    proxy.sees_telnet(f"telnet from {PERSON} plain")
    proxy.sees_ssh()


def test_haproxy(proxy: Proxy, needs: Callable[..., str]) -> None:
    haproxy = needs("haproxy")
    proxy.start_service("haproxy.cfg")
    (proxy.folder / "haproxy.cfg").write_text(proxy.configuration("haproxy.cfg"))
    proxy.start(haproxy, "-db", "-f", "haproxy.cfg")
    proxy.sees_the_page()
    proxy.sees_telnet(f"telnet from {PERSON} plain")
    proxy.sees_telnet(f"telnet from {PERSON} secure", "992", tls=True)
    proxy.sees_ssh()


def test_haproxy_in_front_of_gateways(
    proxy: Proxy, needs: Callable[..., str], at_end: ExitStack
) -> None:
    """With the lines for gateways of its own machine, and the page's certificate."""
    haproxy = needs("haproxy")
    engine = at_end.enter_context(valkey())
    cluster = ("--cluster", engine.url, "--cluster-name", "talk")
    run = ("-m", "cletus", "run", "talk.py", *cluster, "--store", "saved", "--no-reload")
    primary = Talker(proxy.folder, *run)
    at_end.callback(primary.kill)
    unit = (REPOSITORY / "deploy" / "cluster" / "cletus-gateway@.service").read_text()
    (options,) = re.findall("^ExecStart=.* --production (.*)", unit, re.MULTILINE)
    options = options.replace("900%i", str(proxy.port["9000"]))
    options = options.replace("908%i", str(proxy.port["9080"]))
    gateway = Talker(proxy.folder, "-m", "cletus", "gateway", *cluster, *options.split())
    at_end.callback(gateway.kill)
    primary.prints("Listening on gateways")
    gateway.prints("Stop with Ctrl-C")
    (proxy.folder / "haproxy.cfg").write_text(
        proxy.configuration(
            "cluster/haproxy.cfg",
            {
                r".*server-template.*|.*# server gateway2.*": "",
                "bind :9000": "bind :23",
                "bind :9080": "bind :80",
                "# bind": "bind",
                r"# server (.*):90(.)1": r"server \1:90\g<2>0",
            },
        )
    )
    proxy.start(haproxy, "-db", "-f", "haproxy.cfg")
    proxy.sees_the_page()
    proxy.sees_telnet(f"telnet from {PERSON} plain")


def test_caddy(proxy: Proxy, needs: Callable[..., str]) -> None:
    caddy = needs("caddy")
    proxy.start_service("Caddyfile")
    both = proxy.folder / "both.pem"
    text = proxy.configuration("Caddyfile").replace(
        f"{NAME} {{", f"https://{NAME}:{proxy.port['443']} {{\n\ttls {both} {both}"
    )
    first = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"
    (proxy.folder / "Caddyfile").write_text(first + text)
    folder = str(proxy.folder)
    proxy.start(caddy, "run", "--config", "Caddyfile", XDG_DATA_HOME=folder, HOME=folder)
    proxy.sees_the_page()
