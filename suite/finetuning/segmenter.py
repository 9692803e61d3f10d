"""Photos with masks to a segmenter for a phone."""

from suite.finetuning.config import Config
from suite.runs.recipe import Context, Result


def run(config: Config, context: Context) -> Result:
    """Trains the segmenter of a folder: what `finetune` does before the export."""
    raise ValueError("expected photos with boxes or class folders, received masks; segmenters follow")
