"""Keys from AWS Secrets Manager; region, credentials and endpoint come from AWS's own variables and
files. boto3 is slow to import and needed for these references alone, so it is imported on use.
"""

from __future__ import annotations

from connectors.gateway.keys import KeyRefused
from schemas.secret import Secret


def secret_text(name: str) -> Secret:
    """A secret's newest text. Raises `KeyRefused`, which names the secret and never shows it."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        raise KeyRefused(f"aws:{name} cannot be read: {type(error).__name__}") from None
    text = answer.get("SecretString")
    if not isinstance(text, str):
        raise KeyRefused(f"aws:{name} holds no text")
    return Secret(text)
