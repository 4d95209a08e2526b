"""A generate that runs, and its latest update."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from http_api.port import Reply, Worker


@dataclass
class Running:
    """
    A running generate's reply, once it comes, and its latest update, for any number of readers.

    Earlier updates are dropped: each update repeats the earlier ones, except for parts, which `status` returns. `is_cancelled`: a cancel
    has succeeded, and the reply is still to come.
    """

    worker: Worker
    fields: Mapping[str, Any]
    latest: Reply = field(default_factory=dict)
    count: int = 0
    is_cancelled: bool = False

    def __post_init__(self) -> None:
        self._told = asyncio.Event()
        self.speaking = asyncio.create_task(self.worker.call({**self.fields, "action": "generate"}, self._tell))
        self.speaking.add_done_callback(lambda _: self._told.set())

    def _tell(self, update: Reply) -> None:
        self.latest, self.count = update, self.count + 1
        self._told.set()
        self._told = asyncio.Event()

    async def after(self, seen: int) -> None:
        """Wait until there are more updates than `seen`, or the reply."""
        while self.count == seen and not self.speaking.done():
            await self._told.wait()

    @property
    def failed(self) -> bool:
        """Whether its reply is a failure."""
        return self.speaking.done() and not self.speaking.cancelled() and "error" in self.speaking.result()

    def state(self, parts_after: int | None) -> Reply | None:
        """Its state by its updates, as `status` would name it; None if they don't tell."""
        if self.speaking.done() or not {"done", "total"} <= self.latest.keys():
            return None
        progress = {"done": self.latest["done"], "total": self.latest["total"]}
        state = {"job_id": self.fields["job_id"], "status": "IN_PROGRESS", "progress": progress}
        parts = self.latest.get("parts")
        if parts is None or parts_after is None:
            return state if parts is None else {**state, "parts": parts}
        items = [item for item in parts["items"] if item["index"] > parts_after]
        if parts["ready"] > parts_after + 1 + len(items):
            return None
        return {**state, "parts": {**parts, "items": items, "next_after": None}}
