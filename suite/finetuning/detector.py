"""Photos with boxes to a detector for a phone."""

from suite.finetuning.config import Config
from suite.runs.recipe import Context, Result


def run(config: Config, context: Context) -> Result:
    """Trains the detector of a folder: what `finetune` does before the export."""
    raise ValueError("expected photos with masks or class folders, received boxes; detectors follow")
