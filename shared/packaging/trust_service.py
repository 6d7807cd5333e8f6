"""A question to a trust service over HTTP: for a time-stamp, or for the status of a certificate."""

from __future__ import annotations

from collections.abc import Callable

from shared.kernel.errors import Unavailable

_CHUNK = 16 * 1024


def asked(
    url: str,
    question: bytes,
    kinds: tuple[str, str],
    *,
    most: int,
    timeout: float,
    name: str,
    trouble: Callable[[str], Unavailable],
) -> bytes:
    """What a service answers, of `most` bytes at most.

    `kinds` are the media types of question and answer (RFC 3161, 3.4; RFC 6960, A.1).
    Raises what `trouble` makes of the sentence about the service of this name.
    """
    import requests

    headers = {
        "Content-Type": kinds[0],
        "Accept": kinds[1],
    }
    try:
        with requests.post(
            url,
            data=question,
            headers=headers,
            timeout=timeout,
            stream=True,
            allow_redirects=False,  # it is asked where the settings say, and nowhere else
        ) as answer:
            answer.raise_for_status()
            content = b""
            for piece in answer.iter_content(_CHUNK):
                content += piece
                if len(content) > most:
                    raise trouble(f"{name}的回答太长")
            return content
    except requests.RequestException as error:
        raise trouble(f"{name} {url} 没有应答") from error
