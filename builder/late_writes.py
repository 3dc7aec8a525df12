"""Writes of a former owner of the lease that may still be under way. A store that refuses late writers needs no care; at any
other the new owner waits until the longest of them is over."""
from __future__ import annotations

from collections.abc import Callable

from psycopg2.extensions import connection as Connection

from builder import journal, lease
from edge.store.port import Store
from edge.store.retry import LONGEST_CALL_S

_STEP_S = 5.0  # between two looks whether the lease is still held


class LateWrites:
    """What one owner has waited for: once for each death of another, and never for its own writes, whose end it knows."""

    def __init__(self, store: Store, tell: Callable[[str], None], sleep: Callable[[float], None]) -> None:
        self._store, self._tell, self._sleep = store, tell, sleep
        self._over = 0  # releases up to this number have nothing under way any more

    def own(self, number: int) -> None:
        """Release *number* is this owner's."""
        self._over = max(self._over, number)

    def wait(self, connection: Connection) -> None:
        """Wait, holding the lease, where a release died that may still have a write under way at a store without a fence.

        Raises LeaseLost, StoreError, and what *sleep* raises.
        """
        died = journal.died_after(connection, self._over)
        if died is None:
            return
        if not self._store.fenced:
            self._tell(f"store.waits seconds={LONGEST_CALL_S:.0f} why='release {died} died, and this store refuses no late writer: its "
                       "last writes may still be under way'")
            left_s = LONGEST_CALL_S
            while left_s > 0:
                self._sleep(min(_STEP_S, left_s))
                left_s -= _STEP_S
                lease.confirm(connection)
        self._over = died
