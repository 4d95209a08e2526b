"""The guard."""

from starlette.types import ASGIApp, Receive, Scope, Send

from http_api.options import Options


class Guard:
    """Who may come in."""

    def __init__(self, app: ASGIApp, options: Options) -> None:
        self._app, self._options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
