"""Stories that a surface does not have, each with the reason. Whatever is not here is told on every surface."""

from collections.abc import Mapping

_ALONE = "Nobody else reads along on the local chat page: it has no channels, no groups and no commands."
_OPEN = "Whoever reaches the local chat page may check everything: it knows neither addresses nor organisations."
_DIRECT = "No platform stands between the bot and the chat page, which reads what is stored and asks again by itself."
_KILLED_ONCE = "Two processes are dear; that this way comes back is told by test_stopped_in_order_nothing_is_lost."

Reasons = Mapping[str, Mapping[str, str]]
"""By story, then by surface or kind of surface."""

EXEMPT: Reasons = {
    "test_the_first_form_says_what_is_wrong_where_it_is": {
        "chat": "The chat page begins with its text box and asks in words; there is no form before the first message.",
    },
    "test_a_secret_is_taken_by_the_surfaces_own_form": {
        "chat": "The chat page has one masked field, which goes to the secret page's address whatever `secrets.entry` is.",
    },
    "test_a_command_that_is_delivered_again_begins_one_case": {"chat": _ALONE},
    "test_asked_among_others_the_case_is_the_persons_own": {"chat": _ALONE},
    "test_a_command_that_says_nothing_is_answered_with_an_example": {"chat": _ALONE},
    "test_the_command_explains_words_and_probes_nothing": {"chat": _ALONE},
    "test_the_command_tells_what_it_takes": {"chat": _ALONE},
    "test_a_secret_in_a_command_is_not_kept": {"chat": _ALONE},
    "test_sharing_asks_first_and_hides_the_account": {"chat": _ALONE},
    "test_nothing_is_shared_beyond_the_organisation": {"chat": _ALONE},
    "test_nothing_is_shared_where_the_bot_or_the_person_is_not": {"chat": _ALONE},
    "test_a_member_checks_his_own_domain_only": {"chat": _OPEN},
    "test_who_is_not_known_is_told_so": {"chat": _OPEN},
    "test_a_member_logs_in_as_himself_an_admin_as_anybody": {"chat": _OPEN},
    "test_strangers_are_not_answered": {"chat": _OPEN},
    "test_killed_in_the_middle_all_goes_on": {"slack-socket": _KILLED_ONCE, "lark-websocket": _KILLED_ONCE},
    "test_a_platform_that_says_wait_or_fails_loses_nothing": {"chat": _DIRECT},
    "test_a_message_whose_answer_was_lost_is_not_shown_twice": {"chat": _DIRECT},
}

GAPS: Reasons = {}
"""What a surface should have and does not have yet. Such a story must fail: once it passes, its line goes."""
SOMETIMES: tuple[str, ...] = ()
"""Gaps that show now and then: these stories are not run."""


SECOND = ("slack-socket", "lark-websocket")
"""Further ways by which a platform's requests reach the bot."""
TOLD_ONCE = ("test_checks", "test_secrets", "test_people", "test_reports", "test_cloud", "test_sign_in")
"""Modules of stories in which the way has no part: from the event on, it is the same code and the same data."""
_SAME_FROM_THERE = "The way by which requests come has no part in this story: it is told over HTTP."


def by_way(module: str, surface: str) -> str | None:
    """Why a module's stories are not told for a further way of the same platform, None where they are."""
    return _SAME_FROM_THERE if surface in SECOND and module in TOLD_ONCE else None


def why_not(reasons: Reasons, story: str, surface: str) -> str | None:
    """Why a story is not told on a surface, None where it is."""
    found = reasons.get(story, {})
    return found.get(surface) or found.get(surface.partition("-")[0])
