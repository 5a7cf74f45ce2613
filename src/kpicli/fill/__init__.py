"""Fill an Excel template with the values of a report, and give everything else in it back as it was.

Marks are ``{{ path }}`` in cells and notes that repeat rows (``repeat: consultant``); what paths mean is the caller's
`Scope`. A template can show values and nothing else.
"""

from kpicli.fill.book import Mistake
from kpicli.fill.filler import TemplateError, check, fill, marks, refused
from kpicli.fill.marks import PathError, Rate, Scope, Value

__all__ = ["Mistake", "PathError", "Rate", "Scope", "TemplateError", "Value", "check", "fill", "marks", "refused"]
