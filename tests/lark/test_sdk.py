"""The real lark-oapi against our Lark: whether what we play is what it speaks."""

import asyncio
import importlib
import json
import threading
from types import SimpleNamespace

import pytest

from handlers.lark.envelope import Envelopes, decrypt, sign
from tests.servers.lark import FakeLark
from tests.servers.lark.people import encrypt, signed


@pytest.fixture(scope="module")
def sdk():
    """The SDK takes whichever event loop there is when it is imported: here one that is over afterwards."""

    def load() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        importlib.import_module("lark_oapi.ws.client")
        loop.close()

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    return importlib.import_module("lark_oapi")


def test_its_dispatcher_opens_what_we_seal_and_we_what_it_does(sdk) -> None:
    key, token, seen = "k" * 16, "t" * 16, []
    handler = sdk.EventDispatcherHandler.builder(key, token).register_p2_im_message_receive_v1(seen.append).build()
    body = {
        "schema": "2.0",
        "header": {"event_id": "1", "token": token, "event_type": "im.message.receive_v1"},
        "event": {"message": {"message_id": "om_1"}},
    }
    raw = json.dumps({"encrypt": encrypt(key, json.dumps(body))})
    request = SimpleNamespace(uri="/", body=raw.encode(), headers=signed(key, raw))
    assert handler.do(request).status_code == 200
    assert seen[0].event.message.message_id == "om_1"
    assert Envelopes(key, token).open(request.headers, raw.encode()) == body
    assert json.loads(sdk.AESCipher(key).decrypt_str(json.loads(raw)["encrypt"])) == json.loads(
        decrypt(key, json.loads(raw)["encrypt"])
    )
    headers = request.headers
    assert headers["X-Lark-Signature"] == sign(
        key, headers["X-Lark-Request-Timestamp"], headers["X-Lark-Request-Nonce"], raw.encode()
    )


async def test_its_client_posts_and_changes_a_card_at_our_lark(sdk) -> None:
    from lark_oapi.api.im.v1 import (  # noqa: PLC0415
        CreateMessageRequest,
        CreateMessageRequestBody,
        PatchMessageRequest,
        PatchMessageRequestBody,
        ReplyMessageRequest,
        ReplyMessageRequestBody,
    )  # fmt: skip

    card = json.dumps(
        {"schema": "2.0", "body": {"elements": [{"tag": "div", "text": {"tag": "plain_text", "content": "x"}}]}}
    )
    async with FakeLark() as lark:
        lark.person("ou_ann")
        client = (
            sdk.Client.builder()
            .app_id(lark.app_id)
            .app_secret(lark.app_secret)
            .domain(lark.base_url)
            .log_level(sdk.LogLevel.ERROR)
            .build()
        )

        def talk() -> list[bool]:
            body = (
                CreateMessageRequestBody.builder()
                .receive_id("ou_ann")
                .msg_type("interactive")
                .content(card)
                .uuid("u")
                .build()
            )
            made = client.im.v1.message.create(
                CreateMessageRequest.builder().receive_id_type("open_id").request_body(body).build()
            )
            text = (
                ReplyMessageRequestBody.builder()
                .msg_type("interactive")
                .content(card)
                .reply_in_thread(True)
                .uuid("v")
                .build()
            )
            reply = client.im.v1.message.reply(
                ReplyMessageRequest.builder().message_id(made.data.message_id).request_body(text).build()
            )
            new = PatchMessageRequestBody.builder().content(card).build()
            patch = client.im.v1.message.patch(
                PatchMessageRequest.builder().message_id(reply.data.message_id).request_body(new).build()
            )
            return [made.success(), reply.success(), patch.success(), reply.data.thread_id is not None]

        assert await asyncio.to_thread(talk) == [True] * 4
        assert lark.faults == []
