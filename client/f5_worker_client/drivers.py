"""
The two drivers of flows: one blocks, one doesn't. Both use httpx; `transport` may be another one of httpx's, as in tests.

The key is sent to the endpoint alone: files are fetched with a separate client that has no key.
"""

import asyncio
import json
import logging
import time
from typing import TypeVar

import httpx

from f5_worker_client.address import Address
from f5_worker_client.steps import Answer, Fetch, Flow, Pause, Send, Step

T = TypeVar("T")
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_OK = 200


class _WithoutQueries(logging.Filter):
    """Removes queries from the URLs that httpx logs: the query of a presigned URL is its key."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_bare(one) if isinstance(one, httpx.URL) else one for one in record.args)
        return True


_FILTER = _WithoutQueries()


def _bare(url: httpx.URL) -> httpx.URL:
    return url.copy_with(query=None)


def _headers(address: Address) -> dict[str, str]:
    logging.getLogger("httpx").addFilter(_FILTER)
    key = {"Authorization": f"Bearer {address.api_key}"} if address.api_key else {}
    return {
        **key,
        "Content-Type": "application/json",
        "User-Agent": "f5-worker-client",
    }


def _body(step: Send) -> bytes | None:
    """Encode as ASCII, so that half a character (a lone surrogate) reaches the worker, which names it in its refusal."""
    return None if step.body is None else json.dumps(step.body).encode()


def _lost(error: httpx.HTTPError | httpx.InvalidURL) -> Answer:
    """Name only the kind of the failure: its message may contain the URL."""
    return Answer(problem=type(error).__name__)


def _answer(response: httpx.Response) -> Answer:
    headers = response.headers
    return Answer(
        response.status_code, response.content, headers.get("Retry-After", ""), headers.get("x-should-retry", "")
    )


class Driver:
    """Runs the steps of a flow, one after another. Threads may share it."""

    def __init__(self, address: Address, transport: httpx.BaseTransport | None = None) -> None:
        self._api = httpx.Client(headers=_headers(address), timeout=_TIMEOUT, transport=transport)
        self._files = httpx.Client(timeout=_TIMEOUT, transport=transport)

    def run(self, flow: Flow[T]) -> T:
        """Run the flow's steps until it returns."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._take(step)
                except OSError as error:  # of a file that is written; what the network does is an answer
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    def _take(self, step: Step) -> Answer:
        try:
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                return Answer()
            if isinstance(step, Send):
                return _answer(self._api.request(step.method, step.url, content=_body(step)))
            return self._fetch(step)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _lost(error)

    def _fetch(self, step: Fetch) -> Answer:
        with self._files.stream("GET", step.url) as response:
            if response.status_code == _OK:
                for piece in response.iter_bytes():
                    step.sink(piece)
        return Answer(response.status_code)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
        self._files.close()


class AsyncDriver:
    """The same without blocking; flows may run side by side."""

    def __init__(self, address: Address, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._api = httpx.AsyncClient(headers=_headers(address), timeout=_TIMEOUT, transport=transport)
        self._files = httpx.AsyncClient(timeout=_TIMEOUT, transport=transport)

    async def run(self, flow: Flow[T]) -> T:
        """Run the flow's steps until it returns."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = await self._take(step)
                except OSError as error:  # of a file that is written; what the network does is an answer
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    async def _take(self, step: Step) -> Answer:
        try:
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                return Answer()
            if isinstance(step, Send):
                return _answer(await self._api.request(step.method, step.url, content=_body(step)))
            return await self._fetch(step)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _lost(error)

    async def _fetch(self, step: Fetch) -> Answer:
        async with self._files.stream("GET", step.url) as response:
            if response.status_code == _OK:
                async for piece in response.aiter_bytes():
                    step.sink(piece)
        return Answer(response.status_code)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.aclose()
        await self._files.aclose()
