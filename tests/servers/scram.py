"""The client's side of SCRAM, written apart from the server's and from the bot's, to test both."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass(slots=True)
class ScramClient:
    """Give `first`, then the answers to the server's two challenges; `ValueError` where the server proves nothing."""

    digest: str
    user: str
    password: str
    nonce: str = "fyko+d2lbbFgONRv9qkxdawL"
    proof: bytes = field(default=b"", repr=False)

    def first(self) -> bytes:
        return f"n,,{self._bare}".encode()

    @property
    def _bare(self) -> str:
        escaped = self.user.replace("=", "=3D").replace(",", "=2C")
        return f"n={escaped},r={self.nonce}"

    def answer(self, challenge: bytes) -> bytes:
        if challenge.startswith(b"v="):
            if base64.b64decode(challenge[2:]) != self.proof:
                raise ValueError("the server's signature does not fit")
            return b""
        words = challenge.decode()
        nonce, salt, rounds = (part[2:] for part in words.split(","))
        salted = hashlib.pbkdf2_hmac(self.digest, self.password.encode(), base64.b64decode(salt), int(rounds))
        final = f"c=biws,r={nonce}"
        message = f"{self._bare},{words},{final}".encode()
        key = self._mac(salted, b"Client Key")
        signature = self._mac(hashlib.new(self.digest, key).digest(), message)
        self.proof = self._mac(self._mac(salted, b"Server Key"), message)
        shown = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return f"{final},p={base64.b64encode(shown).decode()}".encode()

    def _mac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self.digest)
