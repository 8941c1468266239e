"""What a URL says, and what nobody is shown of it."""

from __future__ import annotations

import ssl
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from redis_server import RedisServer, free_port
from unbroken.journal.redis.address import Address


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("redis://10.0.0.1:7000/3", "redis://10.0.0.1:7000/3"),
        ("redis://[::1]:7000/", "redis://[::1]:7000/0"),
        ("redis://", "redis://localhost:6379/0"),
        ("rediss://:secret@example.org", "rediss://example.org:6379/0"),
        ("redis://me:secret@example.org:1/2", "redis://example.org:1/2"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("unix://:secret@/run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_an_address_is_shown_without_user_and_password(url: str, shown: str) -> None:
    assert str(Address(url)) == shown
    assert "secret" not in repr(Address(url))


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Any]:
    """A connection of this address that is at work."""
    connection = address.connection(await address.connect(), "a-name", 60)
    async with anyio.create_task_group() as tasks:
        await tasks.start(connection.run)
        yield connection
        connection.invalidate()


@pytest.mark.anyio
async def test_all_that_the_url_says_is_used(start_server: Callable[..., RedisServer], tmp_path: Path) -> None:
    """User and password, percent-encoded, the database, and the path of a socket."""
    path = tmp_path / "redis.sock"
    server = start_server("--unixsocket", str(path))
    server.command("ACL", "SETUSER", "m@e", "on", ">s/e:cret", "+@all", "~*")
    server.command("CONFIG", "SET", "requirepass", "other:cret")
    for url, user, database in (
        (f"redis://m%40e:s%2Fe%3Acret@127.0.0.1:{server.port}/5", "m@e", 5),
        (f"redis://:other%3Acret@127.0.0.1:{server.port}", "default", 0),
        (f"unix://m%40e:s%2Fe%3Acret@{path}", "m@e", 0),
    ):
        async with connected(Address(url)) as connection:
            me = (await connection.create_request(b"CLIENT INFO")).decode().split()
            assert {"name=a-name", f"user={user}", f"db={database}"} <= set(me)
            assert "cret" not in repr(connection)


@pytest.mark.anyio
async def test_tls_checks_the_certificate_and_the_name(
    start_server: Callable[..., RedisServer], tmp_path: Path
) -> None:
    certificate, key = self_signed(tmp_path)
    tls = str(free_port())
    start_server("--tls-port", tls, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no")
    trusting = ssl.create_default_context(cafile=certificate)
    async with connected(Address(f"rediss://localhost:{tls}", trusting)) as connection:
        assert await connection.create_request(b"PING") == b"PONG"
    for address in (
        Address(f"rediss://localhost:{tls}"),
        Address(f"rediss://127.0.0.1:{tls}", trusting),  # a name that the certificate does not have
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            await address.connect()


def self_signed(directory: Path) -> tuple[str, str]:
    """The files of a certificate of `localhost`, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "certificate.pem", directory / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(certificate_file), str(key_file)


def test_another_node_is_asked_until_it_is_not_there() -> None:
    address = Address("redis://first:1")
    address.move("second", 2)
    assert address._node == ("second", 2)
    address.move("", 3)
    assert address._node == ("second", 3)
    address.move_back()
    assert address._node == ("first", 1)
    assert str(address) == "redis://first:1/0"


@pytest.mark.parametrize(
    "url",
    [
        "http://:secret@localhost",
        "secret",
        "redis://:secret@localhost:99999",
        "redis://:secret@localhost:port",
        "redis://:secret@[::1",
        "redis://:secret@localhost/name",
        "redis://:secret@localhost/1/2",
        "redis://:secret@localhost?db=1",
        "redis://:secret#1@localhost",
        "unix://:secret@",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as raised:
        Address(url)
    assert "secret" not in "".join(traceback.format_exception(raised.value)).partition("ValueError")[2]


def test_a_url_is_a_string() -> None:
    with pytest.raises(TypeError, match="string"):
        Address(b"redis://localhost")  # type: ignore[arg-type]
