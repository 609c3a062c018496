"""The behaviours that an adapter's server cannot show, each with its reason. Everything else is proven for every adapter."""

from __future__ import annotations

#: (test, subject's folder name) -> why not
_NO_CONDITION = "its If-Match is not atomic and not used: one writer per group, and a read after each write (tier B)"
WAIVERS: dict[tuple[str, str], str] = {
    ("test_version_token_zero_is_a_token", "tryton"): "the token is a time of writing, which is never 0",
    ("test_version_token_zero_is_a_token", "request_tracker"): _NO_CONDITION,
    ("test_conflict_with_a_persons_value_is_not_overwritten", "request_tracker"): _NO_CONDITION,
    ("test_conflict_that_solved_itself_writes_nothing", "request_tracker"): _NO_CONDITION,
    ("test_conflict_over_another_field_is_written_once", "request_tracker"): _NO_CONDITION,
    ("test_three_conflicts_in_a_row_ask_a_person", "request_tracker"): _NO_CONDITION,
}
