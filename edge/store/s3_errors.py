"""Which troubles of a bucket may pass, which last, and which say that an object is absent."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import BaseError

from edge.errors import StoreError
from edge.store.retry import TryAgainError

T = TypeVar("T")

PASSING_CODES = ("SlowDown", "ServiceUnavailable", "InternalError", "OperationAborted", "RequestTimeout",
                 "ConditionalRequestConflict")
_PASSING = (408, 409, 429, 500, 502, 503, 504)
_SLOWER = (429, 503)
_STATUS = re.compile(r"status code: (\d{3})")
_LASTING = re.compile("NoSuchBucket|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch")


def sorted_out(action: Callable[[], T]) -> T:
    """What *action* returns. Raises TryAgainError for a driver's error that may pass, any other as it is."""
    try:
        return action()
    except ClientError as error:
        status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        if status in _PASSING or error.response["Error"].get("Code", "") in PASSING_CODES:
            raise TryAgainError(short(error), slower=status in _SLOWER) from error
        raise
    except BotoCoreError as error:
        raise TryAgainError(short(error)) from error  # no answer came
    except BaseError as error:
        status = int(found[1]) if (found := _STATUS.search(str(error))) else 0
        if status == 0 or status in _PASSING:  # 0: no answer came
            raise TryAgainError(short(error), slower=status in _SLOWER) from error
        raise


def is_lasting(error: Exception) -> bool:
    """Whether bucket or rights are what is missing, and not the object."""
    return bool(_LASTING.search(str(error)))


def must_be_absence(error: FileNotFoundError) -> None:
    """Raises StoreError where it is not the object that is missing."""
    if is_lasting(error):
        raise StoreError(short(error)) from error


def short(error: Exception) -> str:
    """The first line of an error, for a sentence."""
    return str(error).partition("\n")[0][:300]
