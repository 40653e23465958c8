"""What schemathesis checks here besides its own; it loads this in its own environment."""

import json

import schemathesis


@schemathesis.check
def refusal_names_a_field(_context, response, case):  # noqa: ANN001, ANN201  # its types are not installed where mypy looks
    """What the document allows and the service does not is refused by the name of a field."""
    if response.status_code == 422 and case.meta is not None and case.meta.generation.mode.is_positive:  # HTTP's
        problem = json.loads(response.content)
        assert problem.get("field"), f"no field is named: {problem['detail']}"


@schemathesis.hook
def before_load_schema(_context, raw_schema):  # noqa: ANN001, ANN201
    """Read patterns as JSON Schema means them: Python's `$` lets a final newline through."""
    _end_patterns(raw_schema)


def _end_patterns(node):  # noqa: ANN001, ANN202
    if isinstance(node, dict):
        pattern = node.get("pattern")
        if isinstance(pattern, str) and pattern.endswith("$"):
            node["pattern"] = pattern + r"(?!\n)"
        for child in node.values():
            _end_patterns(child)
    elif isinstance(node, list):
        for child in node:
            _end_patterns(child)
