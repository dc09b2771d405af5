"""What a free text says: domain, account, servers, a pasted error, a wish, or a secret that does not belong there."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.core.exchange import read_ews
from bot.core.intake import InputError, half_width, read_account, read_domain, read_endpoint, unlink
from bot.core.language import language_beside, language_of
from bot.core.model import Endpoint, Lang, Scenario, Service
from bot.core.pasted import without_secrets

Wish = Literal["help", "cancel", "recheck", "history", "yes", "no", "thanks", "works"]
"""`works` is a remark rather than a wish: that a mail program can do what the migration cannot."""

_WISHES: Mapping[Wish, frozenset[str]] = {
    "help": frozenset({"help", "?", "？", "ヘルプ", "使い方", "帮助", "幫助", "用法", "怎么用"}),
    "cancel": frozenset({"cancel", "stop", "quit", "キャンセル", "中止", "やめる", "終了", "取消", "停止", "结束"}),
    "recheck": frozenset(
        {
            "recheck",
            "again",
            "retry",
            "再確認",
            "再チェック",
            "再実行",
            "もう一度",
            "再检查",
            "重试",
            "再试一次",
            "重新检查",
        }
    ),
    "history": frozenset({"history", "cases", "履歴", "一覧", "ケース", "历史", "记录", "案例"}),
    "yes": frozenset({"yes", "ok", "y", "はい", "是", "好", "好的"}),
    "no": frozenset({"no", "n", "いいえ", "いや", "不", "否", "不用"}),
    "thanks": frozenset(
        {"thanks", "thx", "ありがとう", "ありがとうございます", "ありがとうございました", "谢谢", "謝謝", "多谢"}
    ),
}
_PROGRAM = r"(?:outlook|thunderbird|foxmail|apple mail|mail (?:program|client|app)|メールソフト|メールアプリ|客户端)"
_GOES = (
    r"(?:\b(?:works|working|fine)\b"
    r"|(?:使え|送受信でき|受信でき|ログインでき|動い|動き)(?:て(?:い|おり)?)?(?:ます|ました|る|た)(?!の?か|よう)"
    r"|問題は?(?:な[いく]|ありません)(?!か)|能用|可以|正常|没有?问题)"
)
_FAILS = r"\b(?:not?|never|nothing|stops?|stopped|unable)\b|cannot|n['’]t\b|吗"
"""Anywhere in the sentence; what Japanese and Chinese deny stands beside the verb."""
_REMARKS: tuple[tuple[Wish, re.Pattern[str]], ...] = (
    (
        "works",
        re.compile(
            rf"(?is)\A(?!(?:is|are|does|do|will|can|should)\b|.*(?:{_FAILS})).{{0,40}}?"
            rf"(?:{_PROGRAM}(?:(?!不|无法|没法|没有|未).){{0,30}}?{_GOES}|\b(?:works|working|fine)\b.{{0,20}}?{_PROGRAM})"
        ),
    ),
    (
        "help",
        re.compile(
            r"(?i)これは?(?:何|なに|なん)|(?:何|なに)が?でき|使い方|どう(?:やって)?使|あなたは(?:誰|だれ|何)"
            r"|\bwhat(?: is|['’]s) this\b|\bwhat (?:can|do) you do\b|\bwho are you\b"
            r"|\bhow (?:do i use|to use|does (?:this|it) work)\b"
            r"|这是(?:什么|啥)|你是(?:谁|什么)|能做什么|怎么用|如何使用"
        ),
    ),
    (
        "thanks",
        re.compile(
            r"(?is)\A(?!.*(?:\bbut\b|\bstill\b|でも|しかし|けど|[すた]が|まだ|但|可是|还是))"
            r".*(?:\bthank(?:s| you)\b|ありがと|助かりました|谢谢|感谢|多谢)"
        ),
    ),
)
_MOST_REMARK = 80
"""Characters: what is longer tells more than that."""
_SCENARIOS: tuple[tuple[Scenario, re.Pattern[str]], ...] = (
    ("m365", re.compile(r"(?i)microsoft\s*365|office\s*365|\bm365\b|\bo365\b|exchange online")),
    ("exchange", re.compile(r"(?i)\bexchange\b|\bews\b|オンプレミス|本地部署")),
)
# Patterns begin only where a word does: begun at every letter they would take the square of a text's length.
_ADDRESS = re.compile(
    r"(?<![^\s<>()\[\],;:：、。\"'「」（）|])[^\s<>()\[\],;:：、。\"'「」（）|]+[@＠][^\s<>()\[\],;:：、。\"'「」（）|/]+"
)
_NAME = re.compile(
    r"(?<![\w@.-])(?:https?://)?(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_](?:[\w-]{0,61}[^\W_])?(?::\d{1,6})?",
    re.ASCII,
)
_WIDE_NAME = re.compile(
    r"(?<![\w@.。．-])(?:[^\W_](?:[\w-]{0,61}[^\W_])?[.。．])+(?:jp|com|net|org|cn|tokyo|みんな|中国|公司|网络)(?![\w.-])"
)
_WINDOWS = re.compile(r"[\w.-]{1,255}\\[\w.-]{1,64}")
_EWS = re.compile(
    r"(?i)(?:https?://)?(?<![\w.-])[\w.-]+(?::\d{1,5})?/(?:ews|owa|ecp)(?:/[^\s<>()、。]*|(?![\w-]))", re.ASCII
)
"""An address of Exchange, as people copy it from a browser."""
# The name of a server has a domain behind its first label: imap-off.example is a domain, imap.example.jp a server.
_SERVER_HINTS: tuple[tuple[Service, re.Pattern[str]], ...] = (
    ("imap", re.compile(r"(?i)^imap\d*(?:-[\w-]+)?\.[\w-]+\.|:(?:993|143)$")),
    ("smtp", re.compile(r"(?i)^smtps?\d*(?:-[\w-]+)?\.[\w-]+\.|:(?:465|587|25)$")),
    ("pop", re.compile(r"(?i)^pop3?(?:-[\w-]+)?\.[\w-]+\.|:(?:995|110)$")),
)
# Ports stand before a word as well as codes of replies do: "465 SSL".
_ERROR = re.compile(
    r"(?i)(?:^|[\s\"'「:])(?-i:NO|BAD|BYE)\s+\S|\[[A-Z]{4,}\]|\b(?!443|465|587)[45]\d\d[ -]\S|-ERR\b|AADSTS\d|0x8\d{7}"
    r"|\b(?:error|failed|failure|denied|refused|invalid credentials|unable to|timed? ?out|certificate verify)\b"
    r"|エラー|認証に失敗|認証できません|失敗しました|拒否されました|错误|失败|拒绝|無法|无法登录"
)


@dataclass(frozen=True, slots=True)
class Understanding:
    """`secret_seen` says that something was left out of everything else, since it looked like a secret."""

    domain: str | None = None
    account: str | None = None
    endpoints: Mapping[Service, Endpoint] = field(default_factory=dict)
    scenario: Scenario | None = None
    error_text: str | None = field(default=None, repr=False)
    wish: Wish | None = None
    secret_seen: bool = False
    lang: Lang | None = None
    """The person's; what they quote of a server tells nothing of it."""
    text: str = field(default="", repr=False)
    """The whole text without what looked like a secret."""


