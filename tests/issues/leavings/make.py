"""A file of a batch that never came to be."""

import os
import shutil
from pathlib import Path


def damage(store: Path) -> None:
    file = next(store.glob("visits/*/*.parquet"))
    left = shutil.copyfile(file, file.with_name("20260901T080000-000000-000000_0.parquet"))
    os.utime(left, (0, 0))
