"""Keys from AWS Secrets Manager. boto3 is needed for these references alone and is imported here;
region, credentials and endpoint come from AWS's own variables and files.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from connectors.gateway.keys import KeyRefused


def secret_text(name: str) -> str:
    """A secret's newest text. Raises `KeyRefused`, which names the secret and never shows it."""
    try:
        boto3: Any = import_module("boto3")
        failures: Any = import_module("botocore.exceptions")
    except ModuleNotFoundError:
        raise KeyRefused(f"aws:{name} needs boto3, which is not installed") from None
    try:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=name)
    except (failures.BotoCoreError, failures.ClientError) as error:
        raise KeyRefused(f"aws:{name} cannot be read: {type(error).__name__}") from None
    text = answer.get("SecretString")
    if not isinstance(text, str):
        raise KeyRefused(f"aws:{name} holds no text")
    return text
