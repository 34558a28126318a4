"""S3 for the tests of the archive."""

from tests.s3 import s3, s3_proxy

__all__ = ["s3", "s3_proxy"]
