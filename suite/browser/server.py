"""Serves a bundle, the page that shows it and the runtime that the page loads; nothing else."""

import contextlib
import errno
import functools
import io
import ipaddress
import json
import socket
import webbrowser
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from suite import console
from suite.browser.litert import PAGE, litert_folder
from suite.bundle.names import LABELS_FILE
from suite.bundle.record import read_result
from suite.bundle.task import Task
from suite.deploy.labels import class_labels
from suite.deploy.runtime import load_artifact
from suite.deploy.task import MIN_SCORE, task_of
from suite.language.decoding import CONTINUATION
from suite.language.encoder_decoder import MAX_TOKENS

PERSONAL = "personal"  # the variant that can be trained in the page
PERSONAL_SIGNATURES = {"infer", "train", "weights", "restore"}
# Whose address begins so, comes from there; everything else is the page's own.
BUNDLE, LITERT = "/bundle/", "/litert/"
ABOUT = "/about.json"  # what the page is told: the task of each file, and settings that it shares with us
SETTINGS = {"min_score": MIN_SCORE, "max_tokens": MAX_TOKENS, "continuation": CONTINUATION}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
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
    bundle: str | Path, *, host: str = "127.0.0.1", port: int = 8000, open_browser: bool = True
) -> None:
    """Serves a page that runs the bundle's .tflite files in the browser, until it is interrupted.

    Nothing that the page is shown leaves the browser.

    Args:
        bundle: Folder of a finished run.
        host: Address to listen on; "127.0.0.1" is reached from this machine only, "0.0.0.0" from the whole
            network.
        port: Port to listen on, in [0, 65535]; 0 for any that is free.
        open_browser: Whether to open the page in the default browser.

    Raises:
        ValueError: The folder is no bundle, has no .tflite files, or they are damaged or do not fit the
            labels; the runtime cannot be had; or the address cannot be listened on.

    Example:
        >>> suite.preview("saved_models/photos")  # until Ctrl+C
    """
    with make_server(bundle, host, port) as server:
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


def make_server(bundle: str | Path, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """Checks a bundle and listens, without serving yet.

    Args:
        bundle: Folder of a finished run.
        host: Address to listen on.
        port: Port to listen on; 0 for any that is free.

    Returns:
        The server; `serve_forever` serves, `server_close` ends it.

    Raises:
        ValueError: As in `preview`.
    """
    content = json.dumps({"tasks": check_bundle(bundle), **SETTINGS}).encode()
    roots = {BUNDLE: Path(bundle).resolve(), LITERT: litert_folder().resolve(), "/": PAGE.resolve()}
    if not 0 <= port <= 65535:
        raise ValueError(f"expected a port in [0, 65535], received {port}; choose another with --port")
    try:
        return ThreadingHTTPServer((host, port), functools.partial(_Handler, roots, content))
    except OSError as failure:
        if failure.errno == errno.EADDRINUSE:
            message = f"expected a free port, {port} is taken; choose another with --port"
        else:
            message = (
                f"expected an address of this machine, received {host!r} and port {port}: {failure.strerror}"
            )
        raise ValueError(message) from failure


def check_bundle(bundle: str | Path) -> dict[str, Task]:
    """Loads every .tflite file of a bundle and counts its labels.

    Args:
        bundle: Folder of a finished run.

    Returns:
        What each file is for, by its path in the bundle.

    Raises:
        ValueError: It is no bundle, has no .tflite files, or they are damaged or do not fit the labels.
    """
    bundle = Path(bundle)
    shipped = [row for row in read_result(bundle).shipped if row.format == "tflite"]
    if not shipped:
        raise ValueError(
            f"expected a bundle with .tflite files, received {bundle} without; run a recipe that exports one"
        )
    tasks = {}
    for row in shipped:
        path = bundle / row.path
        if row.variant == PERSONAL:
            _check_personal(path)
            tasks[row.path] = Task.CLASSIFIER
            continue
        model = load_artifact(path, threads=1)
        if (path.parent / LABELS_FILE).is_file():
            class_labels(model)
        tasks[row.path] = task_of(model)
    return tasks


def _check_personal(path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    load_artifact(path, threads=1)  # says in one line what is wrong with a damaged file
    found = set(Interpreter(model_path=str(path)).get_signature_list())
    if missing := sorted(PERSONAL_SIGNATURES - found):
        raise ValueError(
            f"expected the signatures infer, train, weights and restore, {path} lacks {', '.join(missing)}; "
            "export it again"
        )


class _Handler(SimpleHTTPRequestHandler):
    """Files below three roots, by the beginning of the address; no listings, no dot files, none outside."""

    extensions_map = TYPES
    protocol_version = "HTTP/1.1"

    def __init__(self, roots: dict[str, Path], about: bytes, *args: Any, **kwargs: Any):
        self.roots, self.about = roots, about
        super().__init__(*args, **kwargs)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a page that is left does not wait for its files
            super().handle()

    def send_head(self) -> Any:
        if self.path == ABOUT:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", TYPES[".json"])
            self.send_header("Content-Length", str(len(self.about)))
            self.end_headers()
            return io.BytesIO(self.about)
        path = self._file()
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def translate_path(self, path: str) -> str:  # noqa: ARG002  the base class passes it
        return str(self._file() or "")

    def _file(self) -> Path | None:
        """The file that is asked for; None for all that is not served."""
        address = unquote(urlsplit(self.path).path, errors="strict") if _is_text(self.path) else ""
        prefix = next((each for each in self.roots if address.startswith(each)), None)
        if prefix is None:
            return None
        name = address[len(prefix) :] or ("index.html" if prefix == "/" else "")
        if any(part.startswith(".") for part in name.split("/")) or "\\" in name or "\0" in name:
            return None
        path = (self.roots[prefix] / name.lstrip("/")).resolve()  # links may point outside
        return path if path.is_relative_to(self.roots[prefix]) and path.is_file() else None

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
