"""CloudFront before an S3 bucket: `template.json` for CloudFormation, with two functions for its edges.

Sources: CloudFormation's reference of AWS::CloudFront; the CloudFront Developer Guide on cache tags, functions, restricting
access to an S3 origin, origin failover, and on how long errors are kept. Deploy it in us-east-1, where CloudFront's
certificates and metrics are.

A function's view of a missing object ends before the response, so the site's 404 page comes from `serve`: the second origin of the pages'
group, asked where the bucket has nothing. Where a second bucket is given, that one is asked instead, when the first one fails.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edge.cdn.cloudfront import TAG_HEADER
from edge.config.cache_node import CacheNode
from edge.config.timeouts import API_FIRST_BYTE_S
from edge.errors import SettingsError
from edge.media import MEDIA
from edge.policy import Headers
from edge.tiers import ERROR_S, FAULT_S, PROFILES, YEAR_S, cache_control

FUNCTION_BYTES = 10_240  # CloudFront's limit on a function's code
CONNECT_S, TRIES = 2, 1

_ALL_OF_THE_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
"""The managed origin request policy AllViewer: Host too, by which the API knows itself."""

_STATE = (("404", FAULT_S), ("403", FAULT_S), ("500", FAULT_S), ("502", FAULT_S), ("503", FAULT_S), ("504", FAULT_S))
"""Least seconds that an error is kept, where it says nothing itself. The site's own 404 page does: ERROR_S."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9/._-]*")
_NAMED = {  # response headers that the policy has fields for
    "Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options", "Strict-Transport-Security"}


def files(node: CacheNode) -> Mapping[str, str]:
    """``template.json``, and its functions once more to be read. Raises SettingsError where the store is no bucket of AWS."""
    bucket, prefix = _bucket_of(node.store)
    request, response = functions(node)
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Lectern's pages at CloudFront, profile {node.profile}: made by build.py config cloudfront, to be made anew.",
        "Parameters": _parameters(node, bucket),
        "Conditions": {
            "HasCertificate": {"Fn::Not": [{"Fn::Equals": [{"Ref": "CertificateArn"}, ""]}]},
            "HasReplica": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ReplicaBucket"}, ""]}]},
            "HasTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]},
            "MakesBucket": {"Fn::Equals": [{"Ref": "MakeBucket"}, "yes"]},
        },
        "Resources": {
            **_buckets(), **_policies(node), **_function("Request", request), **_function("Response", response),
            **({"MediaKeys": _resource("KeyGroup", {"KeyGroupConfig": {
                "Name": _named("media"), "Items": [node.media_key_id]}})} if node.media_key_id else {}),
            "Distribution": _distribution(node, prefix), "Metrics": _resource("MonitoringSubscription", {
                "DistributionId": {"Ref": "Distribution"},
                "MonitoringSubscription": {"RealtimeMetricsSubscriptionConfig": {"RealtimeMetricsSubscriptionStatus": "Enabled"}}}),
            **_alarms(),
        },
        "Outputs": {
            "DistributionId": {"Description": "LECTERN_CLOUDFRONT_DISTRIBUTION", "Value": {"Ref": "Distribution"}},
            "DomainName": {"Description": "where the site's name is to lead", "Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}},
        },
    }
    return {"template.json": json.dumps(template, indent=1) + "\n", "request.js": request, "response.js": response}


def functions(node: CacheNode) -> tuple[str, str]:
    """The code of the viewer request's function and of the viewer response's."""
    here = Path(__file__).parent
    asked = (here / "asked.js").read_text()
    known = (f"const SPELLING = {json.dumps(cache_control('spelling', node.profile))};\n"
             f"const KEYS = {json.dumps(bool(node.media_key_id))};\n\n")
    made = known + (here / "request.js").read_text() + asked, (here / "response.js").read_text() + asked
    assert all(len(code.encode()) <= FUNCTION_BYTES for code in made)
    return made


def _bucket_of(store: str) -> tuple[str, str]:
    name, _, prefix = store.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    if not store.startswith("s3://") or not _BUCKET.fullmatch(name) or not _PREFIX.fullmatch(prefix):
        raise SettingsError(f"LECTERN_STORE is {store!r}: CloudFront asks a bucket of AWS, so write s3://BUCKET/PREFIX.")
    return name, f"/{prefix}" if prefix else ""