def understand(text: str, *, offered: bool = False, domain: str | None = None) -> Understanding:
    """Read a free text. `offered`: the bot has offered to take the secret here, so that a single word may be it."""
    text = unlink(text).strip()
    if (wish := _wish(text)) is not None:
        return Understanding(wish=wish, lang=language_of(text))
    clean, seen = without_secrets(text)
    if offered and not seen and _is_single_word(text) and not _is_own_account(text, domain):
        return Understanding(secret_seen=True)
    account, endpoints, found = _names(half_width(clean))
    error = clean if _ERROR.search(clean) and (not _is_single_word(clean)) else None
    scenario = _scenario(clean)
    wish = _remark(clean) if not (found or account or endpoints or scenario or error) else None
    lang = language_of(clean) if error is None else language_beside(clean)
    return Understanding(found, account, endpoints, scenario, error, wish, seen, lang, clean)


def _is_single_word(text: str) -> bool:
    return bool(text) and not re.search(r"\s", text)


def _is_own_account(text: str, domain: str | None) -> bool:
    return domain is not None and half_width(text).lower().endswith("@" + domain)


def _wish(text: str) -> Wish | None:
    word = text.casefold().strip(" 。.!！")
    return next((wish for wish, words in _WISHES.items() if word in words), None)


def _remark(text: str) -> Wish | None:
    """What a sentence wants in which nothing is named that could be checked."""
    if len(text) > _MOST_REMARK:
        return None
    return next((wish for wish, pattern in _REMARKS if pattern.search(text)), None)


def _scenario(text: str) -> Scenario | None:
    return next((scenario for scenario, pattern in _SCENARIOS if pattern.search(text)), None)


def _names(text: str) -> tuple[str | None, dict[Service, Endpoint], str | None]:
    """Account, servers and domain. A mail address gives the domain only where no domain stands for itself."""
    account = text if _WINDOWS.fullmatch(text) else None
    for match in _ADDRESS.finditer(text) if account is None else ():
        try:
            account = read_account(match[0].rstrip(".!?"))
            break
        except InputError:
            continue
    rest = _ADDRESS.sub(" ", text if account != text else "")
    endpoints: dict[Service, Endpoint] = {}
    for match in _EWS.finditer(rest):
        with contextlib.suppress(InputError):
            endpoints.setdefault("ews", read_ews(match[0]))
    rest = _EWS.sub(" ", rest)
    domain = None
    for match in (*_NAME.finditer(rest), *_WIDE_NAME.finditer(_NAME.sub(" ", rest))):
        service = next((s for s, hint in _SERVER_HINTS if hint.search(match[0])), None)
        try:
            if service is not None and "://" not in match[0]:
                endpoints.setdefault(service, read_endpoint(match[0], service))
            else:
                domain = domain or read_domain(match[0].partition(":")[0] if "://" not in match[0] else match[0])
        except InputError:
            continue
    if domain is None and account is not None and "@" in account:
        domain = account.rpartition("@")[2]
    return account, endpoints, domain
