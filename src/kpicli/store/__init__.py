"""Keep the rows: Delta tables, append-only batches, of several rows with one key the latest wins.

One table per form, partitioned by month, plus the journal ``batches``::

    store/
      batches/                                    one row per event: a workbook read, undone; a month closed
      visits/month=2026-10/{batch}_0.parquet      rows: dealer, the form's columns, key, batch, file, sheet, row, gone
      …

A batch's rows count from the moment its own row stands in the journal: that one commit is what makes a workbook appear
whole or not at all. Nothing is ever changed: what counts, now or at an earlier moment, follows from the set of batches
(`journal`), and of the versions of a row from their batches' order (`current`). A row that lies in two months has
tombstones (``gone``), so that a month can be read alone.

`place` is where it lies, `tables` one Delta table, `plan` what a reading would change, `health` its check and upkeep.
"""

from kpicli.store.current import Difference, difference
from kpicli.store.health import Compacted, Health, check, compact
from kpicli.store.journal import UNNAMED, Closing, Known, of_dealer
from kpicli.store.plan import Plan, Source
from kpicli.store.store import Store, schema
from kpicli.store.tables import FORMAT, OvertakenError

__all__ = [
    "FORMAT",
    "UNNAMED",
    "Closing",
    "Compacted",
    "Difference",
    "Health",
    "Known",
    "OvertakenError",
    "Plan",
    "Source",
    "Store",
    "check",
    "compact",
    "difference",
    "of_dealer",
    "schema",
]
