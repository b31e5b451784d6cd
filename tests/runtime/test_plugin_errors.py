from pathlib import Path

import pytest

from forcepos.runtime.errors import InputError, plugin_errors
from forcepos.runtime.interruption import Interrupted


class Gru:
    pass


@pytest.mark.parametrize("plugin", [Gru, Gru()])
def test_an_error_names_class_file_and_what_was_done(
    plugin: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    with pytest.raises(InputError) as raised, plugin_errors(plugin, "declare"):
        raise KeyError("units\nof the layer")
    assert str(raised.value) == (
        f"{__name__}.Gru (test_plugin_errors.py) failed in declare: KeyError: 'units\\nof the layer'"
    )


def test_an_error_of_several_lines_is_told_in_one_and_one_without_words_by_its_type() -> None:
    with (
        pytest.raises(InputError, match=r"failed in declare: ValueError: first second$"),
        plugin_errors(Gru, "declare"),
    ):
        raise ValueError("first\n  second")
    with pytest.raises(InputError, match=r"failed in declare: AssertionError$"), plugin_errors(Gru, "declare"):
        raise AssertionError


@pytest.mark.parametrize("error", [InputError("as it is"), Interrupted(15)])
def test_a_message_for_the_user_and_an_interruption_pass_as_they_are(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, plugin_errors(Gru, "declare"):
        raise error
    assert raised.value is error


def test_a_bug_in_a_class_of_our_own_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), plugin_errors(Interrupted, "declare"):
        raise ZeroDivisionError
