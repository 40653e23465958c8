"""Settings from the environment.

Each setting is one field of `Settings`: its variable, how to read it, and what it means (`setting.py`); `ibactors settings` prints them.
They are grouped by topic in `web.py`, `session.py`, `access.py` and `login.py`; `environment.py` reads them, with
`files.py`; `table.py` shows them.
"""

from ibactors.config.environment import read_settings
from ibactors.config.settings import Settings
from ibactors.config.table import settings_table, settings_text

__all__ = ["Settings", "read_settings", "settings_table", "settings_text"]
