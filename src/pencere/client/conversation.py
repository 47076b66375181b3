"""What happens between a request and its answer, without doing any of it.

A generator that asks to send and to wait; the two clients differ only in how they do so.
"""

from collections.abc import Generator
from dataclasses import dataclass

import httpx

from pencere.client.errors import Fault, NoAnswer, fault_of
from pencere.client.request import Answer, Call, answer_of
from pencere.client.retrying import Retry


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request; give back the response, or throw what httpx raised."""

    call: Call


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait so many seconds."""

    seconds: float


Conversation = Generator[Send | Wait, httpx.Response | None, Answer]


def converse(call: Call, retry: Retry) -> Conversation:
    """Send until there is an answer of the service or nothing more may be tried."""
    attempt = 0
    while True:
        attempt += 1
        problem: Fault | NoAnswer
        try:
            response = yield Send(call)
        except httpx.TransportError as error:
            problem = no_answer(error)
        else:
            assert response is not None  # noqa: S101  # what a Send is answered with
            fault = fault_of(response)
            if fault is None:
                return answer_of(call, response)
            problem = fault
        wait = retry.wait_s(call, problem, attempt)
        if wait is None:
            raise problem
        yield Wait(wait)


def no_answer(error: httpx.TransportError) -> NoAnswer:
    """Return what a failed connection means to the caller."""
    # Until the connection stands nothing was sent; afterwards nobody here can know.
    is_unseen = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return NoAnswer(type(error).__name__, is_unseen=is_unseen)
