"""The key that signs pushes: made, read, and refused before anything is sent with it."""

import pytest

from client_tests.push import KEY
from server.__main__ import main
from server.contract.vapid import load_vapid_key, new_private_key

SUBJECT = "mailto:a@b.example"


def test_load_derives_the_public_key() -> None:
    """As browsers want it: an uncompressed point, 65 bytes, 87 characters; padding does not matter."""
    key = load_vapid_key(KEY.private, SUBJECT)
    assert key.public == KEY.public
    assert (len(key.public), key.public[0], len(key.private)) == (87, "B", 43)
    assert load_vapid_key(f"{KEY.private}=", SUBJECT, f"{KEY.public}=") == key
    assert KEY.private not in repr(key)


@pytest.mark.parametrize(
    "private",
    [
        "",
        "x",
        "a" * 42,
        "a" * 44,
        "A" * 43,
        "_" * 43,
        "ñ" * 43,
        "+" * 43,
        "A" * 42 + "=",
        KEY.private[:-1],
        f"{KEY.private} ",
    ],
)
def test_load_of_no_key_is_refused_without_quoting_it(private: str) -> None:
    """Zero and numbers beyond the curve's order are no keys either."""
    with pytest.raises(ValueError, match="VAPID_PRIVATE_KEY") as caught:
        load_vapid_key(private, SUBJECT)
    assert not private or len(private) < 40 or private not in str(caught.value)


def test_load_with_anothers_public_key_is_refused() -> None:
    """Browsers that subscribed with it could never be reached."""
    other = load_vapid_key(new_private_key(), SUBJECT)
    with pytest.raises(ValueError, match="VAPID_PUBLIC_KEY does not belong"):
        load_vapid_key(KEY.private, SUBJECT, other.public)


@pytest.mark.parametrize("subject", ["", "a@b.example", "mailto:", "mailto:a", "http://a.example", "mailto:<a@b.c>"])
def test_load_with_a_subject_that_is_no_contact_is_refused(subject: str) -> None:
    """Some push services refuse every push without one."""
    with pytest.raises(ValueError, match="VAPID_SUBJECT"):
        load_vapid_key(KEY.private, subject)


def test_vapid_command_prints_lines_that_settings_take(capsys: pytest.CaptureFixture[str]) -> None:
    """A new pair each time, with the given contact."""
    lines = []
    for _ in range(2):
        assert main(["vapid", "--subject", SUBJECT]) == 0
        lines.append(dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines()))
    assert list(lines[0]) == ["VAPID_PRIVATE_KEY", "VAPID_PUBLIC_KEY", "VAPID_SUBJECT"]
    assert lines[0]["VAPID_PRIVATE_KEY"] != lines[1]["VAPID_PRIVATE_KEY"]
    read = load_vapid_key(lines[0]["VAPID_PRIVATE_KEY"], lines[0]["VAPID_SUBJECT"], lines[0]["VAPID_PUBLIC_KEY"])
    assert read.subject == SUBJECT


def test_vapid_command_with_a_wrong_subject_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, nothing printed that could be used."""
    assert main(["vapid", "--subject", "me"]) == 2
    assert capsys.readouterr().out == ""
