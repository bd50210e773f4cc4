---@meta bide

-- Types and documentation of the module for the Lua language server. Errors:
-- what a program has to expect is returned as nil, message, code; mistakes and
-- cancellation are raised.

---@class bidelib
---@field version string
local bide = {}

-- -- running ------------------------------------------------------------------

---@class bide.run_options
---@field virtual_clock? boolean Time jumps to the next timer: for tests.
---@field seed? integer Not 0: ready tasks run in an order drawn from it.
---@field signals? boolean False: SIGINT is left to the host. Default true.
---@field threads? integer Most threads for blocking work. Default 512.
---@field keep_alive? number Seconds an idle thread is kept. Default 10.
---@field grace? number Seconds that blocking work has at the end. Default 5.
---@field debug? boolean The watchdog is on; also by BIDE_DEBUG=1.
---@field watchdog? number|boolean Seconds a step may last before it is reported.
---@field watchdog_signal? integer Its signal instead of SIGURG; 0: none.
---@field on_blocked? fun(report: bide.blocked_step) Called after such a step.
---@field stats? boolean Measure, for bide.stats(); also by BIDE_STATS=1.
---@field slow_lock? number|boolean Seconds a lock may be held, or waited for.
---@field stall? number|false Seconds for which only a thread could wake a task.
---@field on_report? fun(report: bide.report) Called with a report of either.

---What a run noticed of itself.
---@class bide.report
---@field kind "slow_lock" | "stall" | "forgotten" The last: of tasks in C.
---@field text string All of it, as it was printed.
---@field lock? string Its type, name, and where it was made.
---@field holder? string The task, and where it waits, if it does.
---@field waiter? string The task that has waited for it longest.
---@field held number Seconds for which it has been held.
---@field waited number Seconds for which the waiter, or all tasks, have waited.
---@field missed integer Reports left out before this one.

---A step that ran too long without waiting.
---@class bide.blocked_step
---@field task? string
---@field site? string "file:line" where the task was spawned.
---@field seconds number How long it had lasted by then.
---@field nth integer Report of this block, from 1.
---@field missed integer Reports left out before this one.
---@field trace? string
---@field text string All of it, as it was printed.

---Runs `main` as the main task, on this thread, until it has ended; then
---cancels the tasks that are left and waits for them. Returns what `main`
---returns and raises what it raises, a string with the traceback of the task
---appended. A run in which every task waits for another ends with an error
---that lists them.
---
---Ctrl-C: the first SIGINT cancels the main task, and the run raises
---"interrupted!" once cleanup is done; a task that keeps the thread busy is
---interrupted where it is. The handler from before the run is back after the
---first signal.
---@param main fun(): ... | bide.lazy
---@param options? bide.run_options
---@return any ...
function bide.run(main, options) end

---Calls `handler` for failures that nobody looked at: of tasks, when they are
---collected or the run ends, and of futures. nil: print to stderr. Returns the
---handler from before.
---@param handler? fun(message: string, err: any, traceback?: string, whose?: string)
---@return function? before
function bide.on_unhandled(handler) end

---Calls `handler` for lazy futures that are collected and were never awaited.
---nil: print to stderr. Returns the handler from before.
---@param handler? fun(message: string, site: string)
---@return function? before
function bide.on_unawaited(handler) end

---Calls `handler` for each of the above that has no handler of its own, with
---"unhandled" or "unawaited" as the event. nil: print to stderr. Returns the
---handler from before.
---@param handler? fun(message: string, event: string)
---@return function? before
function bide.on_warning(handler) end

-- -- tasks --------------------------------------------------------------------

---@class bide.spawn_options
---@field name? string For reports.
---@field token? bide.token Cancels the task.
---@field background? boolean Nobody depends on it, and its scope does not wait.

---@class bide.task
local task = {}

---Starts `fn(...)` as a task beside the others: it runs when the caller waits,
---and is cancelled at the end of the run.
---@param fn function | bide.lazy
---@param ... any
---@return bide.task
---@overload fun(options: bide.spawn_options, fn: function | bide.lazy, ...): bide.task
function bide.spawn(fn, ...) end

---The running task, or nil outside of any.
---@return bide.task?
function bide.current() end

---Waits for the task; its results, or its error, raised. That of a task that
---was cancelled is an ordinary error here.
---@return any ...
function task:await() end

---Waits for the task; true and its results, or false and its error.
---@return boolean ok, any ...
function task:join() end

---Cancels the task: its wait, and each later one outside of a shield, raises a
---cancelled object. False: it is done.
---@param reason? any
---@return boolean
function task:cancel(reason) end

---@return boolean
function task:done() end

---@return string?
function task:name() end

---@return "ready" | "running" | "parked" | "done" | "failed" | "cancelled"
function task:status() end

---Where a live task stands; where a failed one failed.
---@return string?
function task:traceback() end

---What a wait raises that was cancelled. It is in force until it has left the
---scope that was cancelled; from there on it is an ordinary error.
---@class bide.cancelled
---@field reason any What was given to cancel.
---@field timeout boolean A deadline has passed.

---Whether `err` is a cancellation in force: to be passed on, after cleanup.
---@param err any
---@return boolean
function bide.is_cancelled(err) end

---Lets the other ready tasks run first.
function bide.yield_now() end

---@param seconds number math.huge: until cancelled.
function bide.sleep(seconds) end

---@param time number On the clock of bide.now.
function bide.sleep_until(time) end

---Seconds on the loop's clock, which starts anywhere and never goes back.
---@return number
function bide.now() end

---As coroutine.wrap, for functions that await: a plain coroutine cannot, as the
---yield would end in its resume.
---@param fn function
---@return fun(...): ...
function bide.wrap(fn) end

-- -- reports ------------------------------------------------------------------

---What every runtime of the process is doing, of whatever language: each task
---with its state, what it waits for, since when and who holds that, its locks
---and deadlines; jobs and queues. A runtime that does not answer within 0.1 s,
---as a step blocks it, is read from outside.
---@param format? "text" | "json"
---@return string
function bide.dump(format) end

---Serves a live view of every runtime of the process on loopback, under a token
---that the address of its page contains, from a thread of its own: also while the
---loop is blocked. `bide-top PID` works from then on. One for the process: called
---again, it gives the same address. BIDE_INSPECT=1 in the environment turns it on.
---@param address? string Default "127.0.0.1:0": a free port.
---@return string? url, string? message, string? code
function bide.inspect(address) end

---The path of the Unix socket on which the live view of a process listens for
---bide-top.
---@param pid integer
---@return string? path, string? message, string? code
function bide._inspector_path(pid) end

---Values that fell into buckets: [upper, how many], the empty ones left out.
---@class bide.histogram
---@field count integer
---@field sum number
---@field max number
---@field buckets number[][]

---@class bide.runtime_stats
---@field id integer
---@field language string
---@field enabled boolean Whether it measures: `histograms` is empty if not.
---@field counters table<string, integer>
---@field histograms table<string, bide.histogram>

