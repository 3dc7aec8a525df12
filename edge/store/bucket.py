"""Finds a bucket's server, credentials and region as boto3 finds them, and sets the bucket up."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store as Bucket

from edge.errors import StoreError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

CONNECT_S, ANSWER_S = 5, 30


def open_bucket(bucket: str, *, answer_s: float = ANSWER_S) -> tuple[S3Client, Bucket]:
    """boto3's client and obstore's store for *bucket*, which is made where it is not. Raises StoreError.

    A call without an answer for *answer_s* has failed.
    """
    session = boto3.Session()
    region = session.region_name or "us-east-1"
    client = session.client("s3", region_name=region, config=_config(answer_s, aws=True))
    endpoint = client.meta.endpoint_url
    if not (aws := _is_aws(endpoint)):
        client = session.client("s3", region_name=region, config=_config(answer_s, aws=False))
    if session.get_credentials() is None:
        raise StoreError(f"No credentials for the bucket {bucket}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    _set_up(client, bucket, region)
    where: dict[str, Any] = {} if aws else {"endpoint": endpoint, "virtual_hosted_style_request": False}
    driver = Bucket(
        bucket, region=region, credential_provider=Boto3CredentialProvider(session), **where,
        client_options={"allow_http": endpoint.startswith("http:"), "connect_timeout": f"{CONNECT_S}s",
                        "timeout": f"{answer_s}s"},
        retry_config={"max_retries": 0},  # a repeat without a look at what is there is how a fence misfires
    )
    return client, driver


def _set_up(client: S3Client, bucket: str, region: str) -> None:
    try:
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            # us-east-1 is the one region that must not be named.
            place: Any = {} if region == "us-east-1" else {
                "CreateBucketConfiguration": {"LocationConstraint": region}}
            client.create_bucket(Bucket=bucket, **place)
    except (ClientError, BotoCoreError, ValueError) as error:
        raise StoreError(f"The bucket {bucket} cannot be used ({error}): look at LECTERN_STORE, "
                         "AWS_ENDPOINT_URL, AWS_REGION and the credentials.") from error


def _config(answer_s: float, *, aws: bool) -> Config:
    """Other servers keep the frame of botocore's trailing checksums inside the object, or refuse it."""
    others: dict[str, Any] = {} if aws else {
        "request_checksum_calculation": "when_required", "response_checksum_validation": "when_required",
        "s3": {"addressing_style": "path"}}
    return Config(connect_timeout=CONNECT_S, read_timeout=answer_s, retries={"total_max_attempts": 1}, **others)


def _is_aws(endpoint: str) -> bool:
    return f".{urlsplit(endpoint).hostname}".endswith((".amazonaws.com", ".amazonaws.com.cn"))
