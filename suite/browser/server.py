"""Serves a bundle, the page that shows it and the runtime that the page loads; nothing else."""

import contextlib
import errno
import functools
import io
import ipaddress
import socket
import webbrowser
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from suite import console
from suite.browser.folder import write_page
from suite.browser.site import Site, site_of
from suite.deploy.ranges import parse_scale

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".tflite": "application/octet-stream",
}
# The page talks to this server only; WebAssembly and the import map are in the page itself.
_POLICY = "default-src 'self' blob: data:; script-src 'self' blob: 'unsafe-inline' 'wasm-unsafe-eval'"
HEADERS = {
    "Content-Security-Policy": _POLICY,
    # Isolated from other origins, a page may use threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # asked again each time, sent again only when it has changed
}


def preview(
    bundle: str | Path,
    *,
    to: str | Path | None = None,
    variant: str | None = None,
    scale: str | tuple[float, float] | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    open_browser: bool = True,
) -> None:
    """Serves a page that runs the bundle's .tflite files in the browser until Ctrl+C, or writes it.

    Nothing that the page is shown leaves the browser.

    Args:
        bundle: Folder of a finished run; or a .tflite file from anywhere, with its `labels.txt` beside it.
        to: Folder to write the page to, instead of serving it: any web host can, and a device that has opened
            it once does without a network. New, empty, or an earlier page.
        variant: Which .tflite files to write, such as "int8"; by default those that are recommended.
        scale: "LOW..HIGH" or a pair, what a file from elsewhere takes for black and white, where it does not
            say it.
        host: Address to listen on; "127.0.0.1" is reached from this machine only, "0.0.0.0" from the whole
            network.
        port: Port to listen on, in [0, 65535]; 0 for any that is free.
        open_browser: Whether to open the page in the default browser.

    Raises:
        ValueError: The folder is no bundle, has no .tflite files, or they are damaged or do not fit the
            labels; a file's black and white are not known; the runtime cannot be had; the folder of the page
            has other files; or the address cannot be listened on.

    Example:
        >>> suite.preview("saved_models/photos")  # until Ctrl+C
    """
    site = site_of(bundle, parse_scale(scale))
    if to is not None:
        console.result(str(write_page(site, to, variant)))
        return
    with make_server(site, host, port) as server:
        address = f"http://{_shown_host(host)}:{server.server_port}/"
        console.result(f"{bundle} at {address} (Ctrl+C to stop)")
        if not is_loopback(host):
            console.warn(
                "everybody in this network can open the page and load the model; its camera needs https or "
                f"localhost: by USB, `adb reverse tcp:{server.server_port} tcp:{server.server_port}` makes "
                f"it http://localhost:{server.server_port}/ on an Android phone; without, choosing a picture "
                "offers the phone's camera, too"
            )
        if open_browser:
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def make_server(site: Site, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """Listens, without serving yet.

    Args:
        site: What is served.
        host: Address to listen on.
        port: Port to listen on; 0 for any that is free.

    Returns:
        The server; `serve_forever` serves, `server_close` ends it.

    Raises:
        ValueError: It cannot listen there.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"expected a port in [0, 65535], received {port}; choose another with --port")
    try:
        return ThreadingHTTPServer((host, port), functools.partial(_Handler, site))
    except OSError as failure:
        if failure.errno == errno.EADDRINUSE:
            message = f"expected a free port, {port} is taken; choose another with --port"
        else:
            message = (
                f"expected an address of this machine, received {host!r} and port {port}: {failure.strerror}"
            )
        raise ValueError(message) from failure


class _Handler(SimpleHTTPRequestHandler):
    """What a site has at an address; no listings, no dot files, none outside."""

    extensions_map = TYPES
    protocol_version = "HTTP/1.1"

    def __init__(self, site: Site, *args: Any, **kwargs: Any):
        self.site = site
        super().__init__(*args, **kwargs)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a page that is left does not wait for its files
            super().handle()

    def send_head(self) -> Any:
        found = self._found()
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        if isinstance(found, bytes):
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", self.guess_type(urlsplit(self.path).path))
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            return io.BytesIO(found)
        return super().send_head()

    def translate_path(self, path: str) -> str:  # noqa: ARG002  the base class passes it
        return str(self._found() or "")

    def _found(self) -> Path | bytes | None:
        """What is asked for; None of all that is not served."""
        if not _is_text(self.path):
            return None
        found = self.site.source(unquote(urlsplit(self.path).path, errors="strict"))
        return None if isinstance(found, bytes) and "?" in self.path else found

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass  # the terminal is for people


def _is_text(address: str) -> bool:
    try:
        unquote(address, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown_host(host: str) -> str:
    """What to type in a browser: of all addresses of this machine the one in the local network."""
    if host not in ("", "0.0.0.0"):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation; connecting UDP sends nothing
            return probe.getsockname()[0]
        except OSError:
            return socket.gethostname()
