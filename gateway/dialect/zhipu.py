"""Zhipu's error codes, as it says them itself and behind routers."""

from gateway.dialect.errors import Codes

ZHIPU_CODES = Codes(
    policy=frozenset({"1301"}),
    exhausted=frozenset({"1000", "1001", "1002", "1003", "1004", "1110", "1111", "1112", "1113"}),
    rate_limited=frozenset({"1302", "1303", "1305"}),
    invalid=frozenset({"1210", "1211", "1214"}),
)
