"""Write what is expected of every case anew, or of some: ``python -m tests.issues bad_date``."""

import sys
import tempfile
from pathlib import Path

from kpicli.read import Limits, ReaderPool

from . import EXPECTED, HERE, folders, said

with ReaderPool(1, Limits()) as readers:
    for code in sys.argv[1:] or folders():
        with tempfile.TemporaryDirectory() as folder:
            text = said(code, Path(folder), readers)
        (HERE / code / EXPECTED).write_text(text, encoding="utf-8")
        print(text.rstrip() or "!! nothing", code, sep=f"\n{'':->70} ")
