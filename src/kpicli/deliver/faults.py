"""What can go wrong with a connection, said alike for mail and for robots."""

import socket
import ssl

from kpicli.deliver.letter import Failure, said


def connection_failure(error: BaseException, place: str, timeout: float) -> Failure:
    """Why there is no connection with a place, or none any more; the error's own text is not repeated."""
    match error:
        case ssl.SSLCertVerificationError():
            return Failure("certificate", place=place)
        case TimeoutError():
            return Failure("no_answer", seconds=f"{timeout:g}")
        case ssl.SSLError():
            return Failure("no_tls", place=place)
        case socket.gaierror() | UnicodeError():  # a name that cannot be one fails when it is made ASCII
            return Failure("no_host", place=place)
        case OSError(strerror=str(why)):
            return Failure("unreachable", place=place, why=why)
        case _:
            return Failure("unreachable", place=place, why=said("closed"))
