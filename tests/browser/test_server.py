"""The server: what it serves and how, and what it refuses."""

import http.client
import json
import shutil
import threading

import pytest

import suite
from suite.browser import litert, server, site
from suite.browser.litert import PAGE, litert_folder
from suite.cli import main
from suite.deploy.app.mobile import JAVASCRIPT
from suite.deploy.convert.tflite import PERSONAL_LEARNING_RATE
from suite.deploy.task import MIN_SCORE
from suite.language.decoding import CONTINUATION, TEMPERATURE
from suite.language.encoder_decoder import MAX_TOKENS
from tests.browser import bundles


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """What stands in for LiteRT where only serving matters."""
    folder = tmp_path_factory.mktemp("npm") / "node_modules" / "@litertjs"
    for name in litert.PACKAGES:
        (folder / name / "dist").mkdir(parents=True)
        (folder / name / "package.json").write_text(json.dumps({"version": "2.5.3"}))
    (folder / "core" / "wasm").mkdir()
    (folder / "core" / "wasm" / "litert.wasm").write_bytes(b"\0asm")
    (folder.parent / "secret.js").write_text("")
    return folder


@pytest.fixture(scope="module")
def get(pictures, packages, tmp_path_factory):
    """Asks a server of a bundle that has links to a file outside and inside, and a dot file."""
    tmp_path = tmp_path_factory.mktemp("served")
    bundle = shutil.copytree(pictures, tmp_path / "bundle")
    (tmp_path / "secret.txt").write_text("secret")
    (bundle / "outside.txt").symlink_to(tmp_path / "secret.txt")
    (bundle / "inside.txt").symlink_to("labels.txt")
    (bundle / ".lock").write_text("secret")
    (bundle / "ümlaut 1.txt").write_text("ok")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "litert_folder", lambda: packages)
        running = server.make_server(site.site_of(bundle))
    threading.Thread(target=running.serve_forever, daemon=True).start()

    def ask(path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", running.server_port, timeout=10)
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        return answer

    yield ask
    running.shutdown()
    running.server_close()


@pytest.mark.parametrize(
    ("path", "type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/style.css?x=1", "text/css; charset=utf-8"),
        ("/litert/core/wasm/litert.wasm", "application/wasm"),
        ("/bundle/result.json", "application/json"),
        ("/about.json", "application/json"),
        ("/bundle/labels.txt", "text/plain; charset=utf-8"),
        ("/bundle/inside.txt", "text/plain; charset=utf-8"),
        ("/bundle/%C3%BCmlaut%201.txt", "text/plain; charset=utf-8"),
        ("/bundle/model.tflite", "application/octet-stream"),
    ],
)
def test_files_have_their_type_and_isolate_the_page(get, path, type):
    for method in ("GET", "HEAD"):
        answer = get(path, method)
        assert answer.status == 200 and answer.headers["Content-Type"] == type
        assert int(answer.headers["Content-Length"]) > 0 and bool(answer.content) == (method == "GET")
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_is_sent_again_only_when_it_has_changed(get):
    answer = get("/bundle/model.tflite")
    assert answer.headers["Cache-Control"] == "no-cache"
    again = get("/bundle/model.tflite", If_Modified_Since=answer.headers["Last-Modified"])
    assert again.status == 304 and not again.content


REFUSED = [
    "/bundle/../secret.txt",
    "/bundle/%2e%2e/secret.txt",
    "/bundle/%2E%2E%2Fsecret.txt",
    "/bundle/..%2fsecret.txt",
    "/bundle/..%5csecret.txt",
    "/bundle/%252e%252e/secret.txt",
    "/bundle/....//secret.txt",
    "/bundle//etc/passwd",
    "/bundle/%2fetc/passwd",
    "/bundle/outside.txt",
    "/bundle/.lock",
    "/bundle/labels.txt%00.js",
    "/bundle/%ff",
    "/bundle/",
    "/bundle",
    "/bundle/missing.txt",
    "/litert/../secret.js",
    "/litert/%2e%2e/secret.js",
    "/litert/core/",
    "/../server.py",
    "/%2e%2e/server.py",
    "/..%2fserver.py",
    "//etc/passwd",
    "secret.txt",
    "http://example.com/../secret.txt",
    "*",
]


