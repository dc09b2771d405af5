"""People at Lark: what they write, press and send reaches the bot as Lark sends it, and is acknowledged in time."""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from tests.servers.lark.card import faults_of_card
from tests.servers.lark.state import Posted, fresh, value_of

if TYPE_CHECKING:
    from tests.servers.lark.server import FakeLark

ACK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Ack:
    """How the bot answered a request."""

    status: int
    body: Any
    seconds: float
    sent: dict[str, Any] = field(default_factory=dict, repr=False)
    """What was sent, so that it can be sent again."""


@dataclass(slots=True)
class Delivery:
    """How events reach the bot: HTTP to `url`, or the long connection where it is None."""

    url: str | None = None
    encrypted: bool = True


class Person:
    """Somebody who uses the bot."""

    def __init__(self, lark: "FakeLark", user: str, tenant: str) -> None:
        self.lark, self.id, self.tenant = lark, user, tenant
        self.chat = lark.direct(user).id

    # What they do.

    async def says(
        self, text: str, *, thread: str | None = None, chat: str | None = None, mention: bool = False, **more: Any
    ) -> str:
        """A message in the direct chat, or with an @mention in a group; its id."""
        where = self.lark.chats[chat or self.chat]
        root = self.lark.messages[thread] if thread else None
        message = Posted(fresh("om"), where.id, self.id, text, root=thread, thread=root.thread if root else None)
        self.lark.messages[message.id] = message
        event: dict[str, Any] = {
            "message_id": message.id, "chat_id": where.id, "chat_type": "p2p" if where.p2p else "group", "message_type": "text",
            "create_time": str(int(time.time() * 1000)), "content": json.dumps({"text": ("@_user_1 " if mention else "") + text}),
        }  # fmt: skip
        event |= {"root_id": thread, "parent_id": thread} if thread else {}
        event |= {"thread_id": root.thread} if root is not None and root.thread else {}
        bot = {"key": "@_user_1", "id": {"open_id": self.lark.bot}, "name": "migcheck", "tenant_key": self.lark.tenant}
        event |= {"mentions": [bot]} if mention else {}
        await self.event("im.message.receive_v1", {"sender": self._sender(), "message": event | more})
        return message.id

    async def mentions(self, text: str, chat: str) -> str:
        return await self.says(text, chat=chat, mention=True)

    async def menu(self, entry: str) -> Ack:
        operator = {"operator_name": "A", "operator_id": {"open_id": self.id}}
        return await self.event(
            "application.bot.menu_v6", {"operator": operator, "event_key": entry, "timestamp": int(time.time())}
        )

    async def enters(self) -> Ack:
        event = {"chat_id": self.chat, "operator_id": {"open_id": self.id}, "last_message_id": ""}
        return await self.event("im.chat.access_event.bot_p2p_chat_entered_v1", event)

    async def presses(self, message: Posted, action: str) -> Ack:
        """A button of a card. Its form, if it stands in one, is not sent."""
        button = message.button(action)
        assert button is not None, f"no {action} among {message.actions}"
        return await self._acts(message, {"tag": "button", "value": value_of(button)})

    async def submits(self, message: Posted, *, by_name: bool = False, **values: Any) -> Ack:
        """Send the form of a card with these values; what was filled in before stays."""
        form = next(part for part in message.elements if part["tag"] == "form")
        state: dict[str, Any] = {}
        for part in form["elements"]:
            if part["tag"] == "input":
                state[part["name"]] = str(values.pop(part["name"], part.get("default_value", "")))
            elif part["tag"] == "select_static":
                state[part["name"]] = values.pop(part["name"], part.get("initial_option"))
            elif part["tag"] == "checker":
                state[part["name"]] = bool(values.pop(part["name"], part.get("checked", False)))
        assert not values, f"no such fields: {values}"
        missing = [p["name"] for p in form["elements"] if p.get("required") and not state[p["name"]]]
        assert not missing, f"Lark does not send a form without {missing}"
        button = next(part for part in form["elements"] if part.get("form_action_type") == "submit")
        action = {"tag": "button", "name": button["name"], "form_value": state}
        return await self._acts(message, action if by_name else action | {"value": value_of(button)})

    async def _acts(self, message: Posted, action: dict[str, Any]) -> Ack:
        event = {
            "operator": {"tenant_key": self.tenant, "open_id": self.id, "union_id": f"on_{self.id}"}, "token": f"c-{secrets.token_hex(8)}",
            "action": action, "host": "im_message", "context": {"open_message_id": message.id, "open_chat_id": message.chat},
        }  # fmt: skip
        ack = await self.event("card.action.trigger", event)
        self._heard(message, ack)
        return ack

    def _heard(self, message: Posted, ack: Ack) -> None:
        """What the answer to a press says is shown at once."""
        if ack.status != 200 or not isinstance(ack.body, dict):
            return
        if unknown := set(ack.body) - {"toast", "card"}:
            self.lark.faults.append(f"answer to a press: {unknown}")
        if "card" in ack.body:
            card = ack.body["card"]
            faults = faults_of_card(card.get("data")) if card.get("type") == "raw" else ["type"]
            self.lark.faults += [f"answer to a press: {fault}" for fault in faults]
            message.states.append((self.lark.now(), message.words))
            message.card = card["data"]
        if "toast" in ack.body:
            self.lark.toasts.append(ack.body["toast"])

    async def event(self, kind: str, event: dict[str, Any], **header: Any) -> Ack:
        fraction = 1_000_000 if kind == "card.action.trigger" else 1_000
        head = {
            "event_id": secrets.token_hex(16), "event_type": kind, "create_time": str(int(time.time() * fraction)),
            "token": self.lark.verification_token, "app_id": self.lark.app_id, "tenant_key": self.lark.tenant,
        }  # fmt: skip
        return await self.deliver({"schema": "2.0", "header": head | header, "event": event})

    def _sender(self) -> dict[str, Any]:
        return {
            "sender_id": {"open_id": self.id, "union_id": f"on_{self.id}"},
            "sender_type": "user",
            "tenant_key": self.tenant,
        }

    # What they see.

    def sees(self, chat: str | None = None) -> list[Posted]:
        """Messages of the bot that this person can see."""
        where = chat or self.chat
        return [
            m
            for m in self.lark.messages.values()
            if m.author == self.lark.bot and m.chat == where and m.whom in (None, self.id) and not m.recalled
        ]

    async def sees_with(
        self,
        action: str | None = None,
        *,
        words: str = "",
        chat: str | None = None,
        limit: float = 20.0,
        after: int = 0,
    ) -> Posted:
        """The first message with a button, or words in it, as soon as it is there."""

        def found() -> Posted | None:
            fitting = [m for m in self.sees(chat) if (action is None or m.button(action)) and words in m.words]
            return fitting[after] if len(fitting) > after else None

        message: Posted = await self.lark.until(found, limit)
        return message

    async def report(self, number: int = 0, limit: float = 30.0) -> Posted:
        """The nth report: it alone can be exported."""
        return await self.sees_with("export", after=number, limit=limit)

    async def offer(self, after: int = 0) -> Posted:
        """An offer to type the secret: a link to its page, or the field itself."""

        def found() -> Posted | None:
            offers = [
                m for m in self.sees() if m.field("secret") or any("/s/" in str(b.get("behaviors")) for b in m.buttons)
            ]
            return offers[after] if len(offers) > after else None

        message: Posted = await self.lark.until(found)
        return message

    # How it reaches the bot.

    async def deliver(self, body: dict[str, Any]) -> Ack:
        """Send to the bot by the transport in use, and hold it to Lark's time."""
        if self.lark.delivery.url is None:
            return await self._by_socket(body)
        raw = json.dumps(body)
        if self.lark.delivery.encrypted:
            raw = json.dumps({"encrypt": encrypt(self.lark.encrypt_key, raw)})
        return await self.post(raw, signed(self.lark.encrypt_key, raw), body)

    async def post(self, raw: str, headers: dict[str, str], sent: dict[str, Any] | None = None) -> Ack:
        began = time.monotonic()
        assert self.lark.delivery.url is not None
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.lark.delivery.url, data=raw.encode(), headers={"Content-Type": "application/json"} | headers
            ) as answer,
        ):
            text = await answer.text()
            said = json.loads(text) if answer.content_type == "application/json" and text else text
            ack = Ack(answer.status, said, time.monotonic() - began, sent or {})
        if ack.seconds > ACK_SECONDS:
            self.lark.faults.append(f"acknowledged after {ack.seconds:.1f} s")
        return ack

    async def again(self, ack: Ack) -> Ack:
        """The same event as Lark delivers it again, freshly signed."""
        return await self.deliver(ack.sent)

    async def _by_socket(self, body: dict[str, Any]) -> Ack:
        from lark_oapi.ws.pb.pbbp2_pb2 import Frame  # noqa: PLC0415 - slow

        name = secrets.token_hex(8)
        waiting = self.lark.acked[name] = asyncio.get_running_loop().create_future()
        frame = Frame()
        frame.SeqID, frame.LogID, frame.service, frame.method = 1, 1, 1, 1
        for key, value in {"type": "event", "message_id": name, "trace_id": name, "sum": "1", "seq": "0"}.items():
            header = frame.headers.add()
            header.key, header.value = key, value
        frame.payload = json.dumps(body).encode()
        began = time.monotonic()
        await self.lark.sockets[-1].send_bytes(frame.SerializeToString())
        answer = await asyncio.wait_for(waiting, ACK_SECONDS)
        said = json.loads(base64.b64decode(answer["data"])) if answer.get("data") else {}
        return Ack(answer["code"], said, time.monotonic() - began, body)


def encrypt(key: str, text: str) -> str:
    """As Lark encrypts: AES-256-CBC under SHA-256 of the key, the initial vector in front."""
    padding = PKCS7(128).padder()
    padded = padding.update(text.encode()) + padding.finalize()
    vector = secrets.token_bytes(16)
    sealer = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(vector)).encryptor()
    return base64.b64encode(vector + sealer.update(padded) + sealer.finalize()).decode()


def signed(key: str, raw: str, at: float | None = None, nonce: str | None = None) -> dict[str, str]:
    """The headers with which Lark signs a request."""
    stamp, nonce = str(int(time.time() if at is None else at)), nonce or secrets.token_hex(8)
    digest = hashlib.sha256((stamp + nonce + key + raw).encode()).hexdigest()
    return {"X-Lark-Request-Timestamp": stamp, "X-Lark-Request-Nonce": nonce, "X-Lark-Signature": digest}