---What each runtime of the process has measured, of whatever language.
---@return { runtimes: bide.runtime_stats[] }
function bide.stats() end

---The same as text for Prometheus: OpenMetrics 1.0.
---@return string
function bide.metrics() end

---Writes a dump to `fd` (2) whenever the process gets the signal, also while its
---loops are blocked. nil: no longer. BIDE_DUMP_SIGNAL=USR1 (or USR2, QUIT, HUP)
---in the environment turns it on.
---@param signal string | integer | nil
---@param fd? integer
function bide.dump_on_signal(signal, fd) end

-- -- lazy futures -------------------------------------------------------------

---A call that has not begun.
---@class bide.lazy
local lazy = {}

---Turns `fn` into a function that returns a lazy future: nothing runs before
---it is awaited or spawned.
---@param fn fun(...): ...
---@return fun(...): bide.lazy
function bide.async(fn) end

---Runs the call in the current task. Once.
---@return any ...
function lazy:await() end

---Runs the call as a task. Once.
---@return bide.task
function lazy:spawn() end

---@return boolean
function lazy:used() end

-- -- scopes -------------------------------------------------------------------

---@class bide.scope_options
---@field timeout? number Seconds.
---@field shield? boolean|number Cancellation from outside does not reach in; a
---number: not before so many seconds after it struck.
---@field token? bide.token Cancels the scope.

---A region of a task, and the tasks spawned in it. Leaving it waits for them.
---The first error, in the block or in a task, cancels the rest and is raised;
---further ones are reported.
---@class bide.scope
local scope = {}

---Opens a scope: local scope <close> = bide.scope(). If the scope is cancelled
---or its deadline passes, the error leaves the block.
---With a function: calls fn(scope) inside and returns its results; if the scope
---itself was cancelled: nil, message, "ECANCELED" or "ETIMEDOUT".
---@return bide.scope
---@overload fun(fn: fun(scope: bide.scope): ...): ...
---@overload fun(options: bide.scope_options): bide.scope
---@overload fun(options: bide.scope_options, fn: fun(scope: bide.scope): ...): ...
function bide.scope() end

---Calls fn(...) with a deadline; its results, or nil, "timeout", "ETIMEDOUT".
---Without a function: a scope, for local limit <close> = bide.timeout(s).
---@param seconds number
---@param fn function
---@param ... any
---@return any ...
---@overload fun(seconds: number): bide.scope
function bide.timeout(seconds, fn, ...) end

---Calls fn(...) where cancellation does not reach, or not before `grace`
---seconds after it struck: for cleanup that awaits. Without a function: a scope,
---for local shield <close> = bide.shield(s).
---@param grace? number
---@param fn? function
---@param ... any
---@return any ...
function bide.shield(grace, fn, ...) end

---@param fn function | bide.lazy
---@param ... any
---@return bide.task
---@overload fun(self: bide.scope, options: bide.spawn_options, fn: function | bide.lazy, ...): bide.task
function scope:spawn(fn, ...) end

---False: it is cancelled already, or closed.
---@param reason? any
---@return boolean
function scope:cancel(reason) end

---@return boolean
function scope:cancelled() end

---How many of its tasks live.
---@return integer
function scope:count() end

---What leaving the block does.
function scope:close() end

---Runs all at once; the first result of each, in order. An error cancels the
---others and is raised. One table of parts: a table of results.
---@param ... function | bide.lazy | bide.task | bide.future | bide.job
---@return any ...
---@overload fun(parts: (function | bide.lazy | bide.task | bide.future | bide.job)[]): any[]
function bide.gather(...) end

---Runs all at once; the results (or the error) of the first to end. The others
---are cancelled, and have ended when it returns.
---@param ... function | bide.lazy | bide.task | bide.future | bide.job
---@return any ...
---@overload fun(parts: (function | bide.lazy | bide.task | bide.future | bide.job)[]): ...
function bide.race(...) end

-- -- tokens -------------------------------------------------------------------

---Cancels the tasks spawned under it and the scopes opened with it. As a
---to-be-closed variable it is cancelled at the end of its block.
---@class bide.token
local token = {}

---@param options? { timeout?: number }
---@return bide.token
function bide.token(options) end

---False: it was already.
---@param reason? any
---@return boolean
function token:cancel(reason) end

---@return boolean
function token:cancelled() end

---A token that this one cancels too.
---@param options? { timeout?: number }
---@return bide.token
function token:child(options) end

-- -- futures ------------------------------------------------------------------

---@class bide.future
local future = {}

---@return bide.future
function bide.future() end

---@param ... any
---@return boolean? ok, string? message, string? code nil, message, "ESETTLED": too late.
function future:set(...) end

---@param err any
---@return boolean? ok, string? message, string? code
function future:fail(err) end

---@return any ...
function future:await() end

---@return boolean
function future:done() end

-- -- locks and signals --------------------------------------------------------

---What every primitive takes: a name for reports, or a table with it.
---@alias bide.name string | { name?: string }

---Held by a task, first come, first served. Closing it unlocks:
---local guard <close> = m:lock().
---@class bide.mutex
local mutex = {}

---@param name? bide.name
---@return bide.mutex
function bide.mutex(name) end

---Raises in the task that holds it, and when its holder ended without unlocking.
---@return bide.mutex self
function mutex:lock() end

---@return bide.mutex | false
function mutex:try_lock() end
function mutex:unlock() end
---@return boolean
function mutex:locked() end
---@return bide.task?
function mutex:owner() end
---@return integer
function mutex:waiters() end
---Makes a broken mutex free again.
function mutex:reset() end
---@return string?
function mutex:name() end

---@class bide.semaphore
local semaphore = {}

---Gives its permits back when it is closed, or by hand; once.
---@class bide.permit
local permit = {}
function permit:release() end

---@param permits integer
---@param options? string | { name?: string, bounded?: boolean }
---@return bide.semaphore
function bide.semaphore(permits, options) end

---@param n? integer
---@return bide.permit
function semaphore:acquire(n) end
---As acquire, for a task that gives the permits back itself, as it would unlock
---a mutex: a deadlock among such holders raises, and a task that ends with them
---breaks the semaphore.
---@param n? integer
---@return bide.permit
function semaphore:hold(n) end
---Makes a broken semaphore whole: with the permits that were lost.
function semaphore:reset() end
---@param n? integer
---@return bide.permit | false
function semaphore:try_acquire(n) end
---For permits whose object was dropped, and for signalling.
---@param n? integer
function semaphore:release(n) end
---@return integer
function semaphore:permits() end
---@return integer
function semaphore:waiters() end
---@return string?
function semaphore:name() end

---Many readers or one writer; a waiting writer is not overtaken.
---@class bide.rwlock
local rwlock = {}

