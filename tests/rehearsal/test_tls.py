from __future__ import annotations

import http.client
import ssl
from datetime import UTC, datetime

import pytest
from cryptography import x509

from tagseal.rehearsal import tls
from tagseal.rehearsal.http import Request, Response, Server


def hello(_request: Request) -> Response:
    return Response(status=200, body=b"hello")


def get(host: str, port: int, ca_pem: bytes) -> bytes:
    context = ssl.create_default_context(cadata=ca_pem.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_a_strict_client_with_the_authority_connects() -> None:
    made = tls.make(datetime.now(UTC))
    with Server(hello, tls=made.server_context) as server:
        assert server.url == f"https://127.0.0.1:{server.port}"
        assert get("127.0.0.1", server.port, made.ca_pem) == b"hello"
        assert get("localhost", server.port, made.ca_pem) == b"hello"


def test_a_client_of_another_run_refuses() -> None:
    now = datetime.now(UTC)
    with Server(hello, tls=tls.make(now).server_context) as server, pytest.raises(ssl.SSLCertVerificationError):
        get("127.0.0.1", server.port, tls.make(now).ca_pem)


def test_the_authority_signs_servers_alone_and_lives_for_hours() -> None:
    ca = x509.load_pem_x509_certificate(tls.make(datetime(2026, 1, 2, 12, tzinfo=UTC)).ca_pem)
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert ca.not_valid_before_utc == datetime(2026, 1, 2, 11, 50, tzinfo=UTC)
    assert ca.not_valid_after_utc == datetime(2026, 1, 3, 0, 0, tzinfo=UTC)
