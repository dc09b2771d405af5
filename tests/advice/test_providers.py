"""The provider directory: every file is sound, and no two of them claim the same mail exchanger."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

ADVICE = Path(__file__).parents[2] / "advice"
SCHEMA = json.loads((Path(__file__).parent / "provider.schema.json").read_text(encoding="utf-8"))
FILES = sorted((ADVICE / "providers").glob("*.yaml"))
LANGUAGES = ("ja", "en", "zh")


class _Loader(yaml.SafeLoader):
    """Dates stay text and a key may stand only once."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        twice = [key for key, n in Counter(keys).items() if n > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} more than once", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)


def load(path):
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)


PROVIDERS = {path.stem: load(path) for path in FILES}
CODES = {code for stage in load(ADVICE / "findings.yaml").values() for code in stage}


def match_mx(name, providers):
    """Id of the provider that takes mail at the exchanger `name`: exact names beat suffixes (longest first) beat regexes."""
    name = name.rstrip(".").lower()
    best = (0, 0, None)
    for ident, provider in providers.items():
        for pattern in provider["mx"]:
            if pattern == name:
                return ident
            if pattern.startswith("*.") and name.endswith(pattern[1:]):
                best = max(best, (2, len(pattern), ident), key=lambda rank: rank[:2])
            elif pattern.startswith("re:") and re.fullmatch(pattern[3:], name):
                best = max(best, (1, 0, ident), key=lambda rank: rank[:2])
    return best[2]


def all_matching(name, providers, kind):
    """Ids of all providers with a pattern of that kind (`*.` or `re:`) for the exchanger."""
    hits = {"*.": lambda p: name.endswith(p[1:]), "re:": lambda p: re.fullmatch(p[3:], name)}[kind]
    return {i for i, p in providers.items() for pattern in p["mx"] if pattern.startswith(kind) and hits(pattern)}


def server_lists(provider):
    yield provider.get("servers", {})
    for region in provider.get("regions", []):
        yield region["servers"]


def test_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_is_valid(path):
    provider = PROVIDERS[path.stem]
    assert [e.message for e in Draft202012Validator(SCHEMA).iter_errors(provider)] == []
    assert provider["id"] == path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_is_readable(path):
    text = re.sub(r"(?ms)^refusals:.*?(?=^\S|\Z)", "", path.read_text(encoding="utf-8"))
    assert max(map(len, text.splitlines())) <= 160
    assert not re.search(r"public file|seen in", text)
    assert not re.search("[\uff61-\uff9f\u3000\t]", text), "half-width katakana, ideographic space or tab"
    order = [key for key in SCHEMA["properties"] if key != "refusals"]
    keys = [key for key in PROVIDERS[path.stem] if key in order]
    assert keys == sorted(keys, key=order.index)


def test_there_are_enough_of_them():
    assert len(PROVIDERS) >= 200


def test_names_are_unique_in_each_language():
    for lang in LANGUAGES:
        count = Counter(provider["names"][lang] for provider in PROVIDERS.values())
        assert [name for name, n in count.items() if n > 1] == []


def test_no_domain_belongs_to_two_providers():
    count = Counter(domain for provider in PROVIDERS.values() for domain in provider["domains"])
    assert [domain for domain, n in count.items() if n > 1] == []


def test_no_banner_belongs_to_two_providers():
    count = Counter(banner for provider in PROVIDERS.values() for banner in provider.get("banners", []))
    assert [banner for banner, n in count.items() if n > 1] == []


def test_ports_are_in_range():
    ports = [
        int(h.rsplit(":", 1)[1]) for p in PROVIDERS.values() for s in server_lists(p) for hs in s.values() for h in hs
    ]
    assert ports
    assert all(1 <= port <= 65535 for port in ports)


def test_regexes_are_anchored_and_compile():
    patterns = [m[3:] for p in PROVIDERS.values() for m in p["mx"] if m.startswith("re:")]
    for pattern in patterns:
        re.compile(pattern)
        assert pattern.startswith("^"), pattern
        assert pattern.endswith("$"), pattern
        assert not re.search(r"\.[*+]|\(\?|\\[dw]", pattern), f"not simple: {pattern}"
        assert re.search(r"(?<!\\)\.", re.sub(r"\[[^]]*\]", "", pattern)) is None, f"a dot not escaped: {pattern}"


