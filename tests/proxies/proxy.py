"""nginx, HAProxy and Caddy as real processes in front of a server, with the configurations of the guide."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
from pathlib import Path
from string import Template

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from live import PATIENCE, eventually
from proxies import debian

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs/how-to/reverse-proxy.md"
NAME = "train.example.com"
KINDS = ("nginx", "haproxy", "caddy")
_FENCES = {"nginx": "nginx", "haproxy": "haproxy", "caddy": "caddyfile"}

# What stands around a snippet, as Debian's packages have it, with files and ports of the test.
_AROUND = {
    "nginx": Template("""
        $user daemon off; worker_processes 1; pid $folder/nginx.pid; error_log stderr;
        events { worker_connections 256; }
        http {
            client_body_temp_path $folder/body; proxy_temp_path $folder/proxy; fastcgi_temp_path $folder/fastcgi;
            uwsgi_temp_path $folder/uwsgi; scgi_temp_path $folder/scgi;
            access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream; gzip on;
            $snippet
        }
    """),
    "haproxy": Template("""
defaults
    mode http
    option dontlognull
    timeout connect 5000
    timeout client 50000
    timeout server 50000

$snippet
"""),
    "caddy": Template("""
{
    admin off
    auto_https disable_redirects
    local_certs
    skip_install_trust
    storage file_system $folder/caddy
}
$snippet
"""),
}


def documented(kind: str) -> str:
    """The snippet of the guide for this proxy, of which there is one."""
    [snippet] = re.findall(rf"^```{_FENCES[kind]}\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return str(snippet)


class Proxy:
    """One proxy, on a free port of loopback, in front of the server on port `upstream`."""

    def __init__(self, kind: str, snippet: str, folder: Path, upstream: int) -> None:
        self.kind = kind
        self.port = _free_port()
        self._folder = folder
        self._config = folder / f"{kind}.conf"
        self._config.write_text(self._complete(snippet, upstream))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Under the name that people know it by."""
        return f"https://{NAME}:{self.port}"

    def _complete(self, snippet: str, upstream: int) -> str:
        """The snippet with this test's ports and files in place of the documented ones, in what stands around it."""
        places = {
            "127.0.0.1:8787": f"127.0.0.1:{upstream}",
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "bind :443": f"bind 127.0.0.1:{self.port}",
            f"\n{NAME} {{": f"\n{NAME}:{self.port} {{\n    bind 127.0.0.1",
            "/etc/ssl/": f"{self._folder}/",
        }
        snippet = "\n" + snippet
        for documented_one, ours in places.items():
            snippet = snippet.replace(documented_one, ours)
        user = "user root;" if os.geteuid() == 0 else ""
        return _AROUND[self.kind].substitute(folder=self._folder, snippet=snippet, user=user)

    def start(self) -> Proxy:
        """Start it and wait until it takes connections."""
        if self.kind != "caddy":
            _make_certificate(self._folder)
        path = debian.program(self.kind)
        assert path is not None
        words = {
            "nginx": ["-c", str(self._config), "-p", str(self._folder)],
            "haproxy": ["-db", "-f", str(self._config)],
            "caddy": ["run", "--adapter", "caddyfile", "--config", str(self._config)],
        }[self.kind]
        said = self._folder / f"{self.kind}.log"
        home = {"HOME": str(self._folder), "XDG_DATA_HOME": str(self._folder), "XDG_CONFIG_HOME": str(self._folder)}
        with said.open("wb") as output:
            self._process = subprocess.Popen(
                [path, *words], env=debian.environment() | home, stdout=output, stderr=subprocess.STDOUT
            )
        process = self._process

        def listening() -> bool:
            assert process.poll() is None, f"{self.kind} did not start:\n{said.read_text()}"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        eventually(listening, f"{self.kind} to listen")
        if self.kind == "caddy":
            eventually(self._has_certificate, "Caddy's certificate")
        return self

    def _has_certificate(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/health").status_code > 0
        except httpx.ConnectError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def client(self, *, source: str = "127.0.0.1", **headers: str) -> httpx.Client:
        """A client that finds the proxy's name on loopback. It comes from `source`, one of loopback's addresses."""
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, transport=_ToLoopback(source))

    def websocket(self, path: str, subprotocol: str, **headers: str) -> ClientConnection:
        """A WebSocket to the proxy under its name; the headers as of a browser or a program."""
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        return connect(
            self.url.replace("https", "wss") + path,
            sock=socket.create_connection(("127.0.0.1", self.port), PATIENCE),
            ssl=trusting,
            server_hostname=NAME,
            subprotocols=[Subprotocol(subprotocol)],
            additional_headers=headers,
        )


class _ToLoopback(httpx.HTTPTransport):
    """Connects to 127.0.0.1 for whatever name, as an entry in /etc/hosts would have it."""

    def __init__(self, source: str) -> None:
        super().__init__(verify=False, local_address=source)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        there = httpx.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return super().handle_request(there)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _make_certificate(folder: Path) -> None:
    """A certificate for this test alone, in the files that the snippets name."""
    openssl = debian.program("openssl")
    assert openssl is not None
    words = ["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    files = ["-keyout", folder / "train.key", "-out", folder / "train.pem", "-subj", f"/CN={NAME}"]
    subprocess.run([openssl, *words, *files], check=True, capture_output=True, env=debian.environment())
    both = (folder / "train.pem").read_text() + (folder / "train.key").read_text()
    (folder / "train-and-key.pem").write_text(both)