---Unlocks when it is closed, or by hand; once.
---@class bide.rwguard
local rwguard = {}
function rwguard:unlock() end

---@param name? bide.name
---@return bide.rwlock
function bide.rwlock(name) end

---@return bide.rwguard
function rwlock:read() end
---@return bide.rwguard
function rwlock:write() end
---@return bide.rwguard | false
function rwlock:try_read() end
---@return bide.rwguard | false
function rwlock:try_write() end
function rwlock:read_unlock() end
function rwlock:write_unlock() end
---@return integer
function rwlock:readers() end
---@return bide.task?
function rwlock:writer() end
---@return integer
function rwlock:waiters() end
function rwlock:reset() end
---@return string?
function rwlock:name() end

---A flag that tasks wait for.
---@class bide.event
local event = {}

---@param name? bide.name
---@return bide.event
function bide.event(name) end
function event:wait() end
---Wakes all who wait now, even if it is cleared before they run.
function event:set() end
function event:clear() end
---@return boolean
function event:is_set() end
---@return integer
function event:waiters() end
---@return string?
function event:name() end

---@class bide.condition
local condition = {}

---Without a mutex it has one of its own.
---@param mutex? bide.mutex
---@param name? bide.name
---@return bide.condition
function bide.condition(mutex, name) end
---Unlocks the mutex, waits to be notified, and has the mutex again, also when
---it is cancelled.
function condition:wait() end
---@param n? integer
function condition:notify(n) end
function condition:notify_all() end
---@return bide.mutex
function condition:mutex() end
---@return integer
function condition:waiters() end
---@return string?
function condition:name() end

---Lets tasks go on when `parties` of them have arrived.
---@class bide.barrier
local barrier = {}

---@param parties integer
---@param name? bide.name
---@return bide.barrier
function bide.barrier(parties, name) end
---@return integer place The order of arrival, 0 first.
function barrier:wait() end
---Those who wait and who come later get an error, until reset.
function barrier:abort() end
---Those who wait get an error; the barrier is as new.
function barrier:reset() end
---@return integer
function barrier:parties() end
---@return integer
function barrier:waiting() end
---@return boolean
function barrier:broken() end
---@return string?
function barrier:name() end

-- -- channels -----------------------------------------------------------------

---A queue of values between tasks, and between threads.
---
---Within one Lua state values go through as they are. Once the channel has been
---handed to a job (bide.job, bide.spawn_thread, ...) values are copied, and must
---be able to travel: see bide.spawn_blocking. A thread of a job has no tasks:
---there send, recv, recv_many and the loop `for v in ch` block it, and take a
---timeout.
---
---`for v in ch do ... end` receives until the channel is closed and empty;
---`#ch` tells how many values are inside.
---@class bide.channel
---@operator len: integer
---@operator call: any
local channel = {}

---A channel for at most `capacity` values: senders wait for room.
---@param capacity integer At least 1.
---@param name? bide.name
---@return bide.channel
function bide.channel(capacity, name) end

---A channel without a bound: senders never wait, memory is the limit.
---@param name? bide.name
---@return bide.channel
function bide.unbounded_channel(name) end

---Sends `value`, anything but nil. On failure nothing was sent.
---@param value any
---@param timeout? number In a job's thread only: seconds.
---@return true? ok, ("closed" | "timeout")? why, string? code
function channel:send(value, timeout) end

---@param timeout? number In a job's thread only: seconds.
---@return any value nil: there is none, `why` not.
---@return ("closed" | "timeout")? why
---@return string? code
function channel:recv(timeout) end

---Waits for one value and takes up to `limit` (256; at most 4096) that are
---there.
---@param limit? integer
---@param timeout? number In a job's thread only: seconds.
---@return any[]? values
---@return ("closed" | "timeout")? why
---@return string? code
function channel:recv_many(limit, timeout) end

---Without waiting, from anywhere.
---@param value any
---@return true? ok, ("full" | "closed")? why, string? code
function channel:try_send(value) end

---@return any value
---@return ("empty" | "closed")? why
---@return string? code
function channel:try_recv() end

---No more sends: waiting senders get nil, "closed"; receivers get what is
---inside, then nil, "closed". Also what a <close> variable does.
function channel:close() end
---@return boolean
function channel:closed() end
---@return number capacity math.huge: unbounded.
function channel:capacity() end
---@return string?
function channel:name() end

-- -- blocking work ------------------------------------------------------------

---@class bide.job_options
---@field name? string For reports; otherwise where the function stands.

---Work on another thread, in a Lua state of its own. Its state is used again by
---later jobs: modules stay loaded, globals are fresh for each job.
---@class bide.job
local job = {}

---Runs fn(...) on a thread of the pool, suspends the task and returns what the
---function returns, or raises its error, with the traceback from over there.
---
---The function is copied with its upvalues; arguments and results are copied
---too. These travel: nil, booleans, numbers, strings, tables without a
---metatable (references and cycles kept), Lua functions, channels and tokens.
---`_ENV` becomes the globals over there; upvalues that are modules, or C
---functions of modules, are required there again. Anything else raises here, and
---the error names it.
---
---A cancelled wait takes the job off the queue; one that has started runs on,
---can see it in bide.cancelled(), and its result is dropped.
---@param fn function | string A function, or its name: "module.function".
---@param ... any
---@return any ...
---@overload fun(options: bide.job_options, fn: function | string, ...): ...
function bide.spawn_blocking(fn, ...) end

---The same without waiting. A failure that nobody looked at is reported.
---@param fn function | string
---@param ... any
---@return bide.job
---@overload fun(options: bide.job_options, fn: function | string, ...): bide.job
function bide.job(fn, ...) end

---The same on a thread of its own, for loops that block for long; talk to it
---through channels.
---@param fn function | string
---@param ... any
---@return bide.job
---@overload fun(options: bide.job_options, fn: function | string, ...): bide.job
function bide.spawn_thread(fn, ...) end

---Whether what runs here, a job or a task, has been cancelled. For long
---computations, which no wait interrupts.
---@return boolean
function bide.cancelled() end

---Waits for the job; its results, or its error, raised. Cancelling this wait
---leaves the job alone.
---@return any ...
function job:await() end

---Waits for the job; true and its results, or false and its error.
---@return boolean ok, any ...
function job:join() end

---Takes the job off the queue, or, if it has started, tells it: bide.cancelled()
---is true there, and its waits on channels raise. False: too late.
---@return boolean
function job:cancel() end

---@return boolean
function job:done() end
---@return string
function job:name() end

-- -- TCP ----------------------------------------------------------------------

bide.tcp = {}

---@class bide.stream_options
---@field nodelay? boolean
---@field keepalive? integer Seconds without traffic before the first probe,
---@field keepalive_interval? integer between probes, and how many without an
---@field keepalive_count? integer answer end the connection (ETIMEDOUT).

