"""Where messages may go, and what is sealed."""

from uuid import uuid4

import pytest

from services.notification.channels.base import Target
from services.notification.channels.dingtalk import DingTalk
from services.notification.channels.webhook import Webhook
from services.notification.domain.redaction import HIDDEN, redact
from services.notification.targets import Keyring, TargetRefused, Targets
from shared.kit.vault import CannotOpen, Vault

CLOSED = Targets(("hooks.office.example", "*.gov.example", "10.1.2.3"), allow_private=False)
TRYING = Targets(("127.0.0.1", "localhost:8104"), allow_private=True)


@pytest.mark.parametrize(
    "url",
    ["https://hooks.office.example/x", "https://HOOKS.office.example:8443/x", "https://a.b.gov.example/"],
)
def test_listed_hosts_are_allowed(url: str) -> None:
    CLOSED.check(Target(url), Webhook())


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/",
        "https://hooks.office.example.evil.example/",
        "https://gov.example.evil/",
        "https://evilgov.example/",
        "http://hooks.office.example/x",
        "https://10.1.2.3/x",
        "https://[::1]/",
    ],
)
def test_all_else_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        CLOSED.check(Target(url), Webhook())


def test_a_vendors_own_host_needs_no_listing() -> None:
    CLOSED.check(Target("https://oapi.dingtalk.com/robot/send?access_token=x"), DingTalk())


PRIVATE = ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "::1", "fd00::1", "::ffff:127.0.0.1"]
NEVER = ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::ffff:169.254.169.254", "::", "255.255.255.255"]


@pytest.mark.parametrize("address", [*PRIVATE, *NEVER, "100.64.0.1", "2002:7f00:1::"])
def test_private_and_reserved_addresses_are_refused_whatever_name_led_there(address: str) -> None:
    with pytest.raises(TargetRefused):
        CLOSED.check_address(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_where_private_addresses_are_allowed_they_pass(address: str) -> None:
    TRYING.check_address(address)


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_reserved_addresses_pass_nowhere(address: str) -> None:
    with pytest.raises(TargetRefused):
        TRYING.check_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888"])
def test_public_addresses_pass(address: str) -> None:
    CLOSED.check_address(address)


def test_a_port_can_be_part_of_the_listing() -> None:
    TRYING.check(Target("http://localhost:8104/robot/send?access_token=x"), DingTalk())
    with pytest.raises(TargetRefused):
        TRYING.check(Target("http://localhost:9/robot/send?access_token=x"), DingTalk())


def test_a_sealed_address_opens_only_in_its_place() -> None:
    keys = Keyring(Vault(["0123456789abcdef0123456789abcdef"]))
    sealed = keys.seal_target("display", Target("https://a.example/?access_token=t", "s"))
    assert keys.open_target("display", sealed) == Target("https://a.example/?access_token=t", "s")
    with pytest.raises(CannotOpen):
        keys.open_target("other", sealed)
    person = uuid4()
    assert keys.open_mobile(person, keys.seal_mobile(person, "13800138000")) == "13800138000"


def test_redaction_leaves_no_part_of_a_longer_secret() -> None:
    assert redact("a abc abcd", ["abc", "abcd", ""]) == f"a {HIDDEN} {HIDDEN}"
