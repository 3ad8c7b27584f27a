"""统一社会信用代码 (GB 32100)."""

import pytest

from services.intake.domain import uscc

SOUND = ("91350100M000100Y43", "91370200163562681G")


@pytest.mark.parametrize("code", SOUND)
def test_a_code_with_its_check_sign_is_sound(code: str) -> None:
    assert uscc.trouble(code) == ""


def test_every_single_wrong_sign_and_every_swap_of_neighbours_is_found() -> None:
    code = SOUND[0]
    for at in range(18):
        other = "7" if code[at] != "7" else "8"
        assert uscc.trouble(code[:at] + other + code[at + 1 :])
    for at in range(17):
        if code[at] != code[at + 1]:
            assert uscc.trouble(code[:at] + code[at + 1] + code[at] + code[at + 2 :])


def test_what_is_wrong_is_said() -> None:
    assert "18位" in uscc.trouble("9135010")
    assert "O" in uscc.trouble("9135O100M000100Y43")
    assert uscc.normal(" 91350100m000100y43 ") == SOUND[0]