def _parameters(node: CacheNode, bucket: str) -> dict[str, Any]:
    def text(default: str, description: str, pattern: str) -> dict[str, str]:
        return {"Type": "String", "Default": default, "Description": description, "AllowedPattern": pattern}

    return {
        "BucketName": text(bucket, "the bucket of LECTERN_STORE", "[a-z0-9.-]{3,63}"),
        "MakeBucket": {"Type": "String", "Default": "no", "AllowedValues": ["yes", "no"],
                       "Description": "whether this stack makes the bucket; no where it is there already, in this region"},
        "ReplicaBucket": text("", "domain of a copy of the bucket in a second region, such as copy.s3.eu-west-1.amazonaws.com",
                              "|[a-z0-9.-]+[.]amazonaws[.]com"),
        "ApiDomain": text(node.api.host if node.api.scheme == "https" else "api.example",
                          "host of the API, and of `serve`, by https; its certificate is for the site's name", "[A-Za-z0-9.-]+"),
        "CertificateArn": text("", "certificate of the site's name in ACM, in us-east-1; without it CloudFront's own name serves",
                               "|arn:aws:acm:us-east-1:[0-9]+:certificate/.+"),
        "AlarmTopicArn": text("", "SNS topic that alarms go to", "|arn:aws:sns:.+"),
    }


def _buckets() -> dict[str, Any]:
    distribution = {"Fn::Sub": "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"}
    return {
        "Bucket": {"Type": "AWS::S3::Bucket", "Condition": "MakesBucket", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain",
                   "Properties": {
                       "BucketName": {"Ref": "BucketName"},
                       "PublicAccessBlockConfiguration": dict.fromkeys(
                           ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True),
                       "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                       "LifecycleConfiguration": {"Rules": [{"Id": "unfinished-uploads", "Status": "Enabled",
                                                             "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}]}}},
        # Read, and not list: what is missing is a 403, and a query names nothing.
        "BucketPolicy": {"Type": "AWS::S3::BucketPolicy", "Properties": {
            "Bucket": {"Fn::If": ["MakesBucket", {"Ref": "Bucket"}, {"Ref": "BucketName"}]},
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject",
                "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${BucketName}/*"},
                "Condition": {"StringEquals": {"AWS:SourceArn": distribution}}}]}}},
        "Access": _resource("OriginAccessControl", {"OriginAccessControlConfig": {
            "Name": _named("bucket"), "OriginAccessControlOriginType": "s3", "SigningBehavior": "always", "SigningProtocol": "sigv4"}}),
    }


def _policies(node: CacheNode) -> dict[str, Any]:
    profile = PROFILES[node.profile]
    ceilings = {"Catalog": profile.catalog_s, "Metadata": profile.metadata_s, "Media": profile.media_s, "Asset": YEAR_S}
    nothing = {
        "HeadersConfig": {"HeaderBehavior": "none"}, "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"}, "EnableAcceptEncodingGzip": False, "EnableAcceptEncodingBrotli": False}
    policies = {f"{name}Tier": _cache_policy(name.lower(), ERROR_S, ceiling_s, nothing) for name, ceiling_s in ceilings.items()}
    # What the API says is kept by nobody; an error is, for a moment, whatever it says, and must not reach another session.
    policies["ApiTier"] = _cache_policy("api", 0, 1, {
        **nothing, "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": ["Origin", "Authorization"]},
        "CookiesConfig": {"CookieBehavior": "all"}, "QueryStringsConfig": {"QueryStringBehavior": "all"}})
    return {**policies, "Secure": _response_policy("pages", node.headers, override=True),
            "SecureApi": _response_policy("api", node.headers, override=False)}


def _cache_policy(name: str, default_s: int, most_s: int, key: Mapping[str, Any]) -> dict[str, Any]:
    return _resource("CachePolicy", {"CachePolicyConfig": {
        "Name": _named(name), "MinTTL": 0, "DefaultTTL": min(default_s, most_s), "MaxTTL": most_s,
        "ParametersInCacheKeyAndForwardedToOrigin": dict(key)}})


