/**
 * One look or one claim as a Lua script, which Redis runs as a whole or not at all.
 *
 * All uses live in one sorted set, scored by the proof's time in milliseconds; nonce times are shifted, so that each axis
 * is a range of its own. Nothing has a time to live: a use leaves when this script removes it, and then the floor of its
 * axis rises to its time. No clock of any machine can make Redis forget in silence.
 *
 * Uses may have been lost when the set and the hash beside it do not name the same memory (a key was flushed or
 * evicted), when this process is not the one in which the memory was born (a restart, or the promotion of a replica that
 * had not got the last writes), or when it has followed another one since (its replication id is new). Then a new memory begins. Its birth is the highest time that any of its nodes
 * remembers from the former one.
 *
 * KEYS  1 what the memory tells of itself  2 the uses
 * ARGV  1 clock of the node  2 id for a new memory  3 id that the node knows  4 highest time that it knows
 *       and for a claim: 5 capacity  6 key  7 axis  8 time  9 life on this axis  10 memory that the proof was judged by  11 its birth
 * Answers with outcome, id, birth, now, floors, and eviction policy (for a look); times in milliseconds.
 */
export const replayScript = `
local meta, uses = KEYS[1], KEYS[2]
local clock, known, remembered = tonumber(ARGV[1]), ARGV[3], tonumber(ARGV[4])
local shift = { iat = 0, nonce = 4e15 }
local function text(number) return string.format('%.0f', number) end

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  .. ' ' .. (string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or '')
local time = redis.call('TIME')
local server = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local fields = redis.call('HMGET', meta, 'id', 'run', 'birth', 'now', 'iat', 'nonce', 'seen')
local id, birth, now = fields[1], tonumber(fields[3] or 0), tonumber(fields[4] or 0)
-- The memory's time never falls. Where a node's clock is behind it, it goes on by the server's, at most a second at a
-- time: a step of the server's clock must not carry everybody's time away.
if clock < now then now = now + math.min(math.max(server - tonumber(fields[7] or server), 0), 1000) end
now = math.max(now, clock)
local floor = { iat = tonumber(fields[5] or 0), nonce = tonumber(fields[6] or 0) }

if not id or fields[2] ~= run or not redis.call('ZSCORE', uses, 'memory:' .. id) then
  id, birth, floor = ARGV[2], now, { iat = 0, nonce = 0 }
  redis.call('DEL', meta, uses)
  redis.call('ZADD', uses, 9e15, 'memory:' .. id)
end
if known ~= id then
  now = math.max(now, remembered)
  birth = math.max(birth, remembered)
end

local function forget(axis, last)
  local score = tonumber(last) - shift[axis]
  if score > floor[axis] then floor[axis] = score end
end

-- What is over leaves first, a few at a time: no claim pays for a long silence before it.
local function expire(axis, life)
  local from, to = shift[axis], shift[axis] + now - life - 1
  local over = redis.call('ZRANGE', uses, text(from), text(to), 'BYSCORE', 'LIMIT', 0, 16, 'WITHSCORES')
  for i = 1, #over, 2 do
    redis.call('ZREM', uses, over[i])
    forget(axis, over[i + 1])
  end
end

-- Then the oldest of those that are still live.
local function makeRoom()
  local iat = redis.call('ZRANGE', uses, 0, 0, 'WITHSCORES')
  local nonce = redis.call('ZRANGE', uses, text(shift.nonce), '8e15', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
  local oldest, axis = iat, 'iat'
  if tonumber(iat[2]) >= shift.nonce or (nonce[2] and tonumber(nonce[2]) - shift.nonce < tonumber(iat[2])) then
    oldest, axis = nonce, 'nonce'
  end
  redis.call('ZREM', uses, oldest[1])
  forget(axis, oldest[2])
end

local outcome = 'read'
if ARGV[5] then
  local capacity, key, axis, at = tonumber(ARGV[5]), ARGV[6], ARGV[7], tonumber(ARGV[8])
  if redis.call('ZSCORE', uses, key) then
    outcome = 'replayed'
  elseif ARGV[10] ~= id or (axis == 'iat' and tonumber(ARGV[11]) ~= birth) or at <= floor[axis] then
    outcome = 'forgotten'
  else
    expire(axis, tonumber(ARGV[9]))
    if redis.call('ZCARD', uses) > capacity then makeRoom() end
    redis.call('ZADD', uses, text(shift[axis] + at), key)
    outcome = 'claimed'
  end
end

redis.call('HSET', meta, 'id', id, 'run', run, 'birth', text(birth), 'now', text(now),
  'iat', text(floor.iat), 'nonce', text(floor.nonce), 'seen', text(server))
local policy = ''
if not ARGV[5] then policy = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)') or '' end
return { outcome, id, text(birth), text(now), text(floor.iat), text(floor.nonce), policy }
`;
