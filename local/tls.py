"""The certificate authority of the embedded world, and what it issues for caches.

ElastiCache's certificates are wildcards: one label under the name that a cache's nodes share
(https://github.com/awslabs/aws-elasticache-cluster-client-memcached-for-java/issues/44). Amazon's
authority is in every trust store; this one is in `ca_file` alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

_VALID = timedelta(days=30)
_EARLIER = timedelta(hours=1)  # clocks differ


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows, its private key, and who signed it: three PEM files."""

    chain: Path
    key: Path
    authority: Path


@dataclass(slots=True)
class Authority:
    """Signs certificates; its own is in `ca_file`."""

    folder: Path
    issued: dict[str, Certificate] = field(default_factory=dict)
    _key: ec.EllipticCurvePrivateKey = field(init=False)
    _name: x509.Name = field(init=False)

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Authority of the embedded world")
        own = (
            _begin(self._name, self._key.public_key(), self._key.public_key(), self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, SHA256())
        )
        self.ca_file.write_bytes(own.public_bytes(Encoding.PEM))

    @property
    def ca_file(self) -> Path:
        """The PEM file that a client trusts to trust every cache here."""
        return self.folder / "ca.pem"

    def certificate(self, name: str) -> Certificate:
        """Return the certificate for a name, which may begin with `*.`; made where it is new."""
        if name not in self.issued:
            self.issued[name] = self._issue(name)
        return self.issued[name]

    def _issue(self, name: str) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        signed = (
            _begin(_named(name[:64]), key.public_key(), self._key.public_key(), self._name)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            # A node is a client of its neighbours too, on the cluster bus and as a replica.
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
            .sign(self._key, SHA256())
        )
        number = len(self.issued) + 1
        made = Certificate(
            self.folder / f"tls{number}.pem", self.folder / f"tls{number}.key", self.ca_file
        )
        made.chain.write_bytes(signed.public_bytes(Encoding.PEM))
        made.key.touch(mode=0o600)
        made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begin(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
) -> x509.CertificateBuilder:
    """Return what both kinds of certificates have in common."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
