"""`manifest slack`: the app manifest that matches the settings, to be pasted at api.slack.com/apps."""

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
    "groups:read",  # the same for private channels
    "im:history",  # messages to the bot, and looking for one whose answer was lost
    "im:write",  # opening the direct conversation with somebody who has only typed the command so far
    "users:read",  # the language of the profile
    "users:read.email",  # a member may check the domain, and log in to the account, of his own address
)
BOT_EVENTS = ("app_home_opened", "app_mention", "app_uninstalled", "message.im", "tokens_revoked")
_DESCRIPTION = "Finds the step at which a mail migration fails to log in to the old mail service, and who can do what."


def manifest_command(platform: str) -> int:
    """Print the manifest as JSON. Raises SettingsError."""
    if platform != "slack":
        print(f"manifest: {platform} is not served by this version", file=sys.stderr)
        return 2
    print(json.dumps(slack_manifest(load_settings()), indent=2, ensure_ascii=False))
    return 0


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
    oauth: dict[str, Any] = {"scopes": {"bot": list(BOT_SCOPES)}}
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
