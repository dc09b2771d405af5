"""`manifest`: what a platform must be told about the app, as the settings have it.

For Slack it is pasted at api.slack.com/apps; for Lark it is entered in the developer console, which takes no file.
"""

import json
import sys
from typing import Any

from bot.settings import Settings, load_settings

BOT_SCOPES = (
    "app_mentions:read",  # @migcheck in a thread, where commands do not work
    "assistant:write",  # suggested prompts and status in the conversation with the agent
    "channels:read",  # whether a channel is shared with another organisation, before a report is shown there
    "chat:write",
    "commands",
    "files:read",  # a log or the settings of a mail program that are attached to a message to the bot
    "groups:read",  # the same for private channels
    "im:history",  # messages to the bot, and looking for one whose answer was lost
    "im:write",  # opening the direct conversation with somebody who has only typed the command so far
    "users:read",  # the language of the profile
    "users:read.email",  # a member may check the domain, and log in to the account, of his own address
)
BOT_OPTIONAL_SCOPES = ("files:read",)
"""Of these the bot does without: whoever installs it may decline them."""
LARK_PERMISSIONS = (
    "im:message:send_as_bot",
    "im:message:update",  # progress, in the card that announced it
    "im:message.p2p_msg:readonly",  # messages to the bot
    "im:message.group_at_msg:readonly",  # @mentions; not what else is said in groups
    "contact:user.base:readonly",
    "contact:user.email:readonly",  # a member may check the domain, and log in to the account, of his own address
    "contact:user.employee:readonly",  # the mailbox that the organisation gave them (enterprise_email)
)
LARK_OPTIONAL = (
    "im:chat:readonly",  # sharing a report: the bot's groups, and whether one has outsiders
    "im:chat.members:read",  # sharing a report: whether the person is a member of the group
    "im:message:recall",  # a password that was typed into a group that the bot manages
    "im:resource:upload",  # the picture of the failing step, when somebody asks for what support needs
    "application:application:self_manage",  # doctor: which events and callbacks the published version has
)
LARK_CALLBACKS = ("card.action.trigger",)
LARK_EVENTS = ("im.message.receive_v1", "application.bot.menu_v6", "im.chat.access_event.bot_p2p_chat_entered_v1")
BOT_EVENTS = ("app_home_opened", "app_mention", "app_uninstalled", "message.im", "tokens_revoked")
_DESCRIPTION = "Finds the step at which a mail migration fails to log in to the old mail service, and who can do what."


def manifest_command(platform: str) -> int:
    """Print the manifest as JSON. Raises SettingsError."""
    made = {"slack": slack_manifest, "lark": lark_manifest}.get(platform)
    if made is None:
        print(f"manifest: {platform} is not served by this version", file=sys.stderr)
        return 2
    print(json.dumps(made(load_settings()), indent=2, ensure_ascii=False))
    return 0


def lark_manifest(settings: Settings) -> dict[str, Any]:
    """What to enter in the developer console, page by page: permissions, events, callbacks, the bot's menu."""
    lark = settings.lark
    address = f"{settings.web.origin}/lark/events"
    webhook = lark.mode == "webhook"
    receiving = (
        {"mode": "Send to developer's server", "request_url": address} if webhook else {"mode": "Long connection"}
    )
    console = "https://open.feishu.cn/app" if "feishu.cn" in lark.base_url else "https://open.larksuite.com/app"
    made: dict[str, Any] = {
        "console": console,
        "basic_information": {"name": "migcheck", "description": _DESCRIPTION},
        "features": {"bot": True},
        "permissions": {"required": list(LARK_PERMISSIONS), "optional": list(LARK_OPTIONAL)},
        "events": {**receiving, "subscribe": list(LARK_EVENTS)},
        "callbacks": {**receiving, "subscribe": list(LARK_CALLBACKS)},
        "bot_menu": [
            {"name": {"en_us": en, "ja_jp": ja, "zh_cn": zh}, "action": "push event", "event_key": key}
            for key, en, ja, zh in (
                ("new", "New check", "新しいチェック", "新的检查"),
                ("cases", "My cases", "自分のケース", "我的案例"),
                ("help", "Help", "使い方", "帮助"),
            )
        ],
        "then": "Create a version, publish it, and set who may use the app (availability).",
    }
    if webhook:
        keys = {"encrypt_key": "MIGCHECK_LARK__ENCRYPT_KEY", "verification_token": "MIGCHECK_LARK__VERIFICATION_TOKEN"}
        made["encryption_strategy"] = keys
    return made


def slack_manifest(settings: Settings) -> dict[str, Any]:
    """The manifest: as few scopes as do, HTTP addresses or Socket Mode, redirect addresses where others install it."""
    slack = settings.slack
    http = slack.mode == "http"
    origin = settings.web.origin
    events = {"request_url": f"{origin}/slack/events"} if http else {}
    several = slack.bot_token is None and slack.client_id is not None
    command = {
        "command": slack.command,
        "description": "Why does the old mail refuse the log-in?",
        "usage_hint": "example.co.jp | explain ERROR TEXT | history | help",
        "should_escape": False,
    } | ({"url": f"{origin}/slack/events"} if http else {})
    oauth: dict[str, Any] = {"scopes": {"bot": list(BOT_SCOPES), "bot_optional": list(BOT_OPTIONAL_SCOPES)}}
    if several:
        oauth["redirect_urls"] = [f"{origin}/slack/oauth_redirect"]
    return {
        "display_information": {"name": "migcheck", "description": _DESCRIPTION, "background_color": "#1f4b5b"},
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "migcheck", "always_online": True},
            "agent_view": {
                "agent_description": _DESCRIPTION,
                "suggested_prompts": [
                    {"title": "Explain an error", "message": "What does this mean: 535 5.7.8 authentication failed"},
                    {"title": "What can you do?", "message": "help"},
                ],
            },
            "shortcuts": [
                {
                    "name": "Explain this mail error",
                    "type": "message",
                    "callback_id": "migcheck.explain",
                    "description": "Says what an error text means, without any probe",
                }
            ],
            "slash_commands": [command],
        },
        "oauth_config": oauth,
        "settings": {
            "event_subscriptions": {**events, "bot_events": list(BOT_EVENTS)},
            "interactivity": {"is_enabled": True, **events},
            "org_deploy_enabled": several,
            "socket_mode_enabled": not http,
            "token_rotation_enabled": several,
        },
    }
