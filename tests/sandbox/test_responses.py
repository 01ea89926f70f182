import pytest

from rotor_mcp.sandbox import responses
from rotor_mcp.sandbox.requests import Listing


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [
        (
            400,
            "POST",
            {
                "status": "error",
                "message": "Validation failed",
                "errors": [{"field": "email", "message": "Invalid email format"}],
            },
        ),
        (
            401,
            "GET",
            {
                "status": "error",
                "message": "Authentication required. Provide x-api-key header.",
                "error_code": "AUTHENTICATION_REQUIRED",
            },
        ),
        *(
            (
                403,
                method,
                {
                    "status": "error",
                    "message": f"Forbidden: required scope '{scope}' not granted for this API key",
                    "error_code": "INSUFFICIENT_SCOPE",
                },
            )
            for method, scope in {"GET": "leads:read", "POST": "leads:write"}.items()
        ),
        (404, "GET", {"status": "error", "message": "Not found"}),
        (
            429,
            "GET",
            {
                "status": "error",
                "message": "Daily API key request limit of 1000 exceeded",
                "error_code": "RATE_LIMIT_EXCEEDED",
            },
        ),
        (500, "POST", {"status": "error", "message": "Internal server error"}),
        (502, "POST", {"status": "error", "message": "Bad gateway"}),
        (599, "POST", {"status": "error", "message": "Error"}),
    ],
)
def test_the_error_table(status: int, method: str, body: responses.Body) -> None:
    assert responses.typical_error(status, method, quota=1_000) == body


@pytest.mark.parametrize(
    ("total", "page", "has_more"),
    [(0, 1, False), (2, 1, False), (3, 1, True), (3, 2, False), (4, 2, False), (5, 2, True), (5, 9, False)],
)
def test_there_is_more_until_the_last_page(total: int, page: int, has_more: bool) -> None:
    assert responses.lead_page([], total, Listing(limit=2, page=page)) == {
        "data": [],
        "pagination": {"has_more": has_more, "limit": 2, "page": page, "total": total},
        "status": "success",
    }