def test_cautions_speak_of_known_codes():
    codes = {code for p in PROVIDERS.values() for caution in p.get("cautions", []) for code in caution["codes"]}
    assert codes
    assert codes - CODES == set()


def test_access_that_is_off_has_somebody_to_switch_it_on():
    for ident, provider in PROVIDERS.items():
        off = {"disabled", "admin"} & set(provider.get("access", {}).values())
        assert bool(off) == ("switched_on_by" in provider), ident


def test_access_by_plan_names_the_plans():
    for ident, provider in PROVIDERS.items():
        assert "plan" not in provider.get("access", {}).values() or "plans_without" in provider, ident


def test_a_service_with_servers_has_a_state():
    for ident, provider in PROVIDERS.items():
        if "login" in provider and "servers" in provider:
            assert set(provider["servers"]) <= set(provider.get("access", {})), ident


def test_regions_lie_within_their_provider():
    for ident, provider in PROVIDERS.items():
        for region in provider.get("regions", []):
            assert set(region.get("domains", [])) <= set(provider["domains"]), ident
            for pattern in region.get("mx", []):
                assert pattern in provider["mx"] or match_mx(pattern, {ident: provider}), (ident, pattern)


def test_texts_are_in_their_language():
    kana = re.compile("[\u3041-\u30ff]")
    han = re.compile("[\u4e00-\u9fff]")
    for ident, provider in PROVIDERS.items():
        for text in [*provider.get("cautions", []), *filter(None, [provider.get("login_hint")])]:
            assert kana.search(text["ja"]), (ident, text["ja"])
            assert han.search(text["zh"]), (ident, text["zh"])
            assert text["ja"].endswith("。"), (ident, text["ja"])
            assert text["en"].endswith("."), (ident, text["en"])
            assert text["zh"].endswith("。"), (ident, text["zh"])


def test_no_advice_weakens_security():
    bad = re.compile(
        "less secure|安全性の低いアプリ|(disable|turn off|switch off) (two|2|mfa|security)|証明書の検証を無効|关闭(双重|两步|证书)",
        re.IGNORECASE,
    )
    for ident, provider in PROVIDERS.items():
        words = " ".join(c[lang] for c in provider.get("cautions", []) for lang in LANGUAGES)
        assert not bad.search(words), ident


def test_exact_names_are_claimed_once():
    count = Counter(m for p in PROVIDERS.values() for m in p["mx"] if not m.startswith("re:"))
    assert [name for name, n in count.items() if n > 1] == []


@pytest.mark.parametrize("ident", PROVIDERS)
def test_a_provider_is_found_by_its_own_names(ident):
    for pattern in PROVIDERS[ident]["mx"]:
        if not pattern.startswith("re:"):
            assert match_mx(pattern.replace("*", "zz9-plural"), PROVIDERS) == ident, pattern


REGEXES = [(i, m[3:]) for i, p in PROVIDERS.items() for m in p["mx"] if m.startswith("re:")]
# The more literal claim wins: three of the names that Amazon SES receives at are those of WorkMail.
MORE_LITERAL = {"ses-inbound": {"workmail"}}


@pytest.mark.parametrize(("ident", "pattern"), REGEXES)
def test_a_regex_meets_no_other_provider(ident, pattern):
    @settings(max_examples=20, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(pattern, fullmatch=True))
    def check(name):
        name = name.rstrip("\n")
        assert match_mx(name, PROVIDERS) in {ident} | MORE_LITERAL.get(ident, set())
        assert all_matching(name, PROVIDERS, "re:") == {ident}
        assert all_matching(name, PROVIDERS, "*.") == set()

    check()