---@class bide.connect_options : bide.stream_options
---@field local_host? string The numeric address to connect from.
---@field local_port? integer
---@field stagger? number Seconds before the next address is tried, too (0.25).

---nodelay and keepalive are those of each connection.
---@class bide.listen_options : bide.stream_options
---@field backlog? integer Default 1024.
---@field reuse_port? boolean Several listeners share the port.
---@field v6_only? boolean An IPv6 listener, such as of "::", takes no IPv4.

---Connects; tries every address that the name has.
---@param host string A name or an address.
---@param port integer
---@param options? bide.connect_options
---@return bide.stream? stream, string? message, string? code
function bide.tcp.connect(host, port, options) end

---Listens; `host` nil or "": on every interface, `port` 0: a free one.
---@param host? string
---@param port integer
---@param options? bide.listen_options
---@return bide.listener? listener, string? message, string? code
function bide.tcp.listen(host, port, options) end

-- -- datagrams ---------------------------------------------------------------

bide.udp = {}

---@class bide.udp_options
---@field broadcast? boolean May send to broadcast addresses.
---@field ttl? integer Hops of what is sent, 1 to 255,
---@field multicast_ttl? integer and is sent to groups, 0 to 255.
---@field multicast_loop? boolean This host gets what is sent to groups, too.
---@field recv_buffer? integer Of the system, in bytes.
---@field send_buffer? integer
---@field multicast_interface? string Name or IPv4 address of the one that sends to groups.

---@class bide.udp_bind_options : bide.udp_options
---@field reuse_addr? boolean Several sockets on the port; each gets what comes to a group.
---@field reuse_port? boolean Several sockets share what comes to the port.
---@field v6_only? boolean

---@class bide.udp_connect_options : bide.udp_options
---@field local_host? string The numeric address to send from.
---@field local_port? integer
---@field reuse_addr? boolean
---@field reuse_port? boolean

---A socket on `host` (nil or "": every interface, both families) and `port` (0: a
---free one).
---@param host? string
---@param port integer
---@param options? bide.udp_bind_options
---@return bide.udp? socket, string? message, string? code
function bide.udp.bind(host, port, options) end

---A socket that sends to `host` and `port` and receives from there only. Nothing is
---sent yet: when nobody is there, a later send or recv gives "ECONNREFUSED".
---@param host string
---@param port integer
---@param options? bide.udp_connect_options
---@return bide.udp? socket, string? message, string? code
function bide.udp.connect(host, port, options) end

---Where a datagram came from, or goes to. Equal if host and port are; tostring
---gives a key for tables.
---@class bide.address
local address = {}

---@return string
function address:host() end
---@return integer
function address:port() end

---@param host string Numeric.
---@param port integer
---@return bide.address
function bide.address(host, port) end

---A socket for datagrams. Several tasks may receive and send.
---@class bide.udp
local udp = {}

---Waits for a datagram. "EMSGSIZE": it is longer than `max`, and stays the next
---one. A cancelled one loses nothing.
---@param max? integer
---@return string? data, string? message, string? code
function udp:recv(max) end

---recv with the sender.
---@param max? integer
---@return string? data, (bide.address | string)? from, string? code
function udp:recv_from(max) end

---Waits for 1 to `limit` (64) datagrams: a list of {data, address}.
---@param limit? integer
---@return table[]? list, string? message, string? code
function udp:recv_many(limit) end

---recv without waiting: nil, message, "EWOULDBLOCK" when nothing is there.
---@param max? integer
---@return string? data, string? message, string? code
function udp:try_recv(max) end

---@param max? integer
---@return string? data, (bide.address | string)? from, string? code
function udp:try_recv_from(max) end

---for data, address in u:datagrams() do ... end, until the socket is closed; other
---errors are raised.
---@return fun(u: bide.udp): string?, bide.address?
---@return bide.udp
function udp:datagrams() end

---Sends to the peer of a connected socket; waits only while the system's buffer is
---full.
---@param data string | number
---@return bide.udp? self, string? message, string? code
function udp:send(data) end

---@param data string | number
---@param to bide.address | string An address, or a numeric host.
---@param port? integer
---@return bide.udp? self, string? message, string? code
function udp:send_to(data, to, port) end

---Sends several in order, with few system calls: a list of {data, address} or, on a
---connected socket, of data. An error comes with how many had gone.
---@param list (string | table)[]
---@return bide.udp? self, string? message, string? code, integer? sent
function udp:send_many(list) end

---send without waiting: nil, message, "EWOULDBLOCK" when the buffer is full.
---@param data string | number
---@return bide.udp? self, string? message, string? code
function udp:try_send(data) end

---@param data string | number
---@param to bide.address | string
---@param port? integer
---@return bide.udp? self, string? message, string? code
function udp:try_send_to(data, to, port) end

---@param options bide.udp_options
---@return bide.udp? self, string? message, string? code
function udp:set(options) end

---The value of an option, as the system has it.
---@param name string
---@return integer? value, string? message, string? code
function udp:get(name) end

---Joins a multicast group on an interface: its name or, for IPv4, its address; nil:
---the system chooses.
---@param group string
---@param interface? string
---@return bide.udp? self, string? message, string? code
function udp:join(group, interface) end

---@param group string
---@param interface? string
---@return bide.udp? self, string? message, string? code
function udp:leave(group, interface) end

---Closes at once; waits get nil, message, "ECLOSED".
function udp:close() end
---@return boolean
function udp:closed() end
---@return string? host, (integer | string)? port, string? code
function udp:address() end
---@return string? host, (integer | string)? port, string? code
function udp:peer() end
---@return integer? port, string? message, string? code
function udp:port() end
---@return integer? fd, string? message, string? code
function udp:fd() end

-- -- TLS -----------------------------------------------------------------------

bide.tls = {}

---What connections with TLS are made with.
---@class bide.tls_context

---@class bide.tls_options
---@field server? boolean For the accepting side.
---@field ca_file? string Authorities to trust, instead of the system's.
---@field ca_dir? string
---@field ca? string The same as PEM text.
---@field cert_file? string Our certificate with its chain, in PEM.
---@field key_file? string Its key; default: in `cert_file`, too.
---@field cert? string
---@field key? string
---@field key_password? string
---@field verify? "none" | "optional" | "required" Default: a client requires, a server does not ask.
---@field any_host? boolean The certificate need not be for the host connected to.
---@field alpn? string[] In order of preference.
---@field min_version? "1.2" | "1.3" Default "1.2".
---@field max_version? "1.2" | "1.3"
---@field ciphers? string Up to TLS 1.2, as OpenSSL words them.
---@field ciphersuites? string From TLS 1.3 on.
---@field no_sessions? boolean
---@field handshake_timeout? number Seconds; default 60.
---@field names? table<string, bide.tls_context> Of a server: other contexts by the name asked for; "*.example.org" is fine.

---A context; nil, message, code when a file or a list is not accepted.
---@param options? bide.tls_options
---@return bide.tls_context? context, string? message, string? code
function bide.tls.context(options) end