def _response_policy(name: str, headers: Headers, *, override: bool) -> dict[str, Any]:
    values = dict(headers)
    fields: dict[str, Any] = {
        "ContentSecurityPolicy": {"ContentSecurityPolicy": values["Content-Security-Policy"], "Override": override},
        "ReferrerPolicy": {"ReferrerPolicy": values["Referrer-Policy"], "Override": override},
        "ContentTypeOptions": {"Override": True},
        "FrameOptions": {"FrameOption": values["X-Frame-Options"], "Override": override},
    }
    if hsts := values.get("Strict-Transport-Security"):
        fields["StrictTransportSecurity"] = {
            "AccessControlMaxAgeSec": int(hsts.partition("max-age=")[2]), "IncludeSubdomains": False, "Preload": False,
            "Override": override}
    return _resource("ResponseHeadersPolicy", {"ResponseHeadersPolicyConfig": {
        "Name": _named(f"{name}-headers"), "SecurityHeadersConfig": fields,
        "CustomHeadersConfig": {"Items": [
            {"Header": header, "Value": value, "Override": override} for header, value in headers if header not in _NAMED]},
        "RemoveHeadersConfig": {"Items": [{"Header": "Server"}]}}})


def _function(name: str, code: str) -> dict[str, Any]:
    return {f"{name}Function": _resource("Function", {
        "Name": _named(name.lower()), "AutoPublish": True, "FunctionCode": code,
        "FunctionConfig": {"Comment": f"viewer {name.lower()}", "Runtime": "cloudfront-js-2.0"}})}


def _distribution(node: CacheNode, prefix: str) -> dict[str, Any]:
    site = urlsplit(node.base_url)
    times = {"OriginPath": prefix, "ConnectionAttempts": TRIES, "ConnectionTimeout": CONNECT_S,
             "OriginAccessControlId": {"Ref": "Access"}, "S3OriginConfig": {"OriginAccessIdentity": ""}}
    serve = {"ConnectionAttempts": TRIES, "ConnectionTimeout": CONNECT_S, "DomainName": {"Ref": "ApiDomain"}, "CustomOriginConfig": {
        "OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"], "OriginKeepaliveTimeout": 60,
        "OriginReadTimeout": API_FIRST_BYTE_S}}
    pages = {"TargetOriginId": "pages", "ViewerProtocolPolicy": "redirect-to-https", "AllowedMethods": ["GET", "HEAD"],
             "CachedMethods": ["GET", "HEAD"], "Compress": False, "ResponseHeadersPolicyId": {"Ref": "Secure"}, "FunctionAssociations": [
                 {"EventType": f"viewer-{name.lower()}", "FunctionARN": {"Fn::GetAtt": [f"{name}Function", "FunctionARN"]}}
                 for name in ("Request", "Response")]}

    def tier(pattern: str, name: str, **more: Any) -> dict[str, Any]:
        return {**pages, "PathPattern": pattern, "CachePolicyId": {"Ref": f"{name}Tier"}, **more}

    protected = {"TrustedKeyGroups": [{"Ref": "MediaKeys"}]} if node.media_key_id else {}
    behaviours = [
        {"PathPattern": "/api/*", "TargetOriginId": "api", "ViewerProtocolPolicy": "https-only", "Compress": False,
         "AllowedMethods": ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"], "CachedMethods": ["GET", "HEAD"],
         "CachePolicyId": {"Ref": "ApiTier"}, "OriginRequestPolicyId": _ALL_OF_THE_VIEWER, "ResponseHeadersPolicyId": {"Ref": "SecureApi"}},
        tier("/protected/*", "Media", TargetOriginId="bucket", **protected),
        tier("/assets/*", "Asset"), tier("/data/*", "Media"), tier("/captions/*", "Media"), tier("/pictures/*", "Media"),
        tier(f"/{MEDIA}*", "Media"),
        # The first pattern that fits decides: what is kept longer than the pages beside it comes before them.
        tier("/courses/*/feed.xml", "Metadata"), tier("/batches/*/batch.ics", "Metadata"),
        tier("/courses/*", "Catalog"), tier("/batches/*", "Catalog")]
    config: dict[str, Any] = {
        "Enabled": True, "HttpVersion": "http2and3", "IPV6Enabled": True, "Comment": site.netloc[:128],
        "CacheTagConfig": {"HeaderName": TAG_HEADER},
        "Origins": [
            {"Id": "bucket", "DomainName": {"Fn::Sub": "${BucketName}.s3.${AWS::Region}.${AWS::URLSuffix}"}, **times},
            {"Fn::If": ["HasReplica", {"Id": "replica", "DomainName": {"Ref": "ReplicaBucket"}, **times}, {"Ref": "AWS::NoValue"}]},
            {"Id": "serve", **serve}, {"Id": "api", **serve}],
        "OriginGroups": {"Quantity": 1, "Items": [{"Id": "pages", **_failover()}]},
        "DefaultCacheBehavior": {**pages, "CachePolicyId": {"Ref": "MetadataTier"}},
        "CacheBehaviors": behaviours,
        "CustomErrorResponses": [{"ErrorCode": int(status), "ErrorCachingMinTTL": seconds} for status, seconds in _STATE],
        "ViewerCertificate": {"Fn::If": ["HasCertificate", {
            "AcmCertificateArn": {"Ref": "CertificateArn"}, "MinimumProtocolVersion": "TLSv1.2_2021", "SslSupportMethod": "sni-only"},
            {"CloudFrontDefaultCertificate": True}]},
    }
    if site.hostname:
        config["Aliases"] = {"Fn::If": ["HasCertificate", [site.hostname], {"Ref": "AWS::NoValue"}]}
    return _resource("Distribution", {"DistributionConfig": config})


