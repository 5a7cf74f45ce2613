"""Try each channel that is set up: whatever goes wrong on the way costs that channel alone, and bounded time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread

from kpicli.deliver.letter import Channel, Failure, Letter, Secrets, Sent, encodable, on_a_line
from kpicli.errors import place_of
from kpicli.workspace import Delivery

_LONGEST_SUBJECT = 100
_PATIENCE = {"mail": 15, "webhook": 2}
"""So many times the timeout for the whole of a channel: 20 MB of attachments take minutes on a slow line."""


def deliver(
    letter: Letter, delivery: Delivery, secrets: Secrets, *, now: datetime, timeout: float = 20
) -> tuple[Sent, ...]:
    """Send a letter wherever the settings say, and tell what became of it on each channel; none where nothing is set.

    `now` goes into the mail's date and into signatures, which robots accept for an hour: it has to be the real time.
    `timeout` is in seconds and counts for each step on the network. Nothing is raised.
    """
    subject = on_a_line(encodable(letter.subject))[:_LONGEST_SUBJECT]
    letter = replace(letter, subject=subject, text=encodable(letter.text), markdown=encodable(letter.markdown))

    def mail() -> Sent:
        from kpicli.deliver.mail import send

        return send(letter, delivery, secrets.smtp_password, now, timeout)

    def webhook() -> Sent:
        from kpicli.deliver.robots import send

        return send(letter, delivery.webhook, secrets.webhook_url, secrets.webhook_secret, now, timeout)

    sent = []
    if delivery.mail_to:
        sent.append(_tried("mail", mail, timeout))
    if delivery.webhook:
        sent.append(_tried("webhook", webhook, timeout))
    return tuple(sent)


def _tried(channel: Channel, send: Callable[[], Sent], timeout: float) -> Sent:
    """Send; whatever happens ends as a value, and before long.

    In a thread of its own, since no timeout of the standard library covers a name server that does not answer, or a
    server that sends a byte now and then. One that is given up ends with the process.
    """
    answer: SimpleQueue[Sent] = SimpleQueue()

    def attempt() -> None:
        try:
            answer.put(send())
        except Failure as failure:
            answer.put(Sent(channel, False, failure.code, failure.values))
        except Exception as error:
            answer.put(Sent(channel, False, "broken", {"place": place_of(error)}))

    seconds = timeout * _PATIENCE[channel]
    Thread(target=attempt, name=f"kpicli {channel}", daemon=True).start()
    try:
        return answer.get(timeout=seconds)
    except Empty:
        return Sent(channel, False, "no_answer", {"seconds": f"{seconds:g}"})
