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
