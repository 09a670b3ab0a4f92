"""The steps of an intent, as the server runs them.

KEYS of each: the intent, its lease, what says that a token was taken back; ARGV[1] is the token of whoever asks.
"""

from gateway.state.claims import Verdict
from gateway.state.redis.script import Script

VERDICTS: dict[int, Verdict] = {1: "running", 2: "reused", 3: "unknown", 4: "lost"}

_TAKEN_BACK_SECONDS = 600

CLAIM = Script("""
if redis.call('EXISTS', KEYS[3]) == 1 then return 3 end
local found = redis.call('HMGET', KEYS[1], 'fingerprint', 'state', 'status', 'headers', 'size', 'place', 'count')
if not found[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'token', ARGV[1], 'state', 'running')
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
  return 0
end
if found[1] ~= ARGV[2] then return 2 end
if found[2] == 'kept' then return {found[3], found[4], found[5], found[6], found[7]} end
if found[2] == 'lost' then return 4 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
return 3
""")

RENEW = Script("""
local found = redis.call('HMGET', KEYS[1], 'token', 'state')
if not found[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'token', ARGV[1], 'state', 'running')
elseif found[1] ~= ARGV[1] or found[2] ~= 'running' then
  return 0
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
return 1
""")

KEEP = Script("""
local owner = redis.call('HGET', KEYS[1], 'token')
if owner and owner ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'token', ARGV[1], 'state', ARGV[4])
if ARGV[5] then
  redis.call('HSET', KEYS[1], 'status', ARGV[5], 'headers', ARGV[6], 'size', ARGV[7])
  redis.call('HSET', KEYS[1], 'place', ARGV[8], 'count', ARGV[9])
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[2])
return 1
""")

FORGET = Script(f"""
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then redis.call('DEL', KEYS[1], KEYS[2]) end
if ARGV[2] == 'late' then redis.call('SET', KEYS[3], '', 'EX', {_TAKEN_BACK_SECONDS}) end
return 0
""")

ABANDON = Script("""
if redis.call('GET', KEYS[2]) == ARGV[1] then return redis.call('DEL', KEYS[2]) end
return 0
""")
