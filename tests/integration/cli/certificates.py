"""A CA of our own, and wildcard certificates by it, as ElastiCache's nodes have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

    Key = ec.EllipticCurvePrivateKey


def write(folder: Path, name: str) -> None:
    """Write ca.pem, and node.pem with node.key for a name such as *.example."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _certificate("our CA", ca_key, "our CA", ca_key, None)
    node = _certificate("node", key, "our CA", ca_key, name)
    for file, certificate in (("ca.pem", ca), ("node.pem", node)):
        (folder / file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "node.key").write_bytes(private)


def _certificate(
    subject: str, key: Key, issuer: str, by: Key, for_name: str | None
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=for_name is None, path_length=None), critical=True)
    )
    if for_name is not None:
        names = x509.SubjectAlternativeName([x509.DNSName(for_name)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(by, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
