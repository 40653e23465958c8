"""What a session is begun with: where the API is, and what is asked and expected of it."""

from dataclasses import dataclass
from typing import Protocol

from ibactors.model.quotes import MarketDataType


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to connect, and as whom."""

    host: str
    port: int
    client_id: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class SessionTerms(Protocol):
    """What the settings say of every session (`config/session.py`); times in seconds."""

    @property
    def market_data_type(self) -> MarketDataType:
        """What kind of data to ask for."""

    @property
    def connect_timeout(self) -> float:
        """How long the gateway may take to start the API."""

    @property
    def request_timeout(self) -> float:
        """How long the gateway may take for an answer."""

    @property
    def probe_idle(self) -> float:
        """Silence after which the gateway is probed."""

    @property
    def probe_timeout(self) -> float:
        """How long a probe may take before the session is given up."""
