"""The connection to the judge: any server with OpenAI's chat completions API."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

TIMEOUT = 10.0, 300.0
"""Seconds to connect, and seconds between two parts of an answer."""

TRIES = 6
"""The number of tries for a request. The waits double from 2 seconds on, unless the server sets them."""

MAX_WAIT = 120.0
"""The longest wait between two tries, in seconds, also if the server sets a longer one."""

RETRIED = (408, 429, *range(500, 600))
"""HTTP statuses that are retried."""

OPTIONAL = ("response_format", "temperature")
"""Fields of a request that some servers reject. The request is then sent without them."""

MALFORMED = (ValueError, RecursionError, LookupError, TypeError)
"""The errors of reading a field from a reply that is not JSON, or has another structure."""

MAX_REPLY = 2**22
"""Bytes of a reply. An answer has a few kilobytes, and may follow pages of reasoning."""

MAX_MESSAGE = 500
"""The largest number of characters of a server's error message."""


class EndpointError(OSError):
    """The endpoint cannot be reached, refuses a request, or failed at every try."""


class _Retry(Retry):
    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        wait = super().get_retry_after(response)
        return None if wait is None else min(wait, MAX_WAIT)


class Endpoint:
    """A connection to one server. Nothing is sent before `complete`.

    Args:
        url: URL of the API with its version, such as `https://api.openai.com/v1`.
        key: the API key. It is sent only to this URL, as a bearer token. None for a server without keys.

    Raises:
        ValueError: `url` is no HTTP URL, or has a password or a query, or the key cannot be sent.
    """

    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is no endpoint; write it like https://api.openai.com/v1")
        if parts.username or parts.password:
            raise ValueError("the endpoint has a user name or password; remove it, and set a key as OPENAI_API_KEY")
        if key is not None and not (key.isascii() and key.isprintable() and key == key.strip() != ""):
            raise ValueError("OPENAI_API_KEY is empty, or has blanks or other invalid characters; set it again")
        self.url = url.rstrip("/")
        self._key = key
        self._rejected: set[str] = set()
        self._session = requests.Session()
        # Always set, because requests would otherwise read a password from ~/.netrc.
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
        """Send a request and return the text of the answer. It is empty if the reply holds none.

        Raises:
            EndpointError: the server cannot be reached, refuses the request, failed at every try, or sends a reply that
                is larger than `MAX_REPLY`.
        """
        response, text = self._post(body)
        if response.status_code == 400:
            message = self._message(text)
            unknown = {name for name in OPTIONAL if name in message} - self._rejected
            if unknown:
                self._rejected |= unknown
                return self.complete(body)
        if response.status_code != 200:
            raise EndpointError(self._error(response, text))
        try:
            answer = json.loads(text)["choices"][0]["message"]["content"]
        except MALFORMED:
            return ""
        return answer if isinstance(answer, str) else ""

    def _post(self, body: dict[str, Any]) -> tuple[requests.Response, str]:
        """Send a request, and return the reply and its text. The text lacks the key, which a server may repeat."""
        sent = {name: value for name, value in body.items() if name not in self._rejected}
        content, place = b"", f"{self.url}/chat/completions"
        try:
            with self._session.post(place, json=sent, timeout=TIMEOUT, allow_redirects=False, stream=True) as response:
                for part in response.iter_content(2**16):
                    content += part
                    if len(content) > MAX_REPLY:
                        raise EndpointError(f"{self.url} sent more than {MAX_REPLY >> 20} MiB; give another endpoint")
        except requests.RequestException as error:
            cause = getattr(error.args[0], "reason", error) if error.args else error
            raise EndpointError(f"{self.url} gave no answer: {cause}") from error
        text = content.decode("utf-8", "replace")
        return response, text if self._key is None else text.replace(self._key, "…")

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key is not None:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request

    def _message(self, text: str) -> str:
        with suppress(*MALFORMED):
            text = str(json.loads(text)["error"]["message"])
        return " ".join(text.split())[:MAX_MESSAGE]

    def _error(self, response: requests.Response, text: str) -> str:
        message = f"{self.url} answered {response.status_code} {response.reason}: {self._message(text)}"
        if response.status_code in (401, 403):
            message += "; check OPENAI_API_KEY" if self._key else "; set OPENAI_API_KEY"
        return message
