"""A server of a bundle, and a real browser's page of it."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from suite.browser.litert import litert_folder
from suite.browser.server import make_server
from suite.browser.site import site_of
from tests.browser import bundles
from tests.conftest import NARROW

PATIENCE = 30_000  # ms


@pytest.fixture(scope="session")
def runtime():
    """LiteRT's npm package; npm fetches it once."""
    try:
        return litert_folder()
    except ValueError as failure:
        pytest.skip(str(failure))


@pytest.fixture
def serve(runtime):
    """Serves a site; gives its address."""
    servers = []

    def start(site):
        server = make_server(site)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def open_page(open_site):
    """Opens the page of a bundle and waits until a model is ready."""
    return lambda bundle, **settings: open_site(site_of(bundle), **settings)


@pytest.fixture
def open_site(browser, serve):
    """Opens a page and waits until a model is ready."""
    contexts = []

    def start(site, ready=True, host="127.0.0.1", **settings):
        context = browser.new_context(viewport=NARROW, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.problems = []  # scripts that failed, and what was asked of other servers
        address = serve(site).replace("127.0.0.1", host)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((address, "blob:", "data:"))
                else page.problems.append(request.url)
            ),
        )
        page.goto(address)
        if ready:
            page.locator("#status", has_text="is ready").wait_for()
        return page

    yield start
    for context in contexts:
        context.close()


class Quiet(SimpleHTTPRequestHandler):
    """What `python -m http.server` runs."""

    def log_message(self, *arguments):
        pass


@pytest.fixture
def host():
    """Serves a folder as `python -m http.server -d` does; gives its address and what ends it."""
    ends = []

    def start(folder):
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def end():
            server.shutdown()
            server.server_close()

        ends.append(end)
        return f"http://127.0.0.1:{server.server_port}/", end

    yield start
    for end in ends:
        end()


@pytest.fixture
def phone(browser):
    """A page of a phone's size that notes failures and what is asked of other hosts."""
    contexts = []

    def start(address, **settings):
        context = browser.new_context(viewport=NARROW, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.problems = []
        ours = ("http://127.0.0.1:", "blob:", "data:")
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        context.on(
            "request",
            lambda request: None if request.url.startswith(ours) else page.problems.append(request.url),
        )
        page.goto(address)
        page.locator("#status", has_text="is ready").wait_for()
        return page

    yield start
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    return bundles.picture_bundle(tmp_path_factory.mktemp("pictures") / "colors")


@pytest.fixture(scope="session")
def drawers(tmp_path_factory):
    return bundles.drawing_bundle(tmp_path_factory.mktemp("drawers") / "drawers")


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    return bundles.text_bundle(tmp_path_factory.mktemp("texts") / "readers")


@pytest.fixture(scope="session")
def translator(tmp_path_factory):
    return bundles.pair_bundle(tmp_path_factory.mktemp("pair") / "translator")


@pytest.fixture(scope="session")
def captioner(tmp_path_factory):
    return bundles.pair_bundle(tmp_path_factory.mktemp("captions") / "captioner", (6, 4, 3))
