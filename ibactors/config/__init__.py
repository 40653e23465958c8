"""Settings from the environment.

Each setting is one field of `Settings`: its variable, how to read it, and what it means (`setting.py`); `--help` prints them as a table.
They are grouped by topic in `web.py`, `session.py`, `access.py` and `login.py`; `environment.py` reads them.
"""

from ibactors.config.environment import read_settings, settings_table
from ibactors.config.settings import Settings

__all__ = ["Settings", "read_settings", "settings_table"]
