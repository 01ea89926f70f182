from typing import Any

from inline_snapshot import snapshot

from evals.report import report
from evals.runner import Run


def test_report() -> None:
    def run(task: str, server: str, reason: str | None = None, **more: Any) -> Run:
        facts = {"endpoint_failed": False, "calls": 2, "requests": 3, "tokens_in": 1_200, "tokens_out": 80}
        return Run(task, server, reason, seconds=4.04, **{**facts, **more})

    runs = [
        run("gate_code", "rotor-mcp"),
        run("gate_code", "rotor-mcp", calls=3, requests=4, tokens_in=1_234_567),
        run("gate_code", "rotor-mcp", calls=4, requests=4),
        run("gate_code", "bare", "Jane Doe: notes is 'a\nb', which is not right", tokens_in=None),
        run("delete", "rotor-mcp", calls=0, requests=0),
        run("delete", "bare", "the model's endpoint failed 6 times", endpoint_failed=True),
    ]
    lines = list(report(runs, "some-model"))
    assert lines[2].startswith("By some-model, on 20")
    assert "\n".join(lines[4:]) == snapshot("""\
| task | server | done | tool calls | requests | tokens in | tokens out | seconds |
| --- | --- | --- | --- | --- | --- | --- | --- |
| `gate_code` | rotor-mcp | 3/3 | 3 (2 to 4) | 4 (3 to 4) | 1,200 (1,200 to 1,234,567) | 80 | 4 |
| `gate_code` | bare | 0/1 | 2 | 3 | not told | 80 | 4 |
| `delete` | rotor-mcp | 1/1 | 0 | 0 | 1,200 | 80 | 4 |
| `delete` | bare | 0/0 | not told | not told | not told | not told | not told |
| **all** | rotor-mcp | 4/4 | 3 | 4 | 2,400 | 160 | 8 |
| **all** | bare | 0/1 | 2 | 3 | not told | 80 | 4 |

## Failed

- `gate_code`, bare: Jane Doe: notes is 'a b', which is not right

## Not counted

- `delete`, bare: the model's endpoint failed 6 times\
""")