@pytest.mark.parametrize("path", REFUSED)
def test_nothing_else_is_served(get, path):
    for method in ("GET", "HEAD"):
        assert get(path, method).status == 404
    assert get("/bundle/labels.txt", "POST").status == 501


def refused(bundle, capsys, *arguments):
    assert main.execute(["preview", str(bundle), "--no-open", *arguments]) == main.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == "" and "Traceback" not in captured.err
    return " ".join(captured.err.split())


def test_a_bundle_that_cannot_be_shown_is_one_line(pictures, tmp_path, capsys):
    missing = tmp_path / "missing"
    message = f"error: expected a bundle, found no result.json in {missing}; run `suite finetune` to make one"
    assert refused(missing, capsys) == message
    with pytest.raises(ValueError, match="^expected a bundle, found no result.json in "):
        suite.preview(missing)
    bare = tmp_path / "bare"
    bare.mkdir()
    bundles.write_result(bare, [])
    message = (
        f"error: expected a bundle with .tflite files, received {bare} without; run a recipe that exports one"
    )
    assert refused(bare, capsys) == message

    bundle = shutil.copytree(pictures, tmp_path / "bundle")
    (bundle / "labels.txt").write_text("red\ngreen\n")
    message = f"error: expected 3 class names in {bundle / 'labels.txt'}, received 2; give"
    assert refused(bundle, capsys).startswith(message)
    (bundle / "labels.txt").write_text("red\ngreen\nblue\n")
    for name in ("model_int8.tflite", "model_personal.tflite"):
        path, content = bundle / name, (bundle / name).read_bytes()
        path.write_bytes(b"TFL3 but not really")
        message = f"error: expected a readable tflite model, {path} cannot be loaded: "
        assert refused(bundle, capsys).startswith(message)
        path.unlink()
        assert refused(bundle, capsys) == f"error: expected a model, found nothing at {path}; check the path"
        path.write_bytes(content)
    shutil.copy(bundle / "model.tflite", bundle / "model_personal.tflite")
    message = (
        "error: expected the signatures infer, train, weights and restore, "
        f"{bundle / 'model_personal.tflite'} lacks infer, restore, train, weights; export it again"
    )
    assert refused(bundle, capsys) == message


