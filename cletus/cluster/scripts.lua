-- All that changes the engine's memory. A script is carried out as a whole or not at all.
--
-- KEYS[1] is the hash of the epoch: `epoch`, and `by`, the command that has claimed it.
-- KEYS[2] has the number of the last command of this bus, so that one that is repeated is taken once.
-- ARGV: the name of a command below, its number, and then what it takes.

local call = redis.call
local name, number = ARGV[1], tonumber(ARGV[2])
local bus = KEYS[2]

-- Milliseconds. A bus that is silent for so long repeats nothing; a gateway to which nothing is sent is gone.
local SEQUENCE_KEPT = 600000
local FRAMES_KEPT = 86400000

local function is_repeated()
  if number <= tonumber(call('GET', bus) or '0') then
    return true
  end
  call('SET', bus, ARGV[2], 'PX', SEQUENCE_KEPT)
  return false
end

local function epoch()
  return tonumber(call('HGET', KEYS[1], 'epoch') or '0')
end

local function milliseconds()
  local time = call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function append(stream, data, maximum)
  call('XADD', stream, 'MAXLEN', '~', maximum, '*', 'e', data)
end

local function is_before(cursor, other)
  local time, number = cursor:match('(%d+)-(%d+)')
  local other_time, other_number = other:match('(%d+)-(%d+)')
  time, other_time = tonumber(time), tonumber(other_time)
  return time < other_time or (time == other_time and tonumber(number) < tonumber(other_number))
end

-- Remove entries up to this one. A stream that has not come to there is of an engine that was emptied since.
local function trim(stream, cursor)
  local last = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if cursor ~= '' and last and not is_before(last[1], cursor) then
    local time, number = cursor:match('(%d+)-(%d+)')
    call('XTRIM', stream, 'MINID', '=', time .. '-' .. string.format('%.0f', tonumber(number) + 1))
  end
end

-- Who has the lease; false if nobody has, or for longer than it can have been given.
local function holder(lease, longest)
  return call('PTTL', lease) <= tonumber(longest) and call('GET', lease)
end

-- Fenced: ARGV[3] is the caller's epoch. Each returns the highest epoch given.
local fenced = {}

function fenced.renew()    -- KEYS[3]: lease; ARGV[4]: milliseconds
  call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
end

function fenced.release()  -- KEYS[3]: lease; ARGV[4]: milliseconds
  call('SET', KEYS[3], 'free', 'PX', ARGV[4])
end

function fenced.turn()     -- KEYS[3]: in, then the gateways'; ARGV[4]: maximum, 5: last to remove or '', 6...: entries
  for index = 4, #KEYS do
    append(KEYS[index], ARGV[index + 2], ARGV[4])
    call('PEXPIRE', KEYS[index], FRAMES_KEPT)
  end
  trim(KEYS[3], ARGV[5])
end

function fenced.lose()     -- KEYS: out, acks, nodes; ARGV[4]: gateway
  call('DEL', KEYS[3])
  call('HDEL', KEYS[4], ARGV[4])
  call('HDEL', KEYS[5], ARGV[4])
end

function fenced.checkpoint()  -- KEYS[3]: session; ARGV[4]: how many are removed, which, and pairs to set
  local first = 5 + tonumber(ARGV[4])
  for index = 5, first - 1 do
    call('HDEL', KEYS[3], ARGV[index])
  end
  for index = first, #ARGV, 2 do
    call('HSET', KEYS[3], ARGV[index], ARGV[index + 1])
  end
end

function fenced.code()     -- KEYS[3]: code; ARGV[4]: sources
  call('SET', KEYS[3], ARGV[4])
end

local others = {}

function others.lease()    -- KEYS[3]: lease; ARGV[3]: longest
  -- It writes, so that an engine whose memory or disk is full does not answer: no lease can be renewed there.
  is_repeated()
  return holder(KEYS[3], ARGV[3])
end

function others.claim()    -- KEYS: lease, in, ctl; ARGV: milliseconds, an epoch before, longest, an epoch held
  local command = bus .. ' ' .. ARGV[2]
  if is_repeated() then
    return call('HGET', KEYS[1], 'by') == command and epoch() or 0
  end
  local present = holder(KEYS[3], ARGV[5])
  if present and present ~= 'free' and present ~= ARGV[6] then
    return 0
  end
  local next = math.max(epoch() + 1, tonumber(ARGV[4]) + 1, milliseconds())
  call('HSET', KEYS[1], 'epoch', string.format('%.0f', next), 'by', command)
  call('SET', KEYS[3], string.format('%.0f', next), 'PX', ARGV[3])
  call('XTRIM', KEYS[4], 'MAXLEN', 0)  -- not DEL, after which positions may begin anew
  call('XTRIM', KEYS[5], 'MAXLEN', 0)
  return next
end

function others.append()   -- KEYS[3]: stream; ARGV[3]: maximum, 4: milliseconds to keep it or '', 5: entry
  if not is_repeated() then
    append(KEYS[3], ARGV[5], ARGV[3])
    if ARGV[4] ~= '' then
      call('PEXPIRE', KEYS[3], ARGV[4])
    end
  end
end

function others.ack()      -- KEYS: acks, out; ARGV: gateway, data, last to remove or ''
  if not is_repeated() then
    call('HSET', KEYS[3], ARGV[3], ARGV[4])
    trim(KEYS[4], ARGV[5])
  end
end

function others.announce() -- KEYS[3]: nodes; ARGV: node, data
  if not is_repeated() then
    call('HSET', KEYS[3], ARGV[3], string.format('%.0f ', milliseconds()) .. ARGV[4])
  end
end

function others.leave()    -- KEYS[3]: nodes; ARGV[3]: node
  if not is_repeated() then
    call('HDEL', KEYS[3], ARGV[3])
  end
end

function others.nodes()    -- KEYS[3]: nodes
  return {milliseconds(), call('HGETALL', KEYS[3])}
end

if fenced[name] then
  local current = epoch()
  if current == tonumber(ARGV[3]) and not is_repeated() then
    fenced[name]()
  end
  return current
end
return others[name]()