---@class bide.tls_connect_options
---@field context? bide.tls_context Default: trusts the system's authorities.
---@field host? string The name to ask for and to find in the certificate; default: the host.
---@field session? string Of stream:session(), to be resumed.

---Connects and makes the handshake.
---@param host string
---@param port integer
---@param options? bide.tls_connect_options
---@return bide.stream? stream, string? message, string? code
function bide.tls.connect(host, port, options) end

---Listens for connections that speak TLS. accept() does not wait for the
---handshake: the connection's reads and writes do, or stream:handshake().
---@param host string? nil: every interface.
---@param port integer 0: a free one.
---@param context bide.tls_context
---@return bide.listener? listener, string? message, string? code
function bide.tls.listen(host, port, context) end

-- -- Unix sockets, descriptors ------------------------------------------------

bide.unix = {}

---@class bide.unix_options
---@field mode? integer Permissions of the file; default: what the umask leaves.
---@field backlog? integer Default 1024.

---Connects to the Unix socket at `path`, of at most 107 bytes; "@name" is in
---Linux's abstract namespace, "./@name" a file. Waits while the backlog of the
---listener is full. A cancelled connect leaves nothing open.
---@param path string
---@return bide.stream? stream, string? message, string? code
function bide.unix.connect(path) end

---Listens on `path`, as above. The file of a socket that nobody listens on any
---more is replaced; anything else in that place is EADDRINUSE. The file is
---removed when the listener is closed.
---@param path string
---@param options? bide.unix_options
---@return bide.listener? listener, string? message, string? code
function bide.unix.listen(path, options) end

---Two streams that are connected to each other.
---@return bide.stream? first, bide.stream | string second, string? code
function bide.socketpair() end

---A stream over a descriptor: a connected stream socket or an end of a pipe. It
---becomes the stream's, non-blocking and closed with it (0, 1 and 2 are not
---closed); on an error it stays yours. EINVALID for other kinds, such as files and terminals. A pipe ends by
---close: it has no shutdown and no addresses (ENOTSOCK).
---@param fd integer
---@return bide.stream? stream, string? message, string? code
function bide.open_fd(fd) end

---A pipe: the end to read and the end to write.
---@return bide.stream? reader, bide.stream | string writer, string? code
function bide.open_pipe() end

---A stream over the FIFO at `path`; never waits. Reading waits for the first
---writer, and ends when the last one has left. ENXIO: nobody has it open to
---read. EINVALID: it is no FIFO.
---@param path string
---@param mode "r" | "w"
---@return bide.stream? stream, string? message, string? code
function bide.open_fifo(path, mode) end

---Standard input, output and error, be it a file, pipe, socket or terminal. To
---close the stream leaves the descriptor open, and as it was: programs that
---share it do not find it non-blocking. Threads read and write files: a write
---ends when one has the bytes, shutdown when they are in the file, as they are
---when bide.run ends. It reads past io.stdin, and ahead: use one of the two.
---@return bide.stream? stream, string? message, string? code
function bide.stdin() end
---@return bide.stream? stream, string? message, string? code
function bide.stdout() end
---@return bide.stream? stream, string? message, string? code
function bide.stderr() end

---A pair of terminals: the master, which is the user's side, and the slave,
---which a program uses (stdin = slave of bide.process.spawn). The master's
---reading ends when nobody has the slave open.
---@param rows? integer 24
---@param columns? integer 80
---@return bide.stream? master, bide.stream | string slave, string? code
function bide.open_pty(rows, columns) end

---A connection. One task may read and one may write at a time: a second reader
---gets an error, a second writer waits for its turn. What a read did not return
---stays for the next one, also when it is cancelled.
---@class bide.stream
local stream = {}

---Writes all its arguments as one; ends when the system has taken them.
---@param ... string | number
---@return bide.stream? self, string? message, string? code
function stream:write(...) end

---Sends `count` bytes of a file from `offset` (0) on, by default up to its end; in
---order with writes, without a copy where the system can. The file's position stays.
---Gives how many were sent: fewer where the file ended before.
---@param file bide.file
---@param offset? integer
---@param count? integer
---@return integer? sent, string? message, string? code
function stream:sendfile(file, offset, count) end

---What has arrived: at least 1 byte, at most `max` (65536). The end of the stream
---is nil, "eof".
---@param max? integer
---@return string? data, string? message, string? code
function stream:readsome(max) end

---As file:read: "l" (the default) a line without its end, \n or \r\n; "L" with
---it; "a" all up to the end; a number: exactly so many bytes. A line is at most
---`limit` bytes (1 MiB).
---@param format? "l" | "L" | "a" | integer
---@param limit? integer
---@return string? data, string? message, string? code
function stream:read(format, limit) end

---Up to and including `separator` (1 to 64 bytes).
---@param separator string
---@param limit? integer Default 1 MiB.
---@return string? data, string? message, string? code
function stream:readuntil(separator, limit) end

---for line in c:lines() do ... end; errors other than the end are raised.
---@param format? "l" | "L" | integer
---@param limit? integer
---@return fun(): string?
function stream:lines(format, limit) end

---The next `n` bytes, fewer if the stream ends before; they stay in the stream.
---@param n integer
---@return string? data, string? message, string? code
function stream:peek(n) end

---readsome without waiting: nil, message, "EWOULDBLOCK" when nothing is there.
---@param max? integer Default 65536.
---@return string? data, string? message, string? code
function stream:try_read(max) end

---How many bytes have been received and not read.
---@return integer
function stream:buffered() end

---Writes what the system takes now; gives how many bytes. "EWOULDBLOCK": it is
---full, or other writes wait.
---@param data string | number
---@return integer? count, string? message, string? code
function stream:try_write(data) end

---Takes all of `data` without waiting: what the system does not take now is kept
---and sent in the background, in order with other writes. Call drain() now and
---then, or a slow peer makes the memory grow.
---@param data string | number
---@return bide.stream? self, string? message, string? code
function stream:write_nowait(data) end

---Waits, if more than the limit write_high is unsent, until write_low or less is.
---@return bide.stream? self, string? message, string? code
function stream:drain() end

---Bytes of write_nowait and of cancelled writes that are not sent.
---@return integer
function stream:unsent() end

---@class bide.stream_limits
---@field read_high? integer While no task reads: reading stops here (262144),
---@field read_low? integer and goes on from here (65536).
---@field write_high? integer Above it drain() waits (65536),
---@field write_low? integer until no more than this is unsent (16384).

---Sets the marks given, in bytes; gives all.
---@param limits? bide.stream_limits
---@return bide.stream_limits
function stream:limits(limits) end

