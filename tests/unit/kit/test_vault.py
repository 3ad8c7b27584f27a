"""Encryption at rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.vault import CannotOpen, Vault

OLD = "an old vault key of enough characters"
NEW = "a new vault key of enough characters!"
URL = "https://oapi.dingtalk.com/robot/send?access_token=abc"


@given(st.text())
def test_what_goes_in_comes_out(text: str) -> None:
    vault = Vault([OLD])
    assert vault.open(vault.close(text, where="robot/1/url"), where="robot/1/url") == text


def test_nothing_of_the_text_shows_and_no_two_sealings_are_alike() -> None:
    vault = Vault([OLD])
    first, second = (vault.close(URL, where="robot/1/url") for _ in range(2))
    assert b"dingtalk" not in first
    assert first != second


def test_a_text_moved_to_another_row_does_not_open() -> None:
    vault = Vault([OLD])
    with pytest.raises(CannotOpen):
        vault.open(vault.close(URL, where="robot/1/url"), where="robot/2/url")


@pytest.mark.parametrize("at", [0, 1, 5, 17, -1])
def test_a_changed_byte_does_not_open(at: int) -> None:
    vault = Vault([OLD])
    sealed = bytearray(vault.close(URL, where="robot/1/url"))
    sealed[at] ^= 1
    with pytest.raises(CannotOpen):
        vault.open(bytes(sealed), where="robot/1/url")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"plain text"])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(CannotOpen):
        Vault([OLD]).open(sealed, where="robot/1/url")


def test_a_cut_text_does_not_open() -> None:
    vault = Vault([OLD])
    sealed = vault.close(URL, where="robot/1/url")
    for length in range(len(sealed)):
        with pytest.raises(CannotOpen):
            vault.open(sealed[:length], where="robot/1/url")


def test_keys_are_changed_by_putting_the_new_one_first_and_renewing() -> None:
    sealed = Vault([OLD]).close(URL, where="robot/1/url")
    both = Vault([NEW, OLD])
    assert both.open(sealed, where="robot/1/url") == URL
    assert both.is_stale(sealed)
    renewed = both.renew(sealed, where="robot/1/url")
    assert not both.is_stale(renewed)
    assert Vault([NEW]).open(renewed, where="robot/1/url") == URL
    with pytest.raises(CannotOpen):
        Vault([NEW]).open(sealed, where="robot/1/url")


def test_a_vault_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        Vault([])
