"""The steps of the ledger, as the server runs them: the arithmetic is that of `gateway.ledger.books`.

A counter is a hash of what is settled and what is held; a reservation is a list of what it holds of which counter, and
an empty text once it is over. Counters that are not there are never made up: the answer names them, and whoever asked
finds out what they held. Amounts are whole numbers, which a double holds exactly up to 9 · 10^15.
"""

from typing import Final

from gateway.state.redis.script import CLOCK, Script

GIVEN_BACK: Final = "given back"
"""What stands for a reservation that was given up before it was known to be made."""

KEPT_AFTER_SECONDS = 8 * 7 * 86_400
"""How long a counter outlives its window."""

_BOOKS = f"""
local fields = {{'micros', 'held', 'images', 'images_held'}}
local function text(number) return string.format('%.0f', number) end
local function read(key)
  local found = redis.call('HMGET', key, unpack(fields))
  if not found[1] then return nil end
  for n = 1, 4 do found[n] = tonumber(found[n]) or 0 end
  return found
end
local function write(key, spent)
  redis.call('HSET', key, 'micros', text(spent[1]), 'held', text(spent[2]),
    'images', text(spent[3]), 'images_held', text(spent[4]))
end
local function begin(key, ends, micros, images)
  redis.call('HSET', key, 'micros', micros, 'held', 0, 'images', images, 'images_held', 0)
  if ends ~= '' then
    redis.call('EXPIREAT', key, text(math.ceil(math.max(tonumber(ends), now)) + {KEPT_AFTER_SECONDS}))
  end
end
local function finish(spent, held, charged)
  return {{spent[1] + charged[1], math.max(spent[2] - held[1], 0),
    spent[3] + charged[2], math.max(spent[4] - held[2], 0)}}
end
"""

RESERVE = Script(
    CLOCK
    + _BOOKS
    + f"""
-- KEYS: reservation, expiries, counters; ARGV: id, seconds, whether counters may begin at nothing,
-- then for each draw: micros, images, their limits, end of the window
local found = redis.call('GET', KEYS[1])
if found == '{GIVEN_BACK}' then return -1 end
if found then return 0 end
local draws, spent, missing, held = #KEYS - 2, {{}}, {{'missing'}}, {{}}
for n = 1, draws do
  spent[n] = read(KEYS[n + 2])
  if not spent[n] then
    missing[#missing + 1] = n - 1
    spent[n] = {{0, 0, 0, 0}}
  end
end
if #missing > 1 and ARGV[3] == '' then return missing end
for n = 1, draws do
  local a = 4 + (n - 1) * 5
  local each, most, most_images = spent[n], ARGV[a + 2], ARGV[a + 3]
  if most ~= '' and each[1] + each[2] + tonumber(ARGV[a]) > tonumber(most) then return n * 2 - 1 end
  if most_images ~= '' and each[3] + each[4] + tonumber(ARGV[a + 1]) > tonumber(most_images) then return n * 2 end
end
for n = 1, draws do
  local a, key = 4 + (n - 1) * 5, KEYS[n + 2]
  if redis.call('EXISTS', key) == 0 then begin(key, ARGV[a + 4], 0, 0) end
  redis.call('HINCRBY', key, 'held', ARGV[a])
  redis.call('HINCRBY', key, 'images_held', ARGV[a + 1])
  held[n] = {{key, ARGV[a], ARGV[a + 1], ARGV[a + 4]}}
end
redis.call('SET', KEYS[1], cmsgpack.pack(held))
redis.call('ZADD', KEYS[2], string.format('%.6f', now + tonumber(ARGV[2])), ARGV[1])
return 0
"""
)

SETTLE = Script(
    CLOCK
    + _BOOKS
    + f"""
-- KEYS: as above; ARGV: id, end, whether counters may begin at nothing, for how long the caller vouches that it
-- reserved, then for each draw: micros, images, the threshold to tell of, end of the window
local record = redis.call('GET', KEYS[1])
if record == '' or record == '{GIVEN_BACK}' or (not record and ARGV[4] == '') then return 0 end
local draws, held = #KEYS - 2, nil
if record then
  held = cmsgpack.unpack(record)
  if #held ~= draws then return -1 end
end
local missing, news = {{'missing'}}, {{'news'}}
local back = ARGV[2] == '{GIVEN_BACK}'
local free = back or ARGV[2] == 'released'
if record or not free then
  for n = 1, draws do
    if redis.call('EXISTS', held and held[n][1] or KEYS[n + 2]) == 0 then missing[#missing + 1] = n - 1 end
  end
  if #missing > 1 and ARGV[3] == '' then return missing end
  for n = 1, draws do
    local a = 5 + (n - 1) * 4
    local key, charged, had = KEYS[n + 2], {{tonumber(ARGV[a]), tonumber(ARGV[a + 1])}}, {{0, 0}}
    if held then key, had = held[n][1], {{tonumber(held[n][2]), tonumber(held[n][3])}} end
    if free then charged = {{0, 0}} elseif ARGV[2] == 'maybe_billed' and held then charged = had end
    local before = read(key)
    if not before then
      begin(key, ARGV[a + 3], 0, 0)
      before = {{0, 0, 0, 0}}
    end
    local after = finish(before, had, charged)
    write(key, after)
    local alert = tonumber(ARGV[a + 2])
    if alert and before[1] < alert and alert <= after[1] then
      news[#news + 1] = n - 1
      news[#news + 1] = text(after[1])
    end
  end
end
local left = tonumber(ARGV[4]) or 0
if record then left = (tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1])) or now) - now end
if left > 0 then
  redis.call('SET', KEYS[1], back and '{GIVEN_BACK}' or '', 'PX', text(math.ceil(left * 1000)))
else
  redis.call('DEL', KEYS[1])
end
redis.call('ZREM', KEYS[2], ARGV[1])
if #news > 1 then return news end
return 0
"""
)

SWEEP = Script(
    CLOCK
    + _BOOKS
    + """
-- KEYS: expiries, what reservations' keys begin with; ARGV: how many at most, whether counters may begin at nothing
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now), 'LIMIT', 0, ARGV[1])
local count, missing = 0, {}
for _, id in ipairs(ids) do
  local key, lacks = KEYS[2] .. id, false
  local record = redis.call('GET', key)
  local held = {}
  if record and record ~= '' then held = cmsgpack.unpack(record) end
  for _, each in ipairs(held) do
    if ARGV[2] == '' and redis.call('EXISTS', each[1]) == 0 then
      lacks = true
      missing[#missing + 1] = each[1]
      missing[#missing + 1] = each[4]
    end
  end
  if not lacks then
    for _, each in ipairs(held) do
      local before = read(each[1])
      if not before then
        begin(each[1], each[4], 0, 0)
        before = {0, 0, 0, 0}
      end
      local had = {tonumber(each[2]), tonumber(each[3])}
      write(each[1], finish(before, had, had))
    end
    if #held > 0 then count = count + 1 end
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[1], id)
  end
end
return {count, #ids, unpack(missing)}
"""
)

SEED = Script(
    CLOCK
    + _BOOKS
    + """
-- KEYS: counters; ARGV: for each: micros, images, end of the window
for n = 1, #KEYS do
  local a = (n - 1) * 3 + 1
  if redis.call('EXISTS', KEYS[n]) == 0 then begin(KEYS[n], ARGV[a + 2], ARGV[a], ARGV[a + 1]) end
end
return 0
"""
)

SPENT = Script("""
local found = {}
for n = 1, #KEYS do
  found[n] = redis.call('HMGET', KEYS[n], 'micros', 'held', 'images', 'images_held')
end
return found
""")
