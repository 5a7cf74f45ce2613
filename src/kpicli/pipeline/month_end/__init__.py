"""The month's end: read the inbox, check, report, and leave a record of it all; safe to run again at any point.

`run` is the whole of it; `inbox` says what waits to be read and puts it away, `gates` what a month must keep, `record`
what a run leaves behind and how two of them differ, `lock` sees to it that there is one at a time.
"""

from kpicli.pipeline.month_end.gates import Gate
from kpicli.pipeline.month_end.lock import alone
from kpicli.pipeline.month_end.record import Difference, Note, Run, difference, find_run, runs
from kpicli.pipeline.month_end.run import Done, Job, Plan, Results, Told, month_end, plan

__all__ = [
    "Difference",
    "Done",
    "Gate",
    "Job",
    "Note",
    "Plan",
    "Results",
    "Run",
    "Told",
    "alone",
    "difference",
    "find_run",
    "month_end",
    "plan",
    "runs",
]
