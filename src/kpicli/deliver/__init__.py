"""Tell people how it went: a letter by mail, and through a group robot of WeCom, DingTalk or Feishu.

Nothing here raises: what became of each channel is a value (`Sent`). Nothing here knows the environment or the clock:
secrets and the time come from the caller. What speaks to the network (`mail`, `robots`) is loaded when it is needed.
"""

from kpicli.deliver.channels import deliver
from kpicli.deliver.letter import Letter, Secrets, Sent

__all__ = ["Letter", "Secrets", "Sent", "deliver"]
