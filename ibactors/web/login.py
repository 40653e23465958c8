"""Logging the gateway in, and where its login is."""

from ibactors.errors import BadCredentials, GatewayNotManaged, GatewayTimeout
from ibactors.keys import Scope
from ibactors.model import Credentials, LoginResult, LoginStatus
from ibactors.web.operations import Call, Nothing, Operation, UnsupportedMediaType


async def post_login(call: Call[Nothing, Credentials]) -> LoginResult:
    return await call.system.gateway.login(call.body)


async def get_login_status(call: Call[Nothing, Nothing]) -> LoginStatus:
    return call.system.gateway.status()


OPERATIONS = (
    Operation(
        method="POST",
        path="/auth/login",
        handler=post_login,
        summary="Log the gateway in with IB credentials",
        tag="Login",
        scope=Scope.LOGIN,
        query=Nothing,
        body=Credentials,
        returns=LoginResult,
        problems=(BadCredentials, GatewayNotManaged, UnsupportedMediaType, GatewayTimeout),
    ),
    Operation(
        method="GET",
        path="/auth/status",
        handler=get_login_status,
        summary="Where the gateway's login is",
        tag="Login",
        scope=Scope.LOGIN,
        query=Nothing,
        body=Nothing,
        returns=LoginStatus,
    ),
)
