"""All settings together."""

from dataclasses import dataclass

from ibactors.config.access import AccessSettings
from ibactors.config.login import LoginSettings
from ibactors.config.session import SessionSettings
from ibactors.config.trading import TradingSettings
from ibactors.config.web import WebSettings


@dataclass(frozen=True, kw_only=True)
class Settings(LoginSettings, TradingSettings, AccessSettings, SessionSettings, WebSettings):
    """All settings, with their defaults. Fields of the last base come first."""

    @property
    def gateway_is_read_only(self) -> bool:
        """Whether a managed gateway refuses orders; it follows the trading mode, unless it is said otherwise."""
        return self.trading == "off" if self.read_only_api == "auto" else self.read_only_api == "yes"
