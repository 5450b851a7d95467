"""The forms in which makers hand out their keys and tokens, and private keys as files hold them.

Each form begins with letters of its maker's own, at a word's beginning, and repeats without a bound only where it ends:
nothing that was read is given back, so that looking is linear in the text. The prefixes are as their makers document them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_FORMS: dict[str, str] = {
    "AWS": r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b|ABSK[A-Za-z0-9+/]{60,}|bedrock-api-key-[A-Za-z0-9+/=]{40,}",
    "Google": r"AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{30,}",
    "Azure": r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}|[A-Za-z0-9_.]{3}[0-9]Q~[A-Za-z0-9_.~-]{31,}",
    "Alibaba Cloud": r"LTAI[A-Za-z0-9]{12,}",
    "Tencent Cloud": r"AKID[A-Za-z0-9]{32,}",
    "Yandex Cloud": r"AQVN[A-Za-z0-9_-]{35,}|YC[A-Za-z0-9_-]{38}\b",
    "IBM Cloud": r"ApiKey-[A-Za-z0-9-]{30,}",
    "DigitalOcean": r"do[opr]_v1_[a-f0-9]{40,}",
    "Heroku": r"HRKU-[A-Za-z0-9_-]{30,}",
    "Fly.io": r"fo1_[A-Za-z0-9_-]{30,}|fm[12][ar]?_[A-Za-z0-9+/=_-]{40,}",
    "Vercel": r"vc[apikr]_[A-Za-z0-9]{24,}",
    "Netlify": r"nf[pcoub]_[A-Za-z0-9]{30,}",
    "Cloudflare": r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}|cf(?:at|ut|k)_[A-Za-z0-9_-]{36,}",
    "Supabase": r"sbp_[a-f0-9]{40,}|sb_secret_[A-Za-z0-9_-]{20,}",
    "PlanetScale": r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._-]{32,}",
    "Databricks": r"dapi[a-f0-9]{32}(?:-[0-9])?\b",
    "Scaleway": r"SCW[A-Z0-9]{17}\b",
    "GitHub": r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}",
    "GitLab": r"gl(?:pat|ptt|dt|rt|rtr|soat|cbt|imt|ft|ffct|agent|oas)-[A-Za-z0-9_.-]{16,}",
    "Bitbucket and Atlassian": r"AT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{24,}",
    "npm": r"npm_[A-Za-z0-9]{30,}",
    "PyPI": r"pypi-[A-Za-z0-9_-]{40,}",
    "RubyGems": r"rubygems_[a-f0-9]{40,}",
    "NuGet": r"oy2[a-z0-9]{43}\b",
    "Docker": r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{24,}",
    "Clojars": r"CLOJARS_[a-z0-9]{50,}",
    "JFrog": r"AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{50,}",
    "crates.io": r"cio[A-Za-z0-9]{32}\b",
    "OpenAI": r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{16,}|sess-[A-Za-z0-9]{40,}",
    "Anthropic": r"sk-ant-[A-Za-z0-9_-]{16,}",
    "OpenRouter": r"sk-or-[A-Za-z0-9_-]{16,}",
    "Langfuse": r"[sp]k-lf-[a-f0-9-]{30,}",
    "another model's maker": r"sk-(?:[A-Za-z0-9_]{1,15}-){0,3}[A-Za-z0-9]{16,}",
    "Hugging Face": r"hf_[A-Za-z0-9]{16,}|api_org_[A-Za-z0-9]{30,}",
    "Groq": r"gsk_[A-Za-z0-9]{40,}",
    "xAI": r"xai-[A-Za-z0-9]{40,}",
    "Perplexity": r"pplx-[A-Za-z0-9]{40,}",
    "Replicate": r"r8_[A-Za-z0-9]{30,}",
    "NVIDIA": r"nvapi-[A-Za-z0-9_-]{40,}",
    "Fireworks": r"fw_[A-Za-z0-9]{22,}",
    "Together": r"tgp_v1_[A-Za-z0-9_-]{30,}",
    "Cerebras": r"csk-[a-z0-9]{40,}",
    "Pinecone": r"pcsk_[A-Za-z0-9_]{40,}",
    "LangSmith": r"lsv2_(?:pt|sk)_[a-f0-9_]{32,}",
    "Tavily": r"tvly-[A-Za-z0-9-]{20,}",
    "Jina": r"jina_[A-Za-z0-9_-]{40,}",
    "E2B": r"e2b_[a-f0-9]{40,}",
    "Slack": r"xox[abeoprs]-[A-Za-z0-9-]{12,}|xapp-[0-9]-[A-Za-z0-9-]{20,}|hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{40,}",
    "Discord": r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{50,}|[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    "Telegram": r"[0-9]{8,10}:A[A-Za-z0-9_-]{34}\b",
    "Microsoft Teams": r"[a-z0-9-]{1,60}\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{60,}",
    "Stripe": r"[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{24,}",
    "Square": r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,}",
    "PayPal": r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}\b",
    "Shopify": r"shp(?:at|ca|pa|ss|ua)_[A-Fa-f0-9]{32,}",
    "Plaid": r"access-(?:sandbox|development|production)-[a-f0-9-]{36}\b",
    "Flutterwave": r"FLW(?:SEC|PUB)K(?:_TEST)?-[a-h0-9]{12,}",
    "Razorpay": r"rzp_(?:live|test)_[A-Za-z0-9]{14,}",
    "Twilio": r"SK[0-9a-f]{32}\b",
    "SendGrid": r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,}",
    "Mailgun": r"key-[0-9a-f]{32}\b",
    "Mailchimp": r"[0-9a-f]{32}-us[0-9]{1,2}\b",
    "Brevo": r"x(?:keysib|smtpsib)-[a-f0-9]{60,}",
    "Resend": r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}",
    "HashiCorp": r"hv[sbr]\.[A-Za-z0-9_-]{24,}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,}",
    "Pulumi": r"pul-[a-f0-9]{40}\b",
    "Doppler": r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{40,}",
    "1Password": r"ops_eyJ[A-Za-z0-9+/=_-]{100,}",
    "age": r"AGE-SECRET-KEY-1[0-9A-Z]{50,}",
    "Tailscale": r"tskey-[a-z]{2,10}-[A-Za-z0-9-]{16,}",
    "Grafana": r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}\b|glc_[A-Za-z0-9+/=]{32,}",
    "New Relic": r"NR(?:AK|AA|RA|II|JS)-[A-Za-z0-9_-]{19,}",
    "Sentry": r"sntry[su]_[A-Za-z0-9+/=_-]{40,}",
    "Dynatrace": r"dt0[a-z][0-9]{2}\.[A-Z0-9]{8,24}\.[A-Z0-9]{40,}",
    "Linear": r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}",
    "Notion": r"(?:ntn|secret)_[A-Za-z0-9]{40,}",
    "Airtable": r"pat[A-Za-z0-9]{14}\.[a-f0-9]{60,}",
    "Figma": r"figd_[A-Za-z0-9_-]{36,}",
    "Postman": r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}\b",
    "Contentful": r"CFPAT-[A-Za-z0-9_-]{40,}",
    "Dropbox": r"sl\.(?:u\.)?[A-Za-z0-9_-]{100,}",
    "Meta": r"EAA[A-Za-z0-9]{80,}",
    "X": r"A{21}[A-Za-z0-9]{4,60}%[A-Za-z0-9%]{20,}",
    "CircleCI": r"CCIPAT_[A-Za-z0-9_]{40,}",
    "Buildkite": r"bk(?:ua|ct)_[a-f0-9]{40}\b",
    "Mapbox": r"sk\.eyJ[A-Za-z0-9_-]{20,200}\.[A-Za-z0-9_-]{16,}",
    "ElevenLabs": r"sk_[a-f0-9]{40,}",
    "Prefect": r"pn[ub]_[A-Za-z0-9]{36}\b",
    "Sourcegraph": r"sgp_[a-f0-9_]{40,}",
    "a JSON Web Token": r"(?P<jwt>eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)*)",
}
_LONG = r"[!-~]{16,}"  # every form is that long, and of printable ASCII without a space
_PRIVATE_KEY = r"-----?[ ]?BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?[ ]?----|PuTTY-User-Key-File-[0-9]"


def tokens_in(text: str) -> Iterator[tuple[int, int]]:
    """Where tokens of a known form stand in `text`, as (start, end)."""
    for run in re.finditer(_LONG, text):
        for found in _any_form().finditer(run[0]):
            if found["jwt"] is None:
                yield run.start() + found.start(), run.start() + found.end()
            elif length := _web_token(found["jwt"]):
                yield run.start() + found.start(), run.start() + found.start() + length


def is_token(value: str) -> bool:
    """Whether all of `value` is one token of a known form."""
    return next(tokens_in(value), None) == (0, len(value))


def has_private_key(text: str) -> bool:
    """Whether the head of a private key stands in `text`: PEM, OpenSSH, PGP or PuTTY."""
    return ("PRIVATE KEY" in text or "PuTTY" in text) and re.search(_PRIVATE_KEY, text) is not None


@cache
def _any_form() -> re.Pattern[str]:
    # Words begin and end as ASCII has them: 「金鑰是hf_…」 holds a token too.
    return re.compile(rf"\b(?:{'|'.join(_FORMS.values())})", re.ASCII)


def _web_token(dotted: str) -> int:
    """How many characters of it are a JSON Web Token, header.payload.signature; 0 where it is none."""
    header, payload, signature = [*dotted.split(".", 3), "", ""][:3]
    if payload.startswith("eyJ") and len(payload) > 12 and len(signature) >= 10:
        return len(header) + len(payload) + len(signature) + 2
    return 0
