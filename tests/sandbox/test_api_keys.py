import pytest

from rotor_mcp.sandbox import CREATE_ONLY_KEY, DEFAULT_KEYS, FULL_KEY, READ_ONLY_KEY
from rotor_mcp.sandbox.api_keys import key_id


def test_each_default_key_may_do_something_else() -> None:
    assert dict(DEFAULT_KEYS) == {
        FULL_KEY: ("leads:read", "leads:write"),
        CREATE_ONLY_KEY: ("leads:write",),
        READ_ONLY_KEY: ("leads:read",),
    }


def test_requests_of_different_default_keys_are_counted_apart() -> None:
    assert [key_id(key) for key in DEFAULT_KEYS] == ["full", "create", "read"]


def test_a_secret_may_hold_underscores() -> None:
    assert key_id("rotor_id_secret_with_more") == "id"


@pytest.mark.parametrize("key", ["", "rotor", "rotor_id", "rotor_id_", "rotor__secret", "other_id_secret"])
def test_a_key_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="rotor_<keyId>_<keySecret>"):
        key_id(key)
