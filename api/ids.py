"""Public ids in addresses: ``<id:video>`` takes what can be a row's id, and nothing else is an address."""
from __future__ import annotations

from flask import Blueprint
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

MOST = 10**18 - 1
"""More than any table will number. A pattern can say it, so that the router knows no such address, by any method."""


class IdConverter(BaseConverter):
    """A whole number from 1 to ``MOST``. The router's own would fail at one of 5,000 digits."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)


def take_ids(blueprint: Blueprint) -> Blueprint:
    """Let *blueprint*'s routes name ids; call it before they are declared."""

    def know(state: BlueprintSetupState) -> None:
        state.app.url_map.converters["id"] = IdConverter

    blueprint.record(know)
    return blueprint