---Whether it is a terminal.
---@return boolean
function stream:is_tty() end
---Of a terminal's window; bide.signals("WINCH") tells of changes.
---@return integer? rows, integer | string columns, string? code
function stream:tty_size() end
---From either end of bide.open_pty.
---@param rows integer
---@param columns integer
---@return bide.stream? self, string? message, string? code
function stream:set_tty_size(rows, columns) end
---Raw mode of a terminal: each key at once, no echo, no signals from keys. What
---was before is put back by set_raw(false), by close, and when the process ends.
---@param on? boolean true
---@return bide.stream? self, string? message, string? code
function stream:set_raw(on) end

---Ends the sending half once all is written.
---@return bide.stream? self, string? message, string? code
function stream:shutdown() end

---Closes at once; waits on the stream get nil, message, "ECLOSED". Also what a
---<close> variable and the collector do.
function stream:close() end
---@return boolean
function stream:closed() end
---The host and port of the peer; of a Unix socket its path, "" if it has none.
---@return string? host, (integer | string)? port, string? code
function stream:peer() end
---Of our end, as peer().
---@return string? host, (integer | string)? port, string? code
function stream:address() end
---Goes on in TLS, with what is buffered: a new stream, and this one is closed. A
---failed or cancelled handshake closes the connection.
---@param context bide.tls_context Of a server or of a client.
---@param options? {host?: string, session?: string}
---@return bide.stream? stream, string? message, string? code
function stream:start_tls(context, options) end
---Waits for the handshake, unless it is made.
---@return true? ok, string? message, string? code
function stream:handshake() end

---@class bide.tls_certificate
---@field subject string
---@field issuer string
---@field names? string "DNS:localhost, IP Address:127.0.0.1"
---@field pem string
---@field fingerprint string SHA-256, hexadecimal.

---@class bide.tls_info Empty before the handshake.
---@field version? string "TLSv1.3"
---@field cipher? string
---@field alpn? string
---@field host? string That was asked for.
---@field session_reused? boolean
---@field peer? bide.tls_certificate

---What was agreed on; nil: there is no TLS.
---@return bide.tls_info? info, string? message, string? code
function stream:tls() end
---To be resumed by a later connection; nil: none yet. With TLS 1.3 it comes with
---the first data.
---@return string? session, string? message, string? code
function stream:session() end
---@param on? boolean Default true.
---@return bide.stream? self, string? message, string? code
function stream:nodelay(on) end
---@param seconds integer | false Before the first probe.
---@param interval? integer Between probes.
---@param count? integer Without an answer, until ETIMEDOUT.
---@return bide.stream? self, string? message, string? code
function stream:keepalive(seconds, interval, count) end
---Closes at once; of TCP, what is not sent is dropped and the peer sees a reset.
function stream:abort() end
---@return integer? fd, string? message, string? code
function stream:fd() end

---Serves several listeners, pairs {listener, handler} in the list, until all of
---them are closed. Options are those of listener:serve: a signal closes all, and
---each drains; a second one cancels the handlers. When one serve fails the
---others are cancelled, and its error is raised.
---@param what table {{listener, handler}, ..., signals = {"INT", "TERM"}, drain = 5}
---@return true
function bide.serve(what) end

---@class bide.serve_options : bide.stream_options
---@field drain? number Seconds for handlers after the listener is closed.
---@field signals? (string | integer)[] Such as {"INT", "TERM"}.

---@class bide.listener
local listener = {}

---@return bide.stream? stream, string? message, string? code
function listener:accept() end

---for c in srv:clients() do ... end, until the listener is closed.
---@return fun(): bide.stream?
function listener:clients() end

---Runs handler(stream) in a task for each connection and closes the stream when
---it ends. An error of a handler is reported, unless it is the peer's end of the
---connection, and ends its connection only. The tasks lie below the caller:
---serve returns when the listener has been closed and they have ended, and its
---cancellation is theirs.
---
---signals: the first of them that comes closes the listener, another one cancels
---the handlers that are left. drain: how long handlers have once the listener is
---closed, by a signal or otherwise; then they are cancelled. Without it they
---have as long as they take. serve returns true after all of these.
---@param handler fun(stream: bide.stream)
---@param options? bide.serve_options
---@return true
function listener:serve(handler, options) end

---Raises for a Unix socket.
---@return integer? port, string? message, string? code
function listener:port() end
---Host and port; of a Unix socket its path.
---@return string? host, (integer | string)? port, string? code
function listener:address() end
function listener:close() end
---@return boolean
function listener:closed() end

-- -- intervals ----------------------------------------------------------------

---@class bide.interval_options
---@field missed? "burst" | "delay" | "skip"

---Ticks at a fixed distance: `for when in iv do ... end` or iv:tick().
---@class bide.interval
---@overload fun(): number
local interval = {}

---The first tick is due now, the others `period` seconds apart. `missed` tells
---what becomes of ticks when the program was more than 5 ms late to ask for one:
---  burst  they keep their times; those that are due come at once (the default)
---  delay  the next comes a period after the late one was given
---  skip   the next comes at the next multiple of the period
---@param period number Seconds, above 0.
---@param options? bide.interval_options
---@return bide.interval
function bide.interval(period, options) end

---Waits for the next tick: the time it was due, on the clock of bide.now. A
---cancelled wait loses none. Only one task may wait at a time.
---@return number when
function interval:tick() end
---Lets the next tick be due one period from now.
function interval:reset() end
---@return number seconds
function interval:period() end
---@return "burst" | "delay" | "skip"
function interval:missed() end

-- -- signals ------------------------------------------------------------------

---A listener for signals of the process. Close it, or let a for loop do that:
---  for name, count in bide.signals("USR1", "HUP") do ... end
---@class bide.signals
---@overload fun(): (string | integer)?, integer?
local signals = {}

---Listens from now on. Meanwhile the default action of the signals is off, and
---bide.run leaves SIGINT alone. Every listener gets each signal. Raises for
---signals that cannot be caught.
---@param ... string | integer "USR1" or "SIGUSR1"; a number for others.
---@return bide.signals signals, nil, nil, bide.signals closing
function bide.signals(...) end

---Waits for one of the signals: its name (a number if it has none here), and how
---often it came since it was last given. Signals are counted, not queued. A
---cancelled wait loses none. nil, message, "ECLOSED" once closed.
---@return (string | integer)? name, (integer | string)? count, string? code
function signals:wait() end
---Stops listening; the last listener to go puts back what was before.
function signals:close() end
---@return boolean
function signals:closed() end

-- -- names --------------------------------------------------------------------

---@class bide.address
---@field host string A numeric address.
---@field port integer
---@field family integer 4 or 6.

---Looks up `host`, a name or an address, on threads of the resolver's own; an
---address does not wait. The list is in the order in which bide.tcp.connect tries
---the addresses. nil, message, "ENAME" when there is no such name. A cancelled
---look-up is dropped.
---@param host string
---@param port? integer Put into the results. Default 0.
---@return bide.address[]? addresses, string? message, string? code
function bide.resolve(host, port) end