SAMPLES = [
    ("mx1.larksuite.com", "lark"),
    ("MX2.FEISHU.CN.", "feishu"),
    ("contoso-com.mail.protection.outlook.com", "m365"),
    ("contoso-com.b-v1.mx.microsoft", "m365"),
    ("contoso-cn.mail.protection.partner.outlook.cn", "m365-21vianet"),
    ("outlook-com.olc.protection.outlook.com", "outlook"),
    ("aspmx.l.google.com", "gworkspace"),
    ("alt2.aspmx.l.google.com", "gworkspace"),
    ("aspmx3.googlemail.com", "gworkspace"),
    ("smtp.google.com", "gworkspace"),
    ("gmail-smtp-in.l.google.com", "gmail"),
    ("mx.zoho.jp", "zoho"),
    ("mx2.zoho.com.au", "zoho"),
    ("mx3.zohocloud.ca", "zoho"),
    ("mxbiz1.qq.com", "exmail"),
    ("mx3.qq.com", "qq"),
    ("mxn.mxhichina.com", "aliyun-qiye"),
    ("qiye163mx01.mxmail.netease.com", "qiye163"),
    ("163mx02.mxmail.netease.com", "netease163"),
    ("126mx00.mxmail.netease.com", "netease126"),
    ("jp1-aspmx1.worksmobile.com", "lineworks"),
    ("inbound-smtp.us-east-1.amazonaws.com", "workmail"),
    ("inbound-smtp.ap-northeast-1.amazonaws.com", "ses-inbound"),
    ("in1-smtp.messagingengine.com", "fastmail"),
    ("mta5.am0.yahoodns.net", "yahoo"),
    ("mx-aol.mail.gm0.yahoodns.net", "aol"),
    ("mx1.mail.yahoo.co.jp", "yahoojp"),
    ("mx01.mail.icloud.com", "icloud"),
    ("mx00.emig.gmx.net", "gmx"),
    ("mx.yandex.net", "yandex"),
    ("example.sakura.ne.jp", "sakura"),
    ("www1234.sakura.ne.jp", "sakura"),
    ("sv12345.xserver.jp", "xserver"),
    ("sv1001.xbiz.ne.jp", "xserver-business"),
    ("mx01.lolipop.jp", "lolipop"),
    ("mail65.onamae.ne.jp", "onamae"),
    ("mail1034.conoha.ne.jp", "conoha-wing"),
    ("mss191.kagoya.net", "kagoya"),
    ("dmail.kagoya.net", "kagoya-mail"),
    ("mwpremgw3.ocn.ad.jp", "bizmail-premium"),
    ("mxi.alpha-prm.jp", "alphamail"),
    ("mx1.mail.ovh.net", "ovh"),
    ("mx00.ionos.fr", "ionos"),
    ("www123.your-server.de", "hetzner"),
    ("mx1.hostinger.com", "hostinger"),
    ("eforward3.registrar-servers.com", "registrar-servers"),
    ("mxa-00512b01.gslb.pphosted.com", "proofpoint"),
    ("us-smtp-inbound-1.mimecast.com", "mimecast"),
    ("cluster5.us.messagelabs.com", "symantec"),
    ("contoso.in.tmes.trendmicro.com", "trendmicro-tmes"),
    ("route1.mx.cloudflare.net", "cloudflare-routing"),
    ("mx.securemx.jp", "iij-securemx"),
    ("mail.example.com", None),
    ("static.88-99-1-2.clients.your-server.de", None),
    ("notsakura.ne.jp", None),
    ("evil-mx1.larksuite.com.example.net", None),
]


@pytest.mark.parametrize(("name", "ident"), SAMPLES)
def test_exchanger_is_recognised(name, ident):
    assert match_mx(name, PROVIDERS) == ident


@pytest.mark.parametrize(
    ("domain", "ident"),
    [
        ("gmail.com", "gmail"),
        ("hotmail.co.jp", "outlook"),
        ("yahoo.co.jp", "yahoojp"),
        ("yahoo.com", "yahoo"),
        ("icloud.com", "icloud"),
        ("docomo.ne.jp", "docomo"),
        ("ocn.ne.jp", "ocn"),
        ("nifty.com", "nifty"),
        ("gmx.de", "gmx"),
        ("gmx.com", "gmxcom"),
        ("foxmail.com", "qq"),
        ("163.com", "netease163"),
    ],
)
def test_domain_is_recognised(domain, ident):
    assert [i for i, p in PROVIDERS.items() if domain in p["domains"]] == [ident]


def test_duplicate_keys_are_noticed():
    with pytest.raises(yaml.constructor.ConstructorError):
        yaml.load("mx: []\nmx: []", Loader=_Loader)
