"""What Rotor may do where its reference leaves that open, and that the promises hold all the same."""

import pytest

pytest.register_assert_rewrite("tests.behaviors.promises")
