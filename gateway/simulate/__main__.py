"""`python -m gateway.simulate`: one JSON document in, one out; for whoever must not do such work itself."""

import sys

import orjson

from gateway.simulate.asked import answered
from gateway.simulate.unusable import Unusable


def main() -> int:
    """Answer what stands on standard input; an `error` says in one sentence why there is no result."""
    try:
        asked = orjson.loads(sys.stdin.buffer.read())
        result, code = answered(asked), 0
    except orjson.JSONDecodeError as error:
        result, code = {"error": f"this is not valid JSON: {error.msg}."}, 2
    except Unusable as unusable:
        result, code = {"error": str(unusable)}, 2
    sys.stdout.buffer.write(orjson.dumps(result))
    sys.stdout.buffer.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
