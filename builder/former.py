"""A former owner of the lease whose last requests may still be under way. A store that refuses late writers needs no care; at any
other the new owner waits until the longest of them is over."""
from __future__ import annotations

from collections.abc import Callable

from psycopg2.extensions import connection as Connection

from builder import journal
from edge.store.pace import LONGEST_CALL_S
from edge.store.port import Store

_STEP_S = 5.0  # between two looks whether the lease is still held


def wait_out(connection: Connection, store: Store, waited: int, tell: Callable[[str], None], sleep: Callable[[float], None]) -> int:
    """Wait, holding the lease, where a release after number *waited* died that may still have a write under way at a store without
    a fence. Returns the number that is waited out now: an owner asks once for each death.

    Raises LeaseLost, StoreError, and what *sleep* raises.
    """
    died = journal.died_after(connection, waited)
    if died is None:
        return waited
    if not store.fenced:
        tell(f"store.waits seconds={LONGEST_CALL_S:.0f} why='release {died} died, and this store refuses no late writer: its last writes "
             "may still be under way'")
        left_s = LONGEST_CALL_S
        while left_s > 0:
            sleep(min(_STEP_S, left_s))
            left_s -= _STEP_S
            journal.hold(connection)
    return died
