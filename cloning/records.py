"""What every stored JSON record has in common."""

from pydantic import BaseModel, ConfigDict

CONTENT_TYPE = "application/json"


class Record(BaseModel):
    """Frozen; a field that we don't know, from a newer worker, is skipped when read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def body(self) -> bytes:
        """The record as it is stored."""
        return self.model_dump_json().encode()
