"""Requests and pictures over time, as all gateways count them together."""

from gateway.ledger import Account, LedgerLost, Refusal
from gateway.ledger.books import PARTS, words_of
from gateway.state.redis.line import ServerLost, Word
from gateway.state.redis.script import CLOCK, Script
from gateway.state.redis.server import Server

TAKE = Script(
    CLOCK
    + f"""
-- KEYS: a hash for each limit, of parts of time; ARGV: how many, then for each limit: the most, its seconds
local amount, live, sums, parts = tonumber(ARGV[1]), {{}}, {{}}, {{}}
for n = 1, #KEYS do
  local most, seconds = tonumber(ARGV[n * 2]), tonumber(ARGV[n * 2 + 1])
  local part = math.floor(now * {PARTS} / seconds)
  local known = redis.call('HMGET', KEYS[n], 'part', 'sum')
  local sum, dead = tonumber(known[2]), {{}}
  local function look()
    local all = redis.call('HGETALL', KEYS[n])
    local kept = {{}}
    sum = 0
    for i = 1, #all, 2 do
      local each = tonumber(all[i])
      if each and each > part - {PARTS + 1} then
        kept[#kept + 1] = {{each, tonumber(all[i + 1])}}
        sum = sum + kept[#kept][2]
      elseif each then
        dead[#dead + 1] = all[i]
      end
    end
    return kept
  end
  if tonumber(known[1]) ~= part then
    look()
    if #dead > 0 then redis.call('HDEL', KEYS[n], unpack(dead)) end
  end
  if amount > most then return {{n - 1, ''}} end
  local over = sum + amount - most
  if over > 0 then
    local kept = look()
    table.sort(kept, function(a, b) return a[1] < b[1] end)
    for _, each in ipairs(kept) do
      over = over - each[2]
      if over <= 0 then
        return {{n - 1, string.format('%.6f', math.max((each[1] + {PARTS + 1}) * seconds / {PARTS} - now, 0.001))}}
      end
    end
    return {{n - 1, ''}}
  end
  sums[n], parts[n] = sum + amount, part
end
for n = 1, #KEYS do
  local part = string.format('%.0f', parts[n])
  redis.call('HINCRBY', KEYS[n], part, ARGV[1])
  redis.call('HSET', KEYS[n], 'part', part, 'sum', string.format('%.0f', sums[n]))
  redis.call('EXPIRE', KEYS[n], tonumber(ARGV[n * 2 + 1]) * 2)
end
return 0
"""
)


class RedisRates:
    """Never more than a limit says in any stretch of time, whichever gateways are asked, by the server's clock."""

    def __init__(self, server: Server) -> None:
        """Count on a server."""
        self._server = server

    async def take(self, account: Account, kind: str, amount: int) -> Refusal | None:
        """Count against all limits of that kind, or against none; raises `LedgerLost`."""
        limits = [*dict.fromkeys(rate for rate in account.rates if rate.kind == kind)]
        if not limits:
            return None
        # The tag holds an account's limits together in a cluster; a brace in the name must not end it early.
        tag = account.name.replace("}", ")").replace("{", "(")
        keys: list[Word] = []
        arguments: list[Word] = [amount]
        for rate in limits:
            keys.append(self._server.key(f"{{rates:{tag}}}:{rate.kind}:{rate.unit}:{rate.most}:{account.name}"))
            arguments += [rate.most, rate.seconds]
        try:
            answer = await self._server.run(TAKE, keys, arguments)
        except ServerLost as lost:
            raise LedgerLost(str(lost)) from None
        if answer == 0:
            return None
        index, seconds = answer
        return Refusal(account, words_of(limits[index]), float(seconds) if seconds else None)
