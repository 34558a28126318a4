"""Whether a request over HTTP was meant for the address that is listened on.

A `Host` that is a name anybody could make mean this machine (DNS rebinding): a web page elsewhere
would read what is said on loopback.
"""

from __future__ import annotations

import ipaddress


def is_own(host: str, own: str) -> bool:
    """Loopback, the address listened on, or any address in numbers where all are listened on.
    `host`: as the request names it, with a port or without.
    """
    name = _name_of(host)
    if name in ("localhost", own):
        return True
    try:
        found = ipaddress.ip_address(name)
        return found.is_loopback or ipaddress.ip_address(own).is_unspecified
    except ValueError:
        return False


def _name_of(host: str) -> str:
    """The host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
