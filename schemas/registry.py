"""The schema registry, by its Confluent-compatible API: subjects `<topic>-<full event name>`.

A small client of our own on the standard library: confluent-kafka's brings eight more packages, one
of them a newer certifi than the lock file can have, for the four requests made here. Its option
names are kept.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from schemas import avsc
from schemas.catalog import Catalog, SchemaVersion, schema_version
from schemas.compatibility import conflicts
from schemas.errors import IncompatibleSchemaError, RegistryError, SchemaError, UnknownSchemaError
from schemas.secret import revealed

OPTIONS: Final = (
    "basic.auth.user.info",
    "bearer.auth.token",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "timeout",
)
_TIMEOUT_S: Final = 10.0
_TIMEOUT_S_MAX: Final = 3_600.0
_AT_ONCE: Final = 4
_LISTED_MAX: Final = 1_000
_JSON: Final = "application/vnd.schemaregistry.v1+json"


class Registration(NamedTuple):
    """What a registry holds of one event version. `is_new`: since this call."""

    subject: str
    version: int
    id: int
    is_new: bool


class Refusal(RegistryError):
    """The registry's own refusal of a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Registry:
    """A client. `options` are those of confluent-kafka's client listed in `OPTIONS`."""

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        options = revealed(options or {})
        if unknown := options.keys() - set(OPTIONS):
            raise RegistryError(
                f"registry option {', '.join(sorted(unknown))} is unknown; "
                f"there are {', '.join(OPTIONS)}"
            )
        parts = address_parts(url)
        self.url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
        self._headers = {"Accept": f"{_JSON}, application/json", "Content-Type": _JSON}
        self._headers.update(_authorization(options, parts.username, parts.password))
        self._timeout_s = _timeout_s(options.get("timeout", _TIMEOUT_S))
        self._opener = urllib.request.build_opener(*_tls(parts.scheme, options))

    def subjects(self) -> frozenset[str] | None:
        """Those that have a version; None where the list may have been cut, as Apicurio does."""
        found = frozenset(self.request("GET", "/subjects"))
        return found if len(found) < _LISTED_MAX else None

    def versions(self, subject: str) -> list[tuple[int, str]]:
        """(id, schema text) of each version, oldest first; none for an unknown subject."""
        path = f"/subjects/{quote(subject, safe='')}/versions"
        try:
            numbers = self.request("GET", path)
        except Refusal as refusal:
            if refusal.status == 404:
                return []
            raise
        found = (self.request("GET", f"{path}/{number}") for number in sorted(numbers))
        return [(int(version["id"]), str(version["schema"])) for version in found]

    def schema(self, number: int) -> str:
        """The text of a schema. Raises `UnknownSchemaError`."""
        try:
            return str(self.request("GET", f"/schemas/ids/{number}")["schema"])
        except Refusal as refusal:
            if refusal.status == 404:
                raise UnknownSchemaError(f"schema id {number} is unknown to {self.url}") from None
            raise

    def add(self, subject: str, text: str) -> int:
        """Registers a schema and returns its id. Raises `Refusal` 409 where it is incompatible."""
        path = f"/subjects/{quote(subject, safe='')}/versions"
        return int(self.request("POST", path, {"schema": text, "schemaType": "AVRO"})["id"])

    def require(self, subject: str, compatibility: str) -> None:
        """Sets the compatibility that a subject's next versions are held to."""
        path = f"/config/{quote(subject, safe='')}"
        self.request("PUT", path, {"compatibility": compatibility})

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Raises `Refusal`, or `RegistryError` where there is no answer.

        A connection that ends without one is no reason to end a process: it is asked once more,
        as RFC 9112 (9.3.1) allows, for a schema sent twice is registered once.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self._headers, method=method)
        try:
            try:
                return self._answer(request)
            except ConnectionResetError:
                return self._answer(request)
        except urllib.error.HTTPError as error:
            with error:
                raise Refusal(error.code, _message(error)) from None
        except (OSError, ValueError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise RegistryError(f"no answer from the registry at {self.url}: {reason}") from None

    def _answer(self, request: urllib.request.Request) -> Any:
        with self._opener.open(request, timeout=self._timeout_s) as response:
            return json.load(response)


def subject_of(topic: str, fullname: str, prefix: str = "") -> str:
    """The subject of an event in a topic (TopicRecordNameStrategy), the environment's prefix on."""
    return f"{prefix}{topic}-{fullname}"


def register(registry: Registry, catalog: Catalog, prefix: str = "") -> Iterator[Registration]:
    """Registers every version of every event under each topic that carries it.

    Some subjects at a time, given in the catalog's order. Raises `IncompatibleSchemaError`, which
    names the field, before anything of that event is sent.
    """
    wanted = [
        (name, catalog.events[event], topic.compatibility)
        for name, topic in catalog.topics.items()
        for event in topic.events
    ]
    there = registry.subjects()
    pool = ThreadPoolExecutor(_AT_ONCE)
    jobs = [
        pool.submit(
            _register,
            registry,
            subject_of(name, event.fullname, prefix),
            list(event.versions.values()),
            compatibility,
            there,
        )
        for name, event, compatibility in wanted
    ]
    try:
        for job in jobs:
            yield from job.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _register(
    registry: Registry,
    subject: str,
    versions: list[SchemaVersion],
    compatibility: str,
    there: frozenset[str] | None,
) -> list[Registration]:
    """`there`: the subjects that need to be asked about; None: each."""
    texts = registry.versions(subject) if there is None or subject in there else []
    held = [
        (number, schema_version(versions[0].event, n, text, f"{subject} version {n}"))
        for n, (number, text) in enumerate(texts, 1)
    ]
    labelled = {f"registered {schema.version}": schema for _, schema in held}
    for schema in versions:
        problems = conflicts({**labelled, f"v{schema.version}": schema})
        if problems:
            raise IncompatibleSchemaError(f"{subject}: {'; '.join(problems)}")
    registry.require(subject, compatibility)
    found = []
    for schema in versions:
        same = [number for number, other in held if other.schema == schema.schema]
        number = same[0] if same else _add(registry, subject, schema)
        found.append(Registration(subject, schema.version, number, not same))
    return found


def _add(registry: Registry, subject: str, schema: SchemaVersion) -> int:
    try:
        return registry.add(subject, schema.text)
    except Refusal as refusal:
        if refusal.status != 409:
            raise
        raise IncompatibleSchemaError(
            f"{subject}: the registry refuses {schema.event}.v{schema.version}: {refusal}"
        ) from None


def find_id(registry: Registry, catalog: Catalog, schema: SchemaVersion, prefix: str) -> int:
    """The id of a schema, under whichever topic it is registered."""
    for topic in catalog.topics_of(schema.event):
        held = registry.versions(subject_of(topic, schema.fullname, prefix))
        for number, text in reversed(held):
            if avsc.fingerprint(avsc.parse(text, f"schema id {number}")) == schema.fingerprint:
                return number
    raise RegistryError(
        f"{schema.event}.v{schema.version} is not in the registry at {registry.url}: "
        "run `tape schemas register`"
    )


def find_schema(registry: Registry, catalog: Catalog, number: int) -> SchemaVersion:
    """The schema behind an id, one this checkout does not have included (a newer writer's).

    Raises `UnknownSchemaError` where there is none, or one that is no event.
    """
    text = registry.schema(number)
    try:
        parsed = avsc.parse(text, f"schema id {number}")
        event = catalog.events.get(avsc.short_name(parsed["name"]))
        for version in event.versions.values() if event else ():
            if version.fingerprint == avsc.fingerprint(parsed):
                return version
        return schema_version(avsc.short_name(parsed["name"]), 0, text, f"schema id {number}")
    except SchemaError as error:
        raise UnknownSchemaError(str(error)) from None


def _message(error: urllib.error.HTTPError) -> str:
    """What the registry says, in one line."""
    body = error.read().decode("utf-8", "replace")
    with contextlib.suppress(ValueError, AttributeError):
        body = str(json.loads(body).get("message") or body)
    return f"HTTP {error.code}: {' '.join(body.split()) or error.reason}"


def _authorization(
    options: Mapping[str, Any], username: str | None, password: str | None
) -> dict[str, str]:
    if token := options.get("bearer.auth.token"):
        return {"Authorization": f"Bearer {token}"}
    login = options.get("basic.auth.user.info")
    if username and not login:
        login = f"{unquote(username)}:{unquote(password or '')}"
    if not login:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(str(login).encode()).decode('ascii')}"}


