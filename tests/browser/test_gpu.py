"""A model on a GPU, which a program stands in for here: it is slow, and as right."""

import shutil

import pytest

from suite.browser.folder import write_page
from suite.browser.site import site_of
from tests.conftest import BROWSERS

FLAGS = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
AS_A_GPU = """
    Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { get: () => false });
"""


@pytest.fixture
def page(browser, pictures, runtime, host, tmp_path):
    """The page of a classifier, in a browser with a GPU."""
    write_page(site_of(pictures), tmp_path / "page", "float32")
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with browser.browser_type.launch(executable_path=program, args=FLAGS) as other:
        page = other.new_page()
        page.add_init_script(AS_A_GPU)
        page.goto(host(tmp_path / "page")[0])
        page.locator("#status", has_text="is ready").wait_for(timeout=60_000)
        if not page.evaluate("import('./litert.js').then(({ ready }) => ready()).then(({ gpu }) => gpu)"):
            pytest.skip("this browser has no WebGPU")
        yield page


def test_a_gpu_answers_as_the_processor_does(page):
    place, right, shown = page.evaluate(
        """async () => {
            const [{ Model }, { alike }] = [await import("./litert.js"), await import("./contest.js")];
            const content = new Uint8Array(await (await fetch("bundle/model.tflite")).arrayBuffer());
            const [cpu, gpu] = [await Model.load("bundle/model.tflite"), await Model.onGpu(content)];
            const image = Uint8Array.from({ length: 32 * 48 * 3 }, (_, i) => (7 * i) % 256);
            const answers = [await cpu.run({ image }), await gpu.run({ image })];
            return [gpu.place, alike(...answers), document.getElementById("status").textContent];
        }"""
    )
    assert right and place in ("on the GPU", "partly on the GPU")
    assert shown == "model.tflite is ready: it names what it sees."