def test_an_address_that_cannot_be_had_is_one_line(pictures, packages, monkeypatch, capsys):
    monkeypatch.setattr(site, "litert_folder", lambda: packages)
    with server.make_server(site.site_of(pictures)) as taken:
        port = str(taken.server_port)
        message = f"error: expected a free port, {port} is taken; choose another with --port"
        assert refused(pictures, capsys, "--port", port) == message
    message = "error: expected a port in [0, 65535], received 65536; choose another with --port"
    assert refused(pictures, capsys, "--port", "65536") == message
    message = refused(pictures, capsys, "--host", "192.0.2.1", "--port", "0")
    assert message.startswith("error: expected an address of this machine, received '192.0.2.1' and port 0: ")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_command_says_where_and_ends_on_interruption(host, pictures, packages, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(site, "litert_folder", lambda: packages)
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    monkeypatch.setattr(server.ThreadingHTTPServer, "serve_forever", _interrupted)
    assert main.execute(["preview", str(pictures), "--host", host, "--port", "0"]) == main.PASSED
    captured = capsys.readouterr()
    (address,) = opened
    assert f"{pictures} at {address} (Ctrl+C to stop)" in captured.out
    assert f"next: suite benchmark {pictures}" in captured.out
    if host == "127.0.0.1":
        assert address.startswith("http://127.0.0.1:") and captured.err == ""
    else:
        assert "everybody in this network can open the page" in captured.err
        assert "its camera needs https or localhost" in captured.err and "0.0.0.0" not in address
    assert main.execute(["preview", str(pictures), "--port", "0", "--no-open"]) == main.PASSED
    assert len(opened) == 1


def _interrupted(self):
    raise KeyboardInterrupt


def fake_npm(folder, script):
    """A program `npm` that is the only one to be found, besides those of the system."""
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_the_runtime_is_found_or_fetched_once(packages, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    arguments = tmp_path / "arguments"
    script = f'echo "$@" >> {arguments}; mkdir node_modules; cp -r {packages} node_modules/'
    monkeypatch.setenv("PATH", fake_npm(tmp_path / "bin", script))
    cached = tmp_path / "cache" / "keras-course-suite" / "litert-2.5.3" / "node_modules" / "@litertjs"
    assert litert_folder() == cached == litert_folder()
    assert arguments.read_text() == "ci --ignore-scripts --no-audit --no-fund --loglevel=error\n"
    assert [path.name for path in cached.parents[2].iterdir()] == ["litert-2.5.3"]
    (tmp_path / "node_modules").mkdir()
    mine = shutil.copytree(packages, tmp_path / "node_modules" / "@litertjs")
    assert litert_folder() == mine
    (mine / "core" / "package.json").write_text('{"version": "2.0.0"}')
    assert litert_folder() == cached, "another version is left alone"


def test_a_runtime_that_cannot_be_had_is_one_line(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", fake_npm(tmp_path / "bin", "echo no network >&2; exit 1"))
    message = (
        "error: expected npm to fetch @litertjs/core 2.5.3, it failed: no network; check the network and "
        "npm's registry"
    )
    assert refused(pictures, capsys, "--quiet") == message
    monkeypatch.setenv("PATH", fake_npm(tmp_path / "other", "true"))
    assert "it failed: it is not in what npm left; check" in refused(pictures, capsys, "--quiet")
    monkeypatch.setenv("PATH", str(tmp_path))
    message = (
        "error: expected npm, to fetch @litertjs/core 2.5.3 once, found none; install Node.js "
        "(https://nodejs.org)"
    )
    assert refused(pictures, capsys, "--quiet") == message
    assert not list((tmp_path / "cache").rglob("litert-*"))


def test_the_lock_pins_what_the_page_imports():
    lock = json.loads((PAGE / "package-lock.json").read_text())["packages"]
    packages = {name: entry for name, entry in lock.items() if name}
    assert set(packages) == {"node_modules/@litertjs/core", "node_modules/@litertjs/wasm-utils"}
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert {entry["version"] for entry in packages.values()} == {JAVASCRIPT}
    imports = json.loads((PAGE / "index.html").read_text().split('"importmap">')[1].split("</script>")[0])
    assert set(imports["imports"]) == {f"@litertjs/{name}" for name in litert.PACKAGES}


def test_the_page_is_told_the_task_of_each_file_and_the_settings_of_the_suite(get):
    about = json.loads(get("/about.json").content)
    names = ("model.tflite", "model_int8.tflite", "model_personal.tflite")
    assert about.pop("tasks") == dict.fromkeys(names, "classifier")
    assert about.pop("recommended") == ["model.tflite"]
    assert about == {"min_score": MIN_SCORE, "max_tokens": MAX_TOKENS, "continuation": CONTINUATION}
    assert get("/about.json?x", "GET").status == 404


def test_the_page_has_the_settings_of_the_suite():
    page = (PAGE / "index.html").read_text()
    assert f'content="{server.HEADERS["Content-Security-Policy"]}"' in page, "a web host sends no headers"
    assert f'<meta name="theme-color" content="{site.THEME}" />' in page
    assert f'<input id="rate" type="number" min="0" step="any" value="{PERSONAL_LEARNING_RATE}"' in page
    assert f'<input id="temperature" type="number" min="0" max="5" step="0.1" value="{TEMPERATURE}"' in page
