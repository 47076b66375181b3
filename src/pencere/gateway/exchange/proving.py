"""Who may have the evidence of an exchange: those who took part in it, and nobody else."""

from pencere.gateway.exchange.call import Call, Done
from pencere.gateway.exchange.core import Core
from pencere.gateway.exchange.identity import identify
from pencere.gateway.exchange.refusals import answer_fault
from pencere.gateway.proof.desk import choices_of, choices_of_json
from pencere.gateway.wire.faults import Fault, Kind, Side, client_fault, server_fault
from pencere.kernel.http.message import Request
from pencere.kernel.http.server import Respond


def get_evidence(call: Call, done: Done) -> None:
    """Answer `getEvidence`: the container of an exchange of the client with this provider."""
    try:
        number, choices = choices_of_json(call.small_body)
    except (ValueError, TypeError, RecursionError) as problem:
        raise server_fault(
            Kind.INVALID_REQUEST, f'{problem}. Example: {{"exchange": "AZ-29f4d011"}}'
        ) from problem
    call.core.desk.give(Side.SERVER, number, call.client, choices, done)


def asic(core: Core, request: Request, respond: Respond) -> None:
    """Answer `GET /asic?queryId=...` on the clients' port: containers of the caller's exchanges."""
    directory = core.directory.for_client()
    client = identify(core, directory, request)
    if request.method != "GET":
        raise client_fault(Kind.INTERNAL_ERROR, "evidence is asked for with GET")
    try:
        number, choices = choices_of(request.target.partition("?")[2])
    except (ValueError, KeyError) as problem:
        raise client_fault(
            Kind.INTERNAL_ERROR,
            f"the query cannot be read: {problem}. Example: /asic?queryId=AZ-29f4d011&bodies=no",
        ) from problem

    def done(answer: tuple[int, list[tuple[bytes, bytes]], bytes] | Fault) -> None:
        if isinstance(answer, Fault):
            answer_fault(core, request, respond, answer)
        else:
            respond(*answer)

    core.desk.give(Side.CLIENT, number, client, choices, done)
