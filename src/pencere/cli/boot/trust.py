"""The certification centre is founded; nodes and bodies get their certificates."""

from dataclasses import dataclass
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.cli.roles.certification import centre_of, founding_centre_of, issuance_of
from pencere.cli.roles.node_keys import FIRST, current_name
from pencere.cli.roles.nodes import NODES, Node, node_keystore
from pencere.countries import az as country_package
from pencere.countries.country import Body, Country
from pencere.kernel.text import LANGUAGES
from pencere.ops.installation import Installation
from pencere.services import definition
from pencere.trust import relying_parties
from pencere.trust.ceremony import Centre
from pencere.trust.registration import officers
from pencere.trust.registration.office import Office
from pencere.trust.remote import clients

LONGEST_ORGANIZATION = 64

# What people read on their phones: a proper name, the same in every language.
RELYING_PARTIES = {"portal": "Pəncərə", "office": "Pəncərə"}

SERVICES = Path(country_package.__path__[0]) / "services"


@dataclass(frozen=True)
class NodeCertificate:
    """A gateway node with the certificate that the directory will list (DER)."""

    node: Node
    certificate: bytes


def found(installation: Installation) -> Centre:
    """Hold the ceremony of the demonstration; return the centre without the root.

    A centre that people founded (`pencere ca ceremony --file`) is taken as it is.
    """
    if not (installation.pki / "own-ceremony").exists():
        founding_centre_of(installation).found()
    centre = centre_of(installation)
    anchors = b"".join(
        (installation.pki / f"{name}.crt").read_bytes()
        for name in ("issuing-infrastructure", "root")
    )
    (installation.pki / "node-anchors.pem").write_bytes(anchors)
    return centre


def certify_nodes(
    installation: Installation, centre: Centre, country: Country
) -> list[NodeCertificate]:
    """Give each gateway node a certificate for the key that it alone holds."""
    certified = []
    for node in NODES:
        keystore = node_keystore(installation, node)
        name = current_name(installation.keys / node.role)
        if name != FIRST:  # the node has renewed its key by itself
            der = keystore.certificates(name)[0].public_bytes(Encoding.DER)
            certified.append(NodeCertificate(node, der))
            continue
        if not keystore.has("node"):
            keystore.create("node")
        chain = centre.issue_node_certificate(
            _request(installation, node),
            body=node.body,
            organization=organization_of(country.body(node.body)),
            name=node.role,
            addresses=("127.0.0.1",),
        )
        if not keystore.has("node") or keystore.signer("node").certificate != chain[0]:
            keystore.install("node", chain)
        certified.append(NodeCertificate(node, chain[0].public_bytes(Encoding.DER)))
    return certified


def issue_seals(installation: Installation, centre: Centre, country: Country) -> list[str]:
    """Make the seals of the bodies whose services issue documents; return the bodies."""
    folders = [path.parent for path in SERVICES.glob("*/service.yaml")]
    bodies = sorted({definition.load(folder).authority for folder in folders})
    for body in bodies:
        centre.issue_seal(
            body=body,
            organization=organization_of(country.body(body)),
            token=installation.secret(f"seal/{body}"),
        )
    return bodies


def register_relying_parties(installation: Installation) -> None:
    """Let the portal and the office ask people's phones; people see the names given here."""
    with psycopg.connect(installation.database_url("trust")) as connection:
        for role, name in RELYING_PARTIES.items():
            relying_parties.register(
                connection,
                installation.relying_party(role),
                name,
                installation.secret(f"mobile/{role}"),
            )
        portal = installation.address("portal")
        clients.register(
            connection,
            clients.Registration(
                id="portal",
                name=RELYING_PARTIES["portal"],
                secret=installation.secret("oauth2/portal"),
                redirect_uris=tuple(f"{portal}/{one}/remote-keys/" for one in LANGUAGES),
                relying_party=installation.relying_party("portal"),
            ),
        )


def name_officers(installation: Installation, country: Country) -> int:
    """Name the first officers of the registration authority; later ones are for officers to name.

    They are the demo persons with an `ra-` role. Return how many were named now.
    """
    issuance = issuance_of(installation)
    office = Office(issuance.authority.country, issuance.digest_key)
    named = [
        (person.fin, held.role)
        for person in country.demo_persons
        for held in person.roles
        if held.role in officers.ROLES
    ]
    with psycopg.connect(issuance.conninfo) as connection:
        return officers.found(connection, office, named, at=issuance.clock.now())


def organization_of(body: Body) -> str:
    """Return the body's name as a certificate may carry it.

    RFC 5280 appendix A.1, ub-organization-name: 64 characters; some bodies have longer ones.
    """
    names = (body.names.az, body.names.en, body.short or body.id)
    return next((name for name in names if len(name) <= LONGEST_ORGANIZATION), body.id)


def _request(installation: Installation, node: Node) -> bytes:
    pem = (installation.keys / node.role / "node.key").read_bytes()
    key = serialization.load_pem_private_key(pem, installation.secret(f"keys/{node.role}").encode())
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # the keystore made it
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
