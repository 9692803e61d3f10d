"""Files that appear at once or not at all."""

import json
import math
import os
from pathlib import Path
from typing import Any


def write_json(path: str | Path, content: Any) -> None:
    """Writes JSON at once or not at all, NaN and infinity as null."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """Gives JSON, NaN and infinity as null."""
    return json.dumps(_finite(content), indent=2, ensure_ascii=False, default=str) + "\n"


def write_text(path: str | Path, text: str) -> None:
    """Writes a text at once or not at all, whatever other processes write there."""
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")  # file names need not be UTF-8
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if hasattr(content, "item"):  # NumPy scalars
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content