---The name of a numeric IPv4 or IPv6 address; nil, message, "ENAME" when it has
---none.
---@param address string
---@return string? name, string? message, string? code
function bide.reverse(address) end

-- -- readiness ----------------------------------------------------------------

---A descriptor: its number, a file of the io library, or an object with a method
---getfd, as LuaSocket's.
---@alias bide.fd integer | file* | { getfd: fun(self): integer }

---Waits until `fd` can be read without blocking, has failed or its peer has hung
---up, for libraries that do their own I/O. Nothing is read. Several tasks may
---wait for the same one, in both directions: all wake. nil, message, code:
---"EPERM" for files and directories, which are always ready, "EBADF" for one
---that is not open, "ECLOSED" after notify_closing.
---@param fd bide.fd
---@return true? ready, string? message, string? code
function bide.wait_readable(fd) end

---The same for writing.
---@param fd bide.fd
---@return true? ready, string? message, string? code
function bide.wait_writable(fd) end

---Tells that `fd` is about to be closed: those who wait for it get "ECLOSED".
---Without it they would wait until they are cancelled, or until its number is
---waited for again.
---@param fd bide.fd
function bide.notify_closing(fd) end

-- -- files --------------------------------------------------------------------

bide.fs = {}

---An open file. Operations take effect in the order in which they were begun, by
---whatever task; different files do not wait for each other. Failures are nil,
---"write 'path': why", code. A cancelled operation did not happen; one that
---changes something and has begun is not cancelled any more, and the cancellation
---lands at the next wait. Closed at the end of a <close> variable's block.
---@class bide.file
local file = {}

---Opens `path` on a thread, or at once if the system has it in memory. A new file
---gets `permissions` (438, octal 666), less the umask.
---@param path string
---@param mode? "r" | "r+" | "w" | "w+" | "a" | "a+" | "x" | "x+" Default "r".
---@param permissions? integer
---@return bide.file? file, string? message, string? code
function bide.fs.open(path, mode, permissions) end

---As file:read of io: "l" (the default) a line, "L" with its end, "a" all up to
---the end, a number: so many bytes, fewer only at the end. The end is nil, "eof";
---it is not for ever: later reads give what was appended. A cancelled read leaves
---the position.
---@param format? "l" | "L" | "a" | integer
---@return string? data, string? message, string? code
function file:read(format) end

---At least 1 byte, at most `max` (65536).
---@param max? integer
---@return string? data, string? message, string? code
function file:readsome(max) end

---for line in f:lines() do ... end; errors are raised.
---@param format? "l" | "L" | integer
---@return fun(): string?
function file:lines(format) end

---Writes all its arguments as one at the position, in append mode at the end.
---@param ... string | number
---@return bide.file? self, string? message, string? code
function file:write(...) end

---Up to `n` bytes at `offset`, "" at the end; the position stays.
---@param n integer
---@param offset integer
---@return string? data, string? message, string? code
function file:pread(n, offset) end

---@param data string
---@param offset integer
---@return bide.file? self, string? message, string? code
function file:pwrite(data, offset) end

---As io's; the new position.
---@param whence? "set" | "cur" | "end"
---@param offset? integer
---@return integer? position, string? message, string? code
function file:seek(whence, offset) end

---@param size? integer Default: the position.
---@return bide.file? self, string? message, string? code
function file:truncate(size) end

---Waits until what was written is on the disk; "data": without what is not needed
---to read it back.
---@param what? "all" | "data"
---@return bide.file? self, string? message, string? code
function file:sync(what) end

---@class bide.stat
---@field type "file" | "directory" | "link" | "fifo" | "socket" | "char" | "block" | "other"
---@field mode integer The permissions.
---@field size integer
---@field uid integer
---@field gid integer
---@field ino integer
---@field dev integer
---@field nlink integer
---@field rdev integer
---@field blocks integer
---@field blksize integer
---@field atime number Seconds since 1970, as the next two.
---@field mtime number
---@field ctime number

---@return bide.stat? stat, string? message, string? code
function file:stat() end

---Closes once the operations begun before have ended; also when cancelled.
---@return true? closed, string? message, string? code
function file:close() end
---@return boolean
function file:closed() end
---@return integer? fd, string? message, string? code
function file:fd() end

-- -- the file system ------------------------------------------------------------

---What is known about the file `path` leads to.
---@param path string
---@return bide.stat? stat, string? message, string? code
function bide.fs.stat(path) end

---The same of a link itself.
---@param path string
---@return bide.stat? stat, string? message, string? code
function bide.fs.lstat(path) end

---Whether `path` leads to something.
---@param path string
---@return boolean? exists, string? message, string? code
function bide.fs.exists(path) end

---@class bide.entry
---@field name string
---@field type "file" | "directory" | "link" | "other"

---What a directory holds, in no order.
---@param path string
---@return bide.entry[]? entries, string? message, string? code
function bide.fs.list(path) end

---What a directory holds, read in pieces: it may be of any size.
---  for entry in assert(bide.fs.scandir(path)) do print(entry.name, entry.type) end
---Errors while it runs are raised.
---@class bide.directory
---@overload fun(): bide.entry?
local directory = {}
function directory:close() end
---@return boolean
function directory:closed() end

---@param path string
---@return bide.directory? directory, string? message, string? code, bide.directory? closing
function bide.fs.scandir(path) end

---Makes a directory.
---@param path string
---@param mode? integer
---@return true? done, string? message, string? code
function bide.fs.mkdir(path, mode) end

---Makes a directory and those above it, unless they are there.
---@param path string
---@param mode? integer
---@return true? done, string? message, string? code
function bide.fs.makedirs(path, mode) end

---Removes an empty directory.
---@param path string
---@return true? done, string? message, string? code
function bide.fs.rmdir(path) end

---Removes a file or link.
---@param path string
---@return true? done, string? message, string? code
function bide.fs.unlink(path) end

---Removes a path and all below it; links are not followed.
---@param path string
---@return true? done, string? message, string? code
function bide.fs.remove_tree(path) end

---Renames; a file named `to` is replaced.
---@param path string
---@param to string
---@return true? done, string? message, string? code
function bide.fs.rename(path, to) end

---Makes `to` another name of a file.
---@param path string
---@param to string
---@return true? done, string? message, string? code
function bide.fs.link(path, to) end

---Makes `path` a symbolic link to `target`.
---@param target string
---@param path string
---@return true? done, string? message, string? code
function bide.fs.symlink(target, path) end

---Where a symbolic link leads.
---@param path string
---@return string? target, string? message, string? code
function bide.fs.readlink(path) end

---Sets the permissions.
---@param path string
---@param mode integer
---@return true? done, string? message, string? code
function bide.fs.chmod(path, mode) end

---Sets the times, in seconds since 1970.
---@param path string
---@param atime number
---@param mtime number
---@return true? done, string? message, string? code
function bide.fs.utime(path, atime, mtime) end

