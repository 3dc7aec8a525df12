"""The application as servers take it that import one by name: ``tests.bench.api_app:app``. Settings come from the environment."""

from __future__ import annotations

import os

from api.app import create_app
from api.settings import read_api_settings

app = create_app(read_api_settings(os.environ))
