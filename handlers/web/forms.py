"""Reading a form's one field. Only the plain kind of form: parts of others could end up in temporary files."""

import asyncio
from urllib.parse import parse_qs

from aiohttp import web

_READ_SECONDS = 15.0
_MOST_FIELDS = 10


async def read_field(request: web.Request, name: str) -> str:
    """The value of a field as it was typed, spaces included; empty where it is missing.

    Raises HTTPUnsupportedMediaType, HTTPRequestTimeout, HTTPRequestEntityTooLarge or HTTPBadRequest.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(_READ_SECONDS):
            body = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise web.HTTPBadRequest from None
    return fields.get(name, [""])[0]