---Copies content and permissions; a file named `to` is replaced.
---@param path string
---@param to string
---@return true? done, string? message, string? code
function bide.fs.copy_file(path, to) end

---All of a file. A small one in the system's memory takes no thread.
---@param path string
---@return string? data, string? message, string? code
function bide.fs.read_file(path) end

---Makes `data` the content of a file.
---@param path string
---@param data string
---@return true? done, string? message, string? code
function bide.fs.write_file(path, data) end

---Appends to a file, which is made if it is not there.
---@param path string
---@param data string
---@return true? done, string? message, string? code
function bide.fs.append_file(path, data) end

---As write_file, but aside, made durable and put in place in one step.
---@param path string
---@param data string
---@return true? done, string? message, string? code
function bide.fs.replace_file(path, data) end

---Makes a file of your own (mode 600) that was not there: its path.
---@param prefix string
---@return string? path, string? message, string? code
function bide.fs.temp_file(prefix) end

---Makes a directory of your own (mode 700): its path.
---@param prefix string
---@return string? path, string? message, string? code
function bide.fs.temp_dir(prefix) end

---A file or directory of your own that is removed, with all in it, when it is
---closed, whatever is cancelled: at the end of a <close> variable's block.
---tostring() of it is its path.
---@class bide.temporary
local temporary = {}
---@return string
function temporary:path() end
function temporary:close() end

---@param prefix? string Of its path. Default "tmp" in $TMPDIR or /tmp.
---@return bide.temporary? made, string? message, string? code
function bide.fs.temporary_file(prefix) end

---@param prefix? string
---@return bide.temporary? made, string? message, string? code
function bide.fs.temporary_directory(prefix) end

-- -- changes in a directory ----------------------------------------------------

---@class bide.change
---@field kind "created" | "removed" | "modified" | "attributes" | "renamed" | "overflow" | "gone"
---@field name string In the directory; "" of "overflow" and "gone".
---@field is_dir boolean
---@field old_name? string Of "renamed".

---Tells what changes in a directory. Close it, or let a for loop do that:
---  for change in assert(bide.fs.watch(path)) do print(change.kind, change.name) end
---@class bide.changes
---@overload fun(): bide.change?
local changes = {}

---Watches a directory, from now on until it is closed: what is in it, not what is
---further below. "overflow": changes were lost, look at all that is there. "gone":
---the directory itself was removed or renamed; the last change. A file cannot be
---watched ("ENOTDIR"): watch its directory, as programs replace files. The message
---names the limit of the system's, if one is reached ("ENOSPC", "EMFILE").
---@param path string
---@return bide.changes? changes, string? message, string? code, bide.changes? closing
function bide.fs.watch(path) end

---Waits for the next change. Each goes to one of the tasks that wait on this
---object; another watch of the directory has its own. A cancelled wait loses none.
---After "gone": nil, "eof". Closed: nil, message, "ECLOSED".
---@return bide.change? change, string? message, string? code
function changes:recv() end

---Waits for changes: a list of 1 to `limit` (default 256) of them.
---@param limit? integer
---@return bide.change[]? changes, string? message, string? code
function changes:recv_many(limit) end

---Stops watching; waits end.
function changes:close() end
---@return boolean
function changes:closed() end

-- -- processes ----------------------------------------------------------------

---@alias bide.stdio "inherit" | "pipe" | "null" | "pty" | integer | file* | bide.stream

---The program and its arguments are the list part: {"ls", "-l", cwd = "/"}.
---@class bide.process_options
---@field [integer] string | number
---@field shell? string Run by /bin/sh, instead of a program and arguments.
---@field file? string The program, where the first item is another name.
---@field stdin? bide.stdio A stream moves to the child: it is closed here.
---@field stdout? bide.stdio
---@field stderr? bide.stdio | "stdout"
---@field env? table<string, string | number | false> Instead of ours.
---@field extra_env? table<string, string | number | false> On top of ours; false takes a name out.
---@field cwd? string
---@field fds? table<integer, integer | file*> Further descriptors: the child's number = ours.
---@field new_session? boolean It leads one, and is ended with all of its group.
---@field new_group? boolean
---@field umask? integer
---@field uid? integer
---@field gid? integer
---@field rows? integer Of a terminal. Default 24.
---@field columns? integer Default 80.
---@field grace? number Seconds between SIGTERM and SIGKILL when it is closed or stopped. Default 0: SIGKILL.

bide.process = {}

---A child process. Closing it stops and reaps it, whatever is cancelled; one
---that is dropped runs on and is reaped when it ends.
---@class bide.process
local process = {}

---Starts a program. It gets the descriptors asked for and no others. nil,
---message and code when it cannot be started ("ENOENT", "EACCES"). A cancelled
---call starts nothing.
---@param options bide.process_options
---@return bide.process? process, string? message, string? code
function bide.process.spawn(options) end

---What spawn takes, and:
---@class bide.process_run_options : bide.process_options
---@field input? string Written to it; then its input ends.
---@field limit? integer Most bytes of each output; more is an error.
---@field check? boolean A program that fails is nil, a message with the end of stderr, "exit" or "signal", and the result.
---@field timeout? number Seconds; then it is ended, and the answer is nil, message, "ETIMEDOUT".

---@class bide.process_result
---@field ok boolean
---@field how "exit" | "signal"
---@field code integer
---@field stdout? string
---@field stderr? string

---Runs a program to its end. stdout and stderr are "pipe" if not given, stdin is
---"pipe" with an `input` and "null" without. An error or a cancellation ends the
---child. nil, message and code when it cannot be started.
---@param options bide.process_run_options
---@return bide.process_result? result, string? message, string? code, bide.process_result? failed
function bide.process.run(options) end

---Waits until it has ended, and answers as os.execute does. Any number of tasks
---may wait.
---@return true? ok, "exit" | "signal" how, integer code
function process:wait() end
---nil while it runs; negative: a signal ended it.
---@return integer?
function process:returncode() end
---@return integer
function process:pid() end
---@return bide.stream?
function process:stdin() end
---@return bide.stream?
function process:stdout() end
---@return bide.stream?
function process:stderr() end
---false: it has ended. Never hits another process that has its number.
---@param signal string | integer "HUP", "SIGHUP" or a number.
---@return boolean? sent, string? message, string? code
function process:signal(signal) end
---To the group that it leads.
---@param signal string | integer
---@return boolean? sent, string? message, string? code
function process:signal_group(signal) end
---SIGTERM.
---@return boolean? sent, string? message, string? code
function process:terminate() end
---SIGKILL.
---@return boolean? sent, string? message, string? code
function process:kill() end
---SIGTERM now, SIGKILL when it still runs after `grace` seconds (those of spawn
---if not given). Does not wait.
---@param grace? number
function process:stop(grace) end
---Stops it, waits for its end, closes the streams.
function process:close() end
---@return boolean
function process:closed() end

return bide
