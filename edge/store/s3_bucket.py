"""Finds a bucket's server, credentials and region as boto3 finds them, and sets the bucket up."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectionClosedError,
    EndpointConnectionError,
    EndpointProviderError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store as Bucket

from edge.errors import StoreError
from edge.store.retry import ANSWER_S, CONNECT_S

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_MENDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (ProfileNotFound, "mend AWS_PROFILE"),
    ((ConfigParseError, ConfigNotFound), "mend that file, or set AWS_CONFIG_FILE"),
    ((PartialCredentialsError, NoCredentialsError), "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ((InvalidRegionError, NoRegionError), "set AWS_REGION, such as eu-west-1"),
    (ParamValidationError, "write LECTERN_STORE as s3://BUCKET/PREFIX"),
    ((EndpointProviderError, ValueError), "write AWS_ENDPOINT_URL as http://HOST:PORT"),
    ((EndpointConnectionError, ConnectionClosedError, HTTPClientError), "look at AWS_ENDPOINT_URL and that its server runs"),
)
"""What is wrong, by the first type that fits, and the setting that mends it."""


def open_bucket(bucket: str, *, answer_s: float = ANSWER_S) -> tuple[S3Client, Bucket]:
    """boto3's client and obstore's store for *bucket*, which is made where it is not.

    A call without an answer for *answer_s* has failed. Raises StoreError, naming the setting to mend.
    """
    try:
        return _open(bucket, answer_s)
    except (ClientError, BotoCoreError, ValueError) as error:
        mend = next((mend for kind, mend in _MENDS if isinstance(error, kind)), "")
        if not mend:
            mend = "look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL and LECTERN_STORE"
        raise StoreError(f"The bucket {bucket} cannot be used ({str(error).partition(': Bucket name must')[0]}): {mend}.") from error


def _open(bucket: str, answer_s: float) -> tuple[S3Client, Bucket]:
    # boto3 knows AWS_DEFAULT_REGION only; AWS_REGION is what every other tool of AWS reads first.
    session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    region = session.region_name or "us-east-1"
    client = session.client("s3", region_name=region, config=_config(answer_s, aws=True))
    endpoint = client.meta.endpoint_url
    if not (aws := _is_aws(endpoint)):
        client = session.client("s3", region_name=region, config=_config(answer_s, aws=False))
    if aws and not session.region_name:
        raise NoRegionError
    if session.get_credentials() is None:
        raise NoCredentialsError
    _set_up(client, bucket, region, aws=aws)
    where: dict[str, Any] = {} if aws else {"endpoint": endpoint, "virtual_hosted_style_request": False}
    driver = Bucket(
        bucket, region=region, credential_provider=Boto3CredentialProvider(session), **where,
        client_options={"allow_http": endpoint.startswith("http:"), "connect_timeout": f"{CONNECT_S}s",
                        "timeout": f"{answer_s}s"},
        retry_config={"max_retries": 0},  # a repeat without a look at what is there is how a fence misfires
    )
    return client, driver


def _set_up(client: S3Client, bucket: str, region: str, *, aws: bool) -> None:
    try:
        found = client.head_bucket(Bucket=bucket).get("BucketRegion") or region
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        # us-east-1 is the one region that must not be named.
        place: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        client.create_bucket(Bucket=bucket, **place)
    else:
        if aws and found != region:  # boto3 follows AWS there, and obstore does not
            raise StoreError(f"The bucket {bucket} is in {found}, not in {region}: set AWS_REGION={found}.")


def _config(answer_s: float, *, aws: bool) -> Config:
    """Other servers keep the frame of botocore's trailing checksums inside the object, or refuse it."""
    others: dict[str, Any] = {} if aws else {
        "request_checksum_calculation": "when_required", "response_checksum_validation": "when_required",
        "s3": {"addressing_style": "path"}}
    return Config(connect_timeout=CONNECT_S, read_timeout=answer_s, retries={"total_max_attempts": 1}, **others)


def _is_aws(endpoint: str) -> bool:
    return f".{urlsplit(endpoint).hostname}".endswith((".amazonaws.com", ".amazonaws.com.cn"))
