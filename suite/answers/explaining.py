"""Pictures of which region made a classifier say what it says, beside its answers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from suite.data.pictures.images import decode
from suite.deploy.image_input import image_input
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact

FOLDER = "explanations"
SIDE = 640  # pixels that the longer side of a picture has at most


class Explainer:
    """Writes heat maps of a classifier's best class: Grad-CAM of a .keras file, by occlusion of any other."""

    def __init__(self, model: Artifact, scale: ValueRange | None, folder: str | Path):
        """Prepares a folder.

        Args:
            model: Takes one picture, and gives one vector.
            scale: What the user says of its values of black and white.
            folder: Where the PNG files go; it is made if it is missing.
        """
        self._model, self._image, self._folder = model, image_input(model, scale), Path(folder)
        self._heat, self.method = _way(model)
        self._folder.mkdir(parents=True, exist_ok=True)

    def explain(self, file: str, label: int) -> Path:
        """Writes the heat map of a class over a picture.

        Args:
            file: The picture.
            label: Index of the class.

        Returns:
            The PNG file, `NAME.png`, or `NAME-2.png` where the folder has one of that name.
        """
        from suite.evaluation.explanations import show_heat

        (values,) = self._image.load([file]).values()
        heat = self._heat(values[0], label)
        photo = Image.fromarray(decode(file, (SIDE, SIDE)))
        photo.thumbnail((SIDE, SIDE))
        path = self._folder / f"{Path(file).stem}.png"
        number = 1
        while path.exists():
            number += 1
            path = self._folder / f"{Path(file).stem}-{number}.png"
        Image.fromarray(show_heat(np.asarray(photo), heat)).save(path)
        return path


def _way(model: Artifact) -> tuple[Callable[[np.ndarray, int], np.ndarray], str]:
    from suite.evaluation.explanations import grad_cam, last_map, occlusion_map

    if model.format == "keras":
        from suite.deploy.keras_file import load_keras

        network = load_keras(model.path)
        if last_map(network) is not None:
            return (lambda image, label: grad_cam(network, image[None], [label])[0]), "Grad-CAM"
    (name,) = (tensor.name for tensor in model.signature.inputs)
    (output,) = (tensor.name for tensor in model.signature.outputs)

    def occlude(image: np.ndarray, label: int) -> np.ndarray:
        return occlusion_map(lambda images: model.predict({name: images})[output], image, label)

    return occlude, "occlusion"
