"""Users of the test broker, one per role, and how each signs in."""

from __future__ import annotations

from typing import Any, NamedTuple

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from schemas.access import roles
from schemas.catalog import load_catalog

PASSWORD = "canary-password-of-"


class Guarded(NamedTuple):
    """`servers`: where clients sign in; `admin`: where nobody is asked."""

    servers: str
    admin: str

    def make(self) -> None:
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
        wanted: list[Any] = [
            UserScramCredentialUpsertion(role, info, f"{PASSWORD}{role}".encode())
            for role in roles(list(load_catalog().topics.values()))
        ]
        admin = AdminClient({"bootstrap.servers": self.admin})
        for future in admin.alter_user_scram_credentials(wanted).values():
            future.result(15)

    def options(self, role: str) -> dict[str, str]:
        """librdkafka's options of a client that signs in as a role."""
        return {
            "bootstrap.servers": self.servers,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": role,
            "sasl.password": f"{PASSWORD}{role}",
        }

    def environment(self, role: str) -> dict[str, str]:
        """The settings of a process that signs in as a role: the password by reference."""
        return {
            "TAPE_KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "TAPE_KAFKA__OPTIONS__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "TAPE_KAFKA__OPTIONS__SASL_MECHANISM": "SCRAM-SHA-256",
            "TAPE_KAFKA__OPTIONS__SASL_USERNAME": role,
            "TAPE_KAFKA__OPTIONS__SASL_PASSWORD": "env:KAFKA_PASSWORD",
            "KAFKA_PASSWORD": f"{PASSWORD}{role}",
        }
