"""Read files of any shape into sheets of text cells that keep their true addresses.

The bytes are never trusted: a child process with limits of time and memory opens them (`worker`), so that a file which
kills its reader costs one refusal and nothing else. The parent (`pool`) sees only finished columns of text.
"""

from kpicli.read.pool import ReaderPool
from kpicli.read.sheets import Fault, Limits, Merge, RawSheet, Workbook

__all__ = ["Fault", "Limits", "Merge", "RawSheet", "ReaderPool", "Workbook"]
