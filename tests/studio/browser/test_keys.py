"""Keys go by their place, whatever the layout prints on them, and work wherever the focus is."""

from typing import Any

from studio.browser.driving import open_video, press, state, wait_for

GERMAN = "navigator.keyboard.getLayoutMap = async () => new Map([['BracketLeft', 'ü'], ['BracketRight', '+']]);"


def strike(page: Any, code: str, key: str, modifiers: int = 0) -> None:
    """Press a key of another layout: its place, and what it prints."""
    session = page.context.new_cdp_session(page)
    number = {"KeyZ": 89, "KeyY": 90}.get(code, 0)
    for kind in ("rawKeyDown", "keyUp"):
        session.send(
            "Input.dispatchKeyEvent",
            {"type": kind, "code": code, "key": key, "modifiers": modifiers, "windowsVirtualKeyCode": number},
        )


def test_a_german_keyboard(page: Any) -> None:
    page.add_init_script(GERMAN)
    page.reload()
    open_video(page, "constant")
    press(page, "Tab")
    strike(page, "BracketLeft", "ü")
    wait_for(page, "state.held === 'start'")
    strike(page, "BracketRight", "+")
    wait_for(page, "state.held === 'end'")
    press(page, "Escape", "KeyA")
    wait_for(page, "state.review.segments.length === 1")
    strike(page, "KeyY", "z", modifiers=2)  # Ctrl and the key that says Z.
    wait_for(page, "state.review.segments.length === 0")
    strike(page, "KeyZ", "y", modifiers=2)
    wait_for(page, "state.review.segments.length === 1")
    page.get_by_role("button", name="Keys").click()
    table = page.get_by_role("dialog", name="Keys")
    assert "Ü" in table.locator("tr", has_text="Hold the start").inner_text()


def test_keys_work_when_a_button_has_the_focus_and_rest_in_fields(page: Any) -> None:
    open_video(page, "constant")
    press(page, "Tab")
    page.get_by_role("button", name="A frame on").click()
    wait_for(page, "state.shown === 26")
    press(page, "Space")  # Plays; the button is not pressed.
    wait_for(page, "state.playing && state.shown > 28")
    press(page, "Space")
    wait_for(page, "!state.playing")
    field = page.get_by_label("Add a tag")
    field.press_sequentially("axe, i")
    assert field.input_value() == "axe, i"
    press(page, "Enter")
    page.locator(".tags .chip", has_text="axe, i").wait_for()  # Seen at once, while the field keeps the focus.
    field.press_sequentially("x")
    assert state(page, "state.review.segments.length") == 0


def test_the_page_is_used_by_keys_alone(page: Any) -> None:
    page.locator(".video-row").first.focus()
    press(page, "ArrowDown", "ArrowUp", "Space")
    page.keyboard.type("walk")
    press(page, "Enter")
    wait_for(page, "state.videos.filter(video => video.labels.includes('walk')).length === 1")
    page.locator(".video-row").first.focus()
    press(page, "Enter")
    wait_for(page, "state.frames && document.querySelector('.waiting').hidden")
    press(page, "F6", "Tab", "Tab")
    assert page.evaluate("document.activeElement.textContent") == "Work"
    press(page, "Escape", "Tab")
    wait_for(page, "state.selected !== ''")