def address_parts(url: str) -> SplitResult:
    """Raises `RegistryError`, never with the whole of it: a user and a password may stand in it."""
    named = "the registry.url"
    try:
        parts = urlsplit(url)
        named = f"{parts.scheme}://{parts.hostname}" if parts.hostname else named
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    except ValueError:  # a port or brackets that are none
        pass
    raise RegistryError(f"{named} is not a registry's address like http://127.0.0.1:8081")


def _timeout_s(said: Any) -> float:
    try:
        timeout_s = float(said)
    except (TypeError, ValueError):
        timeout_s = 0.0
    if not 0.0 < timeout_s <= _TIMEOUT_S_MAX:
        raise RegistryError(f"registry option timeout is {said!r}, not seconds above 0")
    return timeout_s


def _tls(scheme: str, options: Mapping[str, Any]) -> list[urllib.request.BaseHandler]:
    if scheme == "http":
        return []
    try:
        context = ssl.create_default_context(cafile=options.get("ssl.ca.location"))
        if certificate := options.get("ssl.certificate.location"):
            context.load_cert_chain(certificate, options.get("ssl.key.location"))
    except (OSError, ssl.SSLError) as error:
        raise RegistryError(f"the registry's ssl options: {error}") from None
    return [urllib.request.HTTPSHandler(context=context)]
