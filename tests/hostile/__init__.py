"""Everything that a server can do wrong, from end to end."""

import pytest

pytest.register_assert_rewrite("hostile.stage")
