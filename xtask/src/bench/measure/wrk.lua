-- Sends requests: a head, a key drawn evenly from the lines of a file, and the tail whose number precedes the key.
--
-- Environment: BENCH_REQUESTS is the Lua file that describes the requests, BENCH_THREADS the number of threads, BENCH_PACE
-- how many requests a second each thread may send (0: no limit).
-- There is no `response` function: with one, wrk builds Lua tables of each answer's headers and body. wrk counts answers
-- with an error status by itself.

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, nanoseconds; } instant; int clock_gettime(int clock, instant *now);")

-- How many requests are drawn for each thread, which repeats them when it has sent all. To put a request together when it
-- is sent would take longer than all else that Lua does.
local DRAWN = 65536

-- Stands for a number that no other request has (`UNIQUE` of wrk.rs).
UNIQUE = "{unique--number}"

local draws

-- The requests of each thread.
local function draw()
  local requests = dofile(os.getenv("BENCH_REQUESTS"))
  local lines = {}
  for line in io.lines(requests.keys) do
    lines[#lines + 1] = line
  end
  math.randomseed(os.time())
  local draws = {}
  for thread = 1, os.getenv("BENCH_THREADS") do
    draws[thread] = {}
    for at = 1, DRAWN do
      local line = lines[math.random(#lines)]
      draws[thread][at] = requests.head .. line:sub(4) .. requests.tails[line:sub(1, 3)]
    end
  end
  return draws
end

-- Runs in the main thread before a thread starts. All is drawn before the first one starts, since wrk does not make it wait
-- for the others.
function setup(thread)
  draws = draws or draw()
  thread:set("drawn", table.remove(draws))
  thread:set("first", #draws % 2)
  prepared = os.clock()
end

function init()
  local drawn, at = drawn, 0
  function request()
    at = at % DRAWN + 1
    return drawn[at]
  end
  if drawn[1]:find(UNIQUE, 1, true) then
    number_requests(drawn)
  end
  local pace = tonumber(os.getenv("BENCH_PACE"))
  if pace > 0 then
    keep_pace(1000 / pace)
  end
end

-- Replaces the marker of each request by another number. Numbers begin at the time, in microseconds, so that no two runs
-- have one in common; the threads of a run have odd and even ones.
function number_requests(drawn)
  local at, number = 0, os.time() * 1e6 + first
  local places = {}
  for draw = 1, DRAWN do
    places[draw] = drawn[draw]:find(UNIQUE, 1, true)
  end
  function request()
    at = at % DRAWN + 1
    number = number + 2
    local request, place = drawn[at], places[at]
    return request:sub(1, place - 1) .. string.format("%016d", number) .. request:sub(place + #UNIQUE)
  end
end

-- Gives each request the next moment of a steady pace. What is late does not catch up.
function keep_pace(step)
  local now = ffi.new("instant")
  local due = 0
  -- Milliseconds until the next request may be sent; wrk calls it before each request.
  function delay()
    ffi.C.clock_gettime(1, now)
    local moment = tonumber(now.seconds) * 1e3 + tonumber(now.nanoseconds) / 1e6
    -- wrk waits for whole milliseconds: less than two are no lateness.
    due = math.max(due + step, moment - 2)
    return math.max(0, math.floor(due - moment))
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"cpu":%d,"p50":%d,"p99":%d,"badStatus":%d,"brokenConnections":%d}\n',
    summary.requests, summary.duration, (os.clock() - prepared) * 1e6, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
