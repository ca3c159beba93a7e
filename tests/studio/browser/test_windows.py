"""Two windows with one video: nothing is overwritten."""

from typing import Any

from studio.browser.driving import open_video, press, state, wait_for, wait_saved

LABELS = "state.review.segments.map(segment => segment.state).sort().join()"


def test_the_second_window_shows_what_the_first_saves(context: Any, page: Any) -> None:
    open_video(page, "constant")
    second = context.new_page()
    second.goto(page.url)
    open_video(second, "constant")
    page.bring_to_front()
    press(page, "Tab", "KeyA")
    wait_saved(page)
    wait_for(second, f"{LABELS} === 'accepted'")
    second.bring_to_front()
    press(second, "Control+z")  # Each window takes back its own edits only.
    assert state(second, LABELS) == "accepted"


def test_an_edit_that_meets_another_is_offered_once_more(context: Any, page: Any) -> None:
    open_video(page, "constant")
    second = context.new_page()
    second.route("**/api/jobs/events", lambda route: route.abort())  # It hears nothing of the first.
    second.goto(page.url)
    open_video(second, "constant")
    page.bring_to_front()
    press(page, "Tab", "KeyA")
    wait_saved(page)
    second.bring_to_front()
    press(second, "Tab", "Tab", "KeyX")
    second.get_by_text("another window saved this video first").wait_for()
    assert state(second, LABELS) == "accepted", "what is there is shown"
    second.get_by_role("button", name="Make my edit again").click()
    wait_saved(second)
    wait_for(page, f"{LABELS} === 'accepted,rejected'")
    assert state(second, LABELS) == "accepted,rejected"
