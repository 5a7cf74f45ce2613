"""Reading files for a command: the reading processes, the line of progress, and what the outcome means."""

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpicli.cli.output import progress_line

if TYPE_CHECKING:
    from kpicli.pipeline.ingest import Ingested
    from kpicli.workspace import Workspace

_FREED_MEMORY = "dirty_decay_ms:100,muzzy_decay_ms:0"
"""How soon the allocator of polars and deltalake returns freed memory; by default it keeps it for 0.5 to 1.5 s."""


def read_in(workspace: "Workspace", paths: Iterable[Path], *, now: datetime, **options: Any) -> "Ingested":
    """Ingest, with the reading processes started before this one loads polars, so that their start costs no time."""
    from kpicli.pipeline.files import find_files
    from kpicli.read import ReaderPool

    os.environ.setdefault("_RJEM_MALLOC_CONF", _FREED_MEMORY)  # read when they are loaded, here and in the readers
    paths = list(paths)
    size = max(1, min(2, len(find_files(paths))))
    with ReaderPool(size, workspace.settings.limits) as readers, progress_line() as progress:
        from kpicli.pipeline.ingest import ingest as ingest_files

        return ingest_files(
            workspace,
            paths,
            now=now,
            readers=readers,
            progress=lambda account: progress(account.file.name),
            **options,
        )


def exit_code(result: "Ingested", allow_findings: bool) -> int:
    """3 when an input could not be read, 1 when rows were set aside or a check failed, else 0."""
    from kpicli.pipeline.ingest import CHECKS

    if any(file.unread for file in result.files):
        return 3
    told_anew = [file for file in result.files if file.status != "unchanged"]
    findings = any(file.status == "partly" or any(issue.code in CHECKS for issue in file.issues) for file in told_anew)
    return 1 if findings and not allow_findings else 0
