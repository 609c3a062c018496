"""The Lua programs of the look-up store: each runs in Redis as one atomic step.

Keys, all below one prefix P: `P:state` (hash: generation, sequence, state, commit, highest, frontier, clock_ms, offsets)
and, per generation G (a new one at each rebuild, so that leftovers of an old one are never read),
`P:G:account:<id>` (hash: `<object> <key>` -> record as JSON text), `P:G:index:<object>` (hash: key -> `commit partition
offset account`) and `P:G:grave:<object> <key>` (`commit partition offset`, expires).
"""

from __future__ import annotations

#: ARGV: prefix, expected token (`generation sequence`), gravestone ms, number of state fields, (field, value)*, then seven per record:
#: object, key, commit, partition, offset, account, JSON text ('' = tombstone). Returns {written, stale} or {-1, token}.
#:
#: Newer means: a higher commit; within one commit and partition a higher offset. Within one commit and two partitions
#: (an object that moved to another account) the record wins over the tombstone that ended its old place, and a
#: tombstone never touches what another partition wrote.
APPLY = """
local prefix, expected, grave_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local state = prefix .. ':state'
local generation = redis.call('HGET', state, 'generation') or ''
local token = generation .. ' ' .. (redis.call('HGET', state, 'sequence') or '0')
if token ~= expected then return {-1, token} end
prefix = prefix .. ':' .. generation
local fields = tonumber(ARGV[4])
local at = 5
for i = 1, fields do
  redis.call('HSET', state, ARGV[at], ARGV[at + 1])
  at = at + 2
end
redis.call('HINCRBY', state, 'sequence', 1)

local function compare(text, commit, partition, offset)
  local c, p, o = string.match(text, '^(%d+) (%d+) (%d+)')
  c, p, o = tonumber(c), tonumber(p), tonumber(o)
  if commit ~= c then return commit > c and 1 or -1, p end
  if partition ~= p then return 0, p end
  if offset > o then return 1, p end
  return -1, p
end

local written, stale = 0, 0
while at <= #ARGV do
  local object, key, account, record = ARGV[at], ARGV[at + 1], ARGV[at + 5], ARGV[at + 6]
  local commit, partition, offset = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  at = at + 7
  local index, field = prefix .. ':index:' .. object, object .. ' ' .. key
  local grave = prefix .. ':grave:' .. field
  local version = string.format('%d %d %d', commit, partition, offset)
  local held = redis.call('HGET', index, key)
  local buried = redis.call('GET', grave)
  local old = held and string.match(held, '^%d+ %d+ %d+ (.*)$')
  local apply = true
  if held then
    local order, from = compare(held, commit, partition, offset)
    if record == '' then apply = order == 1 and from == partition else apply = order >= 0 end
  elseif buried then
    local order = compare(buried, commit, partition, offset)
    if record == '' then apply = order == 1 else apply = order >= 0 end
  end
  if not apply then
    stale = stale + 1
  else
    written = written + 1
    if old and (record == '' or old ~= account) then redis.call('HDEL', prefix .. ':account:' .. old, field) end
    if record == '' then
      redis.call('HDEL', index, key)
      redis.call('SET', grave, version, 'PX', grave_ms)
    else
      redis.call('HSET', prefix .. ':account:' .. account, field, record)
      redis.call('HSET', index, key, version .. ' ' .. account)
      if buried then redis.call('DEL', grave) end
    end
  end
end
return {written, stale}
"""

#: ARGV: prefix, expected token, new generation. Starts an empty generation. Returns 1, or 0 if the token has changed.
BEGIN = """
local state = ARGV[1] .. ':state'
local generation = redis.call('HGET', state, 'generation') or ''
local token = generation .. ' ' .. (redis.call('HGET', state, 'sequence') or '0')
if token ~= ARGV[2] then return 0 end
redis.call('DEL', state)
redis.call('HSET', state, 'generation', ARGV[3], 'sequence', '0', 'state', 'catching_up')
return 1
"""

#: ARGV: prefix, generation, keys*. Forgets keys of other generations, as long as `generation` is the current one.
SWEEP = """
if redis.call('HGET', ARGV[1] .. ':state', 'generation') ~= ARGV[2] then return 0 end
for i = 3, #ARGV do redis.call('UNLINK', ARGV[i]) end
return 1
"""

#: ARGV: prefix, account id. Returns {state hash, account hash}, both as flat lists of one moment.
READ = """
local state = ARGV[1] .. ':state'
local generation = redis.call('HGET', state, 'generation') or ''
return {redis.call('HGETALL', state), redis.call('HGETALL', ARGV[1] .. ':' .. generation .. ':account:' .. ARGV[2])}
"""