def _failover() -> dict[str, Any]:
    """Where the bucket fails, a copy of it; else, where it has nothing, the server that has the site's 404 page."""
    def group(second: str, statuses: list[int]) -> dict[str, Any]:
        return {"FailoverCriteria": {"StatusCodes": {"Quantity": len(statuses), "Items": statuses}},
                "Members": {"Quantity": 2, "Items": [{"OriginId": "bucket"}, {"OriginId": second}]}}

    faults, missing = group("replica", [500, 502, 503, 504]), group("serve", [403, 404])
    return {name: {"Fn::If": ["HasReplica", faults[name], missing[name]]} for name in faults}


def _alarms() -> dict[str, Any]:
    """The few that a person must look at; docs/operations.md leads on from their names."""
    def alarm(metric: str, compare: str, threshold: float, what: str, *, statistic: str = "Average", **dimensions: Any) -> dict[str, Any]:
        dimensions = dimensions or {"DistributionId": {"Ref": "Distribution"}}
        value = {"ExtendedStatistic": statistic} if statistic.startswith("p") else {"Statistic": statistic}
        return {"Type": "AWS::CloudWatch::Alarm", "Properties": {
            "AlarmDescription": what, "Namespace": "AWS/CloudFront", "MetricName": metric, **value, "Period": 60, "EvaluationPeriods": 5,
            "Threshold": threshold, "ComparisonOperator": compare, "TreatMissingData": "notBreaching",
            "Dimensions": [{"Name": name, "Value": value} for name, value in {**dimensions, "Region": "Global"}.items()],
            "AlarmActions": {"Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}}}

    above, below = "GreaterThanThreshold", "LessThanThreshold"
    return {
        "ManyErrors": alarm("5xxErrorRate", above, 1, "more than 1 % of answers are errors of the origin"),
        "FewHits": alarm("CacheHitRate", below, 70, "less than 70 % of requests are hits"),
        "SlowOrigin": alarm("OriginLatency", above, 500, "1 of 20 answers of the origin takes more than 500 ms", statistic="p95"),
        **{f"{name}FunctionFails": alarm("FunctionExecutionErrors", above, 0, f"the viewer {name.lower()} function fails", statistic="Sum",
                                         FunctionName={"Ref": f"{name}Function"}) for name in ("Request", "Response")},
    }


def _resource(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"Type": f"AWS::CloudFront::{kind}", "Properties": dict(properties)}


def _named(what: str) -> dict[str, str]:
    return {"Fn::Sub": f"${{AWS::StackName}}-{what}"}
