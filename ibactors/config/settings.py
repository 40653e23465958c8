"""All settings together."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ibactors.config.access import AccessSettings
from ibactors.config.cluster import ClusterSettings
from ibactors.config.login import LoginSettings
from ibactors.config.session import SessionSettings
from ibactors.config.trading import TradingSettings
from ibactors.config.web import WebSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ClusterSettings, LoginSettings, TradingSettings, AccessSettings, SessionSettings, WebSettings):
    """All settings, with their defaults. Fields of the last base come first."""

    further: Mapping[str, "Settings"] = field(default_factory=dict, hash=False)
    """By name, those of the gateways but the default one: what belongs to one gateway is theirs, all else as here."""

    @property
    def by_gateway(self) -> Mapping[str, "Settings"]:
        """Those of each gateway, the default one first."""
        return {self.gateways[0]: self, **self.further}

    @property
    def gateway_is_read_only(self) -> bool:
        """Whether a managed gateway refuses orders; it follows the trading mode, unless it is said otherwise."""
        return self.trading == "off" if self.read_only_api == "auto" else self.read_only_api == "yes"
