"""Reading photos with torch's DataLoader and Pillow."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance

from tools.benchmarks.torch_classifiers import random_resized_crop


class Pictures(torch.utils.data.Dataset):
    """The files below class folders, at one size."""

    def __init__(self, root: Path, side: int, augmented: bool):
        self.files, self.side, self.augmented = sorted(root.glob("*/*")), side, augmented

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.files[index]) as file:
            image = file.convert("RGB")
        if self.augmented:
            image = random_resized_crop(image, smallest=0.6)
            for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
                image = kind(image).enhance(float(torch.empty(1).uniform_(0.8, 1.2)))
        else:
            image = image.resize((self.side, self.side), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def torch_pass(root: Path, side: int, batch_size: int, augmented: bool, passes: int) -> np.ndarray:
    """Passes with two workers, who stay; gives the mean of each picture in the first."""
    pictures = Pictures(root, side, augmented)
    loader = torch.utils.data.DataLoader(pictures, batch_size, num_workers=2, persistent_workers=True)
    batches = (batch.float().mean((1, 2, 3)).numpy() for _ in range(passes) for batch in loader)
    return np.concatenate(list(batches)[: len(loader)])
