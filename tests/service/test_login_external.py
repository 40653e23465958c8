"""Login when the gateway is somebody else's process."""

import socket
from typing import Any

import pytest

from tests.conftest import Service, running_service


async def test_login_without_credentials_is_connecting(service: Service) -> None:
    response = await service.http.post("/auth/login", json={"account_type": "paper"})
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "message": "Successfully connected to paper account",
        "account_type": "paper",
        "connected": True,
    }
    assert (await service.get("/health"))["session"]["epoch"] == 1


async def test_login_says_when_the_gateway_does_not_answer() -> None:
    async with running_service(wait=False, gateway_port=1) as service:
        response = await service.http.post("/auth/login?wait=0.2", json={"account_type": "paper"})
        assert (response.status_code, response.json()["code"]) == (504, "gateway_timeout")
        assert (await service.get("/auth/status"))["phase"] == "disconnected"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/login", {"username": "u", "password": "p", "account_type": "paper"}),
        ("/auth/login", {"username": "u", "account_type": "paper"}),
        ("/auth/login", {"account_type": "live"}),
        ("/auth/logout", None),
    ],
)
async def test_what_cannot_be_done_from_here_is_refused(service: Service, path: str, body: dict[str, str] | None) -> None:
    response = await service.http.post(path, json=body)
    assert (response.status_code, response.json()["code"]) == (409, "gateway_not_managed")
    assert (await service.get("/health"))["ib_connected"] is True


@pytest.mark.parametrize("wait", ["-1", "301", "soon"])
async def test_wait_has_limits(service: Service, wait: str) -> None:
    response = await service.http.post(f"/auth/login?wait={wait}", json={"account_type": "paper"})
    assert (response.status_code, response.json()["field"]) == (422, "wait")


@pytest.mark.parametrize("host", ["x" * 70 + ".example", "gateway.invalid"])
async def test_bad_host_name_is_a_reason_that_names_the_setting(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = socket.getaddrinfo

    def look_up(name: object, *args: Any, **more: Any) -> Any:
        if name == "gateway.invalid":  # as without a network, so that no test asks a name server
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(name, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with running_service(wait=False, gateway_host=host) as service:
        response = await service.until("/health", lambda response: "IBACTORS_GATEWAY_HOST" in (response.json()["reason"] or ""))
        assert host in response.json()["reason"]
