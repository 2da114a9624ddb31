"""Where the judge is: any server that speaks OpenAI's chat completions."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

TIMEOUT = 10.0, 300.0
"""Seconds: to connect, and between two parts of an answer."""

TRIES = 6
"""Of one request. The waits between them double, from 2 seconds on, unless the server says how long to wait."""

LONGEST_WAIT = 120.0
"""Seconds, whatever the server says."""

RETRIED = (408, 429, *range(500, 600))
"""Statuses that another try may change."""

OPTIONAL = ("response_format", "temperature")
"""Members of a request that some servers do not know, and that an answer can be had without."""

MALFORMED = (ValueError, RecursionError, LookupError, TypeError)
"""What is raised by looking for a member in what is no JSON, or has another form."""

LONGEST_MESSAGE = 500
"""Characters of a server's complaint."""


class EndpointError(OSError):
    """The endpoint cannot be reached, refuses, or keeps failing."""


class _Retry(Retry):
    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        given = super().get_retry_after(response)
        return None if given is None else min(given, LONGEST_WAIT)


class Endpoint:
    """A connection to one server. Nothing is sent before `complete`.

    Args:
        url: up to and with the version, such as `https://api.openai.com/v1`.
        key: sent as a bearer token, and nowhere else; None for a server that wants none.

    Raises:
        ValueError: a URL that is none, or that holds a password or a query; a key that cannot be sent.
    """

    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is no endpoint; write it like https://api.openai.com/v1")
        if parts.username or parts.password:
            raise ValueError("the endpoint holds a name or a password; give it without, and a key as OPENAI_API_KEY")
        if key is not None and not (key.isascii() and key.isprintable() and key == key.strip() != ""):
            raise ValueError("OPENAI_API_KEY is empty, or has blanks or other characters that no key has; set it again")
        self.url = url.rstrip("/")
        self._key = key
        self._left_out: set[str] = set()
        self._session = requests.Session()
        # Always set: the library would look for a password in ~/.netrc.
        self._session.auth = self._authorize
        retry = _Retry(
            total=TRIES - 1,
            connect=1,
            allowed_methods=None,
            status_forcelist=RETRIED,
            backoff_factor=1,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def complete(self, body: dict[str, Any]) -> str:
        """Send a request and return the text of the answer; empty where the server's reply holds none.

        Raises:
            EndpointError: the server cannot be reached, refuses the request, or failed at every try.
        """
        response = self._post(body)
        if response.status_code == 400:
            message = self._message(response)
            unknown = {name for name in OPTIONAL if name in message} - self._left_out
            if unknown:
                self._left_out |= unknown
                return self.complete(body)
        if response.status_code != 200:
            raise EndpointError(self._complaint(response))
        try:
            text = json.loads(self._text(response))["choices"][0]["message"]["content"]
        except MALFORMED:
            return ""
        return text if isinstance(text, str) else ""

    def _post(self, body: dict[str, Any]) -> requests.Response:
        sent = {name: value for name, value in body.items() if name not in self._left_out}
        try:
            return self._session.post(f"{self.url}/chat/completions", json=sent, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            cause = getattr(error.args[0], "reason", error) if error.args else error
            raise EndpointError(f"{self.url} gave no answer: {cause}") from error

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key is not None:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request

    def _text(self, response: requests.Response) -> str:
        """What the server sent, without the key, which it may repeat."""
        text = response.content.decode("utf-8", "replace")
        return text if self._key is None else text.replace(self._key, "…")

    def _message(self, response: requests.Response) -> str:
        text = self._text(response)
        with suppress(*MALFORMED):
            text = str(json.loads(text)["error"]["message"])
        return " ".join(text.split())[:LONGEST_MESSAGE]

    def _complaint(self, response: requests.Response) -> str:
        complaint = f"{self.url} answered {response.status_code} {response.reason}: {self._message(response)}"
        if response.status_code in (401, 403):
            complaint += "; check OPENAI_API_KEY" if self._key else "; set OPENAI_API_KEY"
        return complaint
