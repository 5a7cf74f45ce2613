"""A store behind a URL is the same store: every command says of it what it says of a folder.

The object store is moto's server on this machine. Nobody has a turn there: the commit that comes second plans anew.
Ten processes beside each other, or as many as ``KPICLI_BESIDE`` says.
"""

import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import kpicli
from kpicli.present import json as documents
from kpicli.read import ReaderPool
from kpicli.workspace import Workspace

from .conftest import NOW, SAMPLES
from .test_beside import (
    VIEWS,
    Crew,
    compact_until,
    contradicting,
    files_read,
    held,
    is_sound,
    look,
    minutes,
    of_three_sheets,
    read_in,
    visits,
    watch,
)
from .test_cli import Ended, call, shared_readers, workspace

pytestmark = pytest.mark.skipif(importlib.util.find_spec("moto") is None, reason="moto is not installed")
in_few_processes = pytest.mark.usefixtures(shared_readers.__name__)
MANY = int(os.environ.get("KPICLI_BESIDE", "10"))
FORMS = ("visits", "intentions", "followups", "test_drives", "invoices", "targets")
MONTHS = ("2026-08", "2026-09", "2026-10")

SERVER = """
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app))
print(server.port, flush=True)
server.serve_forever()
"""
"""One request after the other: moto looks whether an object is there and then puts it, which is to be one step.

A process of its own, because deltalake uploads without letting other Python threads run.
"""


def address(port: int | str) -> dict[str, str]:
    """The environment in which an object store of this machine is found."""
    return {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "something",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
    }
