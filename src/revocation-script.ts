/**
 * One look or one addition as a Lua script, which Redis runs as a whole or not at all.
 *
 * Entries live in one sorted set, scored by their end in milliseconds (9e15: for good). A hash holds the moment before
 * which a token must have been issued to be revoked; what is not in it is revoked whenever it was issued. Nothing has a
 * time to live: an entry leaves when this script removes it after its end, and then the floor rises to that end.
 *
 * Entries may have been lost when the set and the hash beside it do not name the same memory (a key was flushed or
 * evicted), when this process is not the one in which the memory was born (a restart, or the promotion of a replica that
 * had not got the last writes), or when it has followed another one since (its replication id is new). Then a new memory
 * begins: what is still there stays revoked, but it vouches for nothing that was issued before. Its birth is the highest
 * time that the former one was told, or that any of its nodes remembers from it.
 *
 * KEYS  1 what the memory tells of itself  2 ends of the entries  3 moments before which they revoke
 * ARGV  1 clock of the node  2 id for a new memory  3 id that the node knows  4 highest time that it knows
 *       5 'check' to see that Redis can be written to, and by which policy it evicts  6 'add' or 'look'
 *       to add:  7 key  8 before  9 until
 *       to look: 7 time of issue  8 expiry  9... keys
 * Answers with 'added', 'live', 'revoked' or 'forgotten', id, now, and eviction policy; times in milliseconds.
 */
export const revocationScript = `
local meta, ends, befores = KEYS[1], KEYS[2], KEYS[3]
local clock, known, remembered = tonumber(ARGV[1]), ARGV[3], tonumber(ARGV[4])
local never = 9e15
local function text(number) return string.format('%.0f', number) end

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  .. ' ' .. (string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or '')
local fields = redis.call('HMGET', meta, 'id', 'run', 'birth', 'now', 'floor')
local id, birth, told, floor = fields[1], tonumber(fields[3] or 0), tonumber(fields[4] or 0), tonumber(fields[5] or 0)
local now = math.max(told, clock)
local changed = false

if not id or fields[2] ~= run or not redis.call('ZSCORE', ends, 'memory:' .. id) then
  if id then redis.call('ZREM', ends, 'memory:' .. id) end
  if redis.call('EXISTS', ends) == 0 then redis.call('DEL', befores) end
  id, birth, changed = ARGV[2], now, true
  redis.call('ZADD', ends, text(never), 'memory:' .. id)
end
if known ~= id then
  now = math.max(now, remembered)
  if remembered > birth then birth, changed = remembered, true end
end

-- What is over leaves, a few at a time, by the clock of this node: after one that was ahead each entry would leave at
-- once, and each time all that expires by its end would be refused.
local function sweep()
  local over = redis.call('ZRANGE', ends, '-inf', '(' .. text(clock), 'BYSCORE', 'LIMIT', 0, 16, 'WITHSCORES')
  for i = 1, #over, 2 do
    redis.call('ZREM', ends, over[i])
    floor = math.max(floor, tonumber(over[i + 1]))
    redis.call('HSET', meta, 'floor', text(floor))
    redis.call('HDEL', befores, over[i])
  end
end

-- An entry that is there already only grows.
local function add(key, before, finish)
  local kept = redis.call('ZSCORE', ends, key)
  if kept then
    finish = math.max(finish, tonumber(kept))
    before = math.max(before, tonumber(redis.call('HGET', befores, key) or never))
  end
  redis.call('ZADD', ends, text(finish), key)
  if before < never then redis.call('HSET', befores, key, text(before)) else redis.call('HDEL', befores, key) end
end

local function look(issued, expires)
  for i = 9, #ARGV do
    local kept = redis.call('ZSCORE', ends, ARGV[i])
    if kept and issued < tonumber(redis.call('HGET', befores, ARGV[i]) or never) then return 'revoked' end
  end
  if issued < birth or expires <= floor then return 'forgotten' end
  return 'live'
end

local answer
if ARGV[6] == 'add' then
  sweep()
  add(ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]))
  answer, changed = 'added', true
else
  answer = look(tonumber(ARGV[7]), tonumber(ARGV[8]))
end

-- Most looks write nothing. A check does, as a Redis that cannot be written to is not to be believed: it may be a
-- primary that others have given up.
if changed or ARGV[5] == 'check' then
  redis.call('HSET', meta, 'id', id, 'run', run, 'birth', text(birth), 'now', text(now), 'floor', text(floor))
end
local policy = ''
if ARGV[5] == 'check' then policy = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)') or '' end
return { answer, id, text(now), policy }
`;
