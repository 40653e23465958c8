"""What schemathesis checks here besides its own; it loads this in its own environment."""

import json

import schemathesis


@schemathesis.check
def refusal_names_a_field(_context, response, case):  # noqa: ANN001, ANN201  # its types are not installed where mypy looks
    """What the document allows and the service does not is refused by the name of a field."""
    if response.status_code == 422 and case.meta is not None and case.meta.generation.mode.is_positive:  # HTTP's
        problem = json.loads(response.content)
        assert problem.get("field"), f"no field is named: {problem['detail']}"
