// Tells `shard run` what each file of a Jest or Vitest session takes: memory before, at most and after, time, and
// how it ended.
//
// `--require` in NODE_OPTIONS brings it into every process of Node that the session starts; it acts only
// in those that run test files, by what they say to each other: Jest's runner and its workers, Vitest's workers; and in
// Vitest's own process, from which it measures processes that run a single file. Without SHARD_EVENTS it does nothing. It
// prints nothing, keeps no file open between two looks, and whatever fails inside it is nobody's problem. Node 12, Jest 27
// and Vitest 1 or newer.
'use strict';

const fs = require('fs');
const path = require('path');
// Only the main thread of a process can have something to send by; the module takes each process a millisecond to load.
const isMainThread = Boolean(process.send) || require('worker_threads').isMainThread;

// Taken before a test can put others in their place.
const { openSync, closeSync, readSync, writeSync } = fs;
const hrtime = process.hrtime.bigint;
const { setImmediate, setInterval } = globalThis;

const events = process.env.SHARD_EVENTS;
const root = process.env.SHARD_ROOT || process.cwd();
const selection = process.env.SHARD_SELECTION;

/** Whatever goes wrong in here must not be the tests' fault. */
function quietly(work) {
  return function (...args) {
    try {
      return work.apply(this, args);
    } catch {
      return undefined;
    }
  };
}

function clock() {
  return Number(hrtime()) / 1e6;
}

/** Takes what is ours out of an environment: what a test starts is started as if we were not here. */
const hide = quietly((env) => {
  const ours = / ?--require (?:"(?:[^"\\]|\\.)*shard_node\.js"|\S*shard_node\.js)/;
  const left = (env.NODE_OPTIONS || '').replace(ours, '').trim();
  if (left) env.NODE_OPTIONS = left;
  else delete env.NODE_OPTIONS;
  delete env.SHARD_EVENTS;
});

// ---- what the machine is asked ----

const room = Buffer.alloc(8192);
const STATUS = /\nVmHWM:\s*(\d+) kB[^]*?\nRssAnon:\s*(\d+) kB\nRssFile:\s*(\d+) kB\nRssShmem:\s*(\d+) kB/;

/** Bytes of private and shared memory, of mapped files, and the high-water mark of both. */
function status(process) {
  let file;
  try {
    file = openSync(`/proc/${process}/status`, 'r');
    const found = STATUS.exec(room.latin1Slice(0, readSync(file, room, 0, room.length, 0)));
    if (!found) return null;
    const [mark, own, files, shared] = found.slice(1).map((kilobytes) => kilobytes * 1024);
    return { level: own + shared, files, mark };
  } catch {
    return null;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

// What one file ends with, the next one begins with, if it does so at once.
const AT_ONCE = 5;
let last = { at: -Infinity, now: null };

/** The same of this process. */
function ownStatus() {
  const now = status('self');
  last = { at: clock(), now };
  return now;
}

/** Begins a new high-water mark. */
function reset(process) {
  try {
    const file = openSync(`/proc/${process}/clear_refs`, 'w');
    try {
      return writeSync(file, '5') === 1;
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

const usage = process.memoryUsage;
const mostUsed = process.resourceUsage && (() => process.resourceUsage().maxRSS * 1024);
// The memory of a thread is that of its process: nothing of it is one file's own.
const measures = isMainThread;
// Whether the kernel keeps a mark for us; `null`: not tried yet.
let marks = null;
let highest = 0;

function level() {
  if (!measures) return null;
  return marks ? ownStatus().level : usage.rss ? usage.rss() : usage().rss;
}

/** Without marks the level is looked at, over and over. */
const watch = quietly(() => {
  const look = () => {
    highest = Math.max(highest, level());
  };
  setInterval(look, 20).unref();
});

/** What a process holds now, and a function that tells the most until it is called. */
function stretch(process) {
  const unknown = { before: null, most: () => null };
  if (!measures) return unknown;
  const read = () => (process === 'self' ? ownStatus() : status(process));
  const recent = marks && process === 'self' && clock() - last.at < AT_ONCE && last.now;
  const now = marks === false ? null : recent || read();
  const begun = now !== null && reset(process);
  if (marks === null) {
    marks = begun;
    if (!marks) watch();
  }
  if (marks) {
    // Another process may be gone.
    if (!begun) return unknown;
    const { level: before, files: mapped } = now;
    const most = () => {
      const then = read();
      // The mark counts files too. How many there were at that moment is not known: rather too few.
      return then && Math.max(before, then.level, then.mark - Math.min(then.files, mapped));
    };
    return { before, most };
  }
  const before = (highest = level());
  const used = mostUsed ? mostUsed() : 0;
  // A mark that has moved since is this stretch's; one that has not says nothing of it.
  const moved = () => (mostUsed && mostUsed() > used ? mostUsed() : 0);
  return { before, most: () => Math.max(highest, level(), moved()) };
}

// ---- whose files are told of ----

/** A process that runs files, by its number, and when it started. */
function runner(process, born) {
  return {
    process,
    born,
    place: 1,
    worker: null,
    // What runs now.
    current: null,
    floored: false,
    // What was held without garbage.
    base: null,
    // When it was ready, and when it was asked to run something.
    ready: null,
    asked: null,
    // Whether there is one for each file, and whether it is known when it has run all.
    alone: null,
    ends: true,
  };
}

const self = runner('self', clock() - process.uptime() * 1000);

// ---- what all files of a process share ----

// Room for young objects, which V8 enlarges when a file needs it and keeps for all that follow, and what the runner
// loads for itself while a file is running. The session pays both once, whoever comes first.
let young = 0;
let loaded = 0;
let shared = 0;

/** Bytes that V8 holds for young objects, in use or not. */
function nursery() {
  const space = require('v8').getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  return space ? space.physical_space_size : 0;
}

/** Counts what the room for young objects has grown above the largest that it was. */
function enlarged() {
  const now = nursery();
  shared += Math.max(0, now - young);
  young = Math.max(young, now);
}

/** Runs what loads a module, and counts what it adds besides young objects. */
function loading(load) {
  const { current } = self;
  if (!current || current.alone || current.loads || !marks) return load();
  current.loads = true;
  const old = quietly(() => level() - nursery());
  const before = old();
  try {
    return load();
  } finally {
    loaded += old() - before || 0;
    current.loads = false;
  }
}

// ---- garbage ----

// What a file keeps shows only when garbage is gone before and after it. Collecting takes 10 to 50 ms, the longer the
// more is in use, and makes V8 work several times as much again afterwards. So it may take this share of the work and no
// more, and files that grow much come first; at the end of the process nothing comes afterwards. A process that is killed
// in place of ending does not get there.
const SHARE = 0.001;
const SHARE_KILLED = 0.005;
const SHARE_LARGE = 0.02;
const ADVANCE_LARGE = 300;
const LARGE = 32 << 20;
let gc = null;
let spent = 0;
// Of the last one; of the first, about.
let cost = 15;
// The work when its first file began.
let since = 0;
// Whether no file has ended without one since the last collection.
let fresh = true;

const takeCollector = quietly(() => {
  const v8 = require('v8');
  v8.setFlagsFromString('--expose-gc');
  gc = require('vm').runInNewContext('gc');
  // Else every new context would have it.
  v8.setFlagsFromString('--no-expose-gc');
});

const used = process.cpuUsage;
/** Milliseconds of a processor: others that want it too make nothing dearer. */
function work() {
  const { user, system } = used();
  return (user + system) / 1000;
}

function collect() {
  const begun = work();
  if (!gc) takeCollector();
  if (gc) {
    gc();
    // Buffers are given back by another thread; the next collection, also a small one, waits for it.
    gc({ type: 'minor' });
  }
  cost = work() - begun;
  spent += cost;
  fresh = true;
  self.base = level();
}

/**
 * What is held without garbage after a file that began so and grew so much, and what it and those before it have left
 * together; each `null` where nobody knows, or the other says it all.
 */
function kept(from, grown) {
  const large = grown >= LARGE;
  const time = work() - since;
  const most = large ? SHARE_LARGE * time + ADVANCE_LARGE : (self.ends ? SHARE : SHARE_KILLED) * time;
  if (spent + cost > most) {
    fresh = false;
    return { after: null, settled: null };
  }
  const alone = fresh;
  collect();
  if (alone) return { after: self.base, settled: null };
  // It cannot have left more than it grew: the rest is what others left since the last time.
  return { after: large ? Math.min(self.base, from + grown) : null, settled: self.base };
}

// Jest kills a worker that takes half a second to end, and says so.
const ENDING = 256 << 20;

/** At the end of a process: what its files since the last time have left. */
const settle = quietly(() => {
  if (self.current || fresh || usage().heapUsed > ENDING) return;
  collect();
  put({ event: 'settled', worker: self.worker, bytes: self.base });
});

// ---- what is told ----

const put = quietly((...lines) => {
  const text = lines.map((line) => JSON.stringify(line) + '\n').join('');
  if (text.length > 16384 && Buffer.byteLength(text) > 65536) return;
  const file = openSync(events, fs.constants.O_WRONLY | fs.constants.O_APPEND);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
});

let suites = null;
let places = null;

/** The suites of the selection by their files, as it names them; several of one file cannot be told apart, so the file stands for them. */
function selected() {
  const found = new Map();
  try {
    const text = fs.readFileSync(selection, 'utf8');
    const split = (end) => text.split(end).filter(Boolean);
    const words = selection.endsWith('.json') ? JSON.parse(text) : split(selection.endsWith('.nul') ? '\0' : '\n');
    for (const word of words) {
      // A name that begins like an option has `./` in front, which is not part of it.
      const id = /^\.\/[-@]/.test(word) ? word.slice(2) : word;
      const [file] = id.split('::');
      found.set(file, found.has(file) ? file : id);
    }
  } catch {
    // Then files are named by their places.
  }
  return found;
}

/** The same by where the files are, by all the names of a place; `null` stands for several. */
function placed() {
  const found = new Map();
  for (const [file, id] of suites) {
    const place = path.resolve(root, file);
    for (const name of new Set([place, real(place)])) found.set(name, found.has(name) ? null : id);
  }
  return found;
}

function real(file) {
  try {
    return fs.realpathSync(file);
  } catch {
    return file;
  }
}

/** The suite that a file is. */
function suite(file) {
  suites = suites || selected();
  const place = path.resolve(file);
  const name = path.relative(root, place).split(path.sep).join('/');
  if (suites.has(name)) return suites.get(name);
  // Asking the system for the real names of all takes long.
  places = places || placed();
  return places.get(place) || places.get(real(place)) || name;
}

/** Begins with a file in a process. */
const begin = quietly((it, file, worker, more) => {
  end(it);
  const { before, most } = stretch(it.process);
  const lines = [];
  if (!it.floored && before !== null) {
    it.floored = true;
    if (it === self && !(more && more.alone)) process.on('exit', settle);
    it.base = before;
    since = work();
    if (!more || !more.alone) young = nursery();
    lines.push({ event: 'floor', worker, bytes: before });
    // The process that hands out the files holds something too.
    const parent = worker !== 'main' && marks ? status(it === self ? process.ppid : 'self') : null;
    if (parent) lines.push({ event: 'floor', worker: 'main', bytes: parent.level });
  }
  // Where garbage of earlier files is left, it may have made room for this one; in another process nobody collects it.
  const from = before === null || it !== self ? before : Math.min(it.base, before);
  const id = suite(file);
  it.worker = worker;
  it.current = { id, before, from, most, begun: clock(), came: 'passed', ...more };
  lines.push({ event: 'begin', worker, id, level_bytes: from });
  put(...lines);
});

const end = quietly((it, came) => {
  const { current, worker } = it;
  if (!current) return;
  const { id, before, from, most, begun } = current;
  const line = { event: 'suite', worker, id, ms: Math.round(clock() - begun + (current.early || 0)) };
  line.before_bytes = from;
  line.peak_bytes = most();
  let settled = null;
  // A process that runs no other file gives everything back.
  if (from === null || current.alone) line.after_bytes = from;
  else if (it !== self) line.after_bytes = null;
  else {
    enlarged();
    // Above all that was there: garbage of others is no reason to collect it.
    ({ after: line.after_bytes, settled } = kept(from, line.peak_bytes - before));
    if (fresh) enlarged();
    line.shared_bytes = shared + Math.max(0, loaded);
    shared = loaded = 0;
  }
  line.status = came || current.came;
  line.last = false;
  it.current = null;
  put(line, ...(settled === null ? [] : [{ event: 'settled', worker, bytes: settled }]));
});

// ---- Jest ----

/** How a file ended, by Jest's result of it. */
function outcome(result) {
  if (!result || result.numFailingTests > 0 || result.testExecError) return 'failed';
  return result.skipped || (!result.numPassingTests && result.numPendingTests > 0) ? 'skipped' : 'passed';
}

/** What the turn that ends a file still holds is garbage in the next one. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** A worker's one function, with a look before and after; not `async`, or its name would stand in the stacks of errors. */
function watched(worker) {
  return function (...args) {
    begin(self, args[0].path, `jest-${process.env.JEST_WORKER_ID || 1}`);
    const ended = (status) => nextTurn().then(() => end(self, status));
    return worker.apply(this, args).then(
      (result) => ended(outcome(result)).then(() => result),
      (error) =>
        ended('failed').then(() => {
          throw error;
        }),
    );
  };
}

/** Files that Jest runs in its own process, by its runner's own events. */
function inBand(Runner) {
  const run = Runner.prototype.runTests;
  Runner.prototype.runTests = function (...args) {
    quietly(() => {
      const options = args[args.length - 1];
      if (!options || !options.serial || !this.on) return;
      hide(process.env);
      this.on('test-file-start', ([test]) => begin(self, test.path, 'main'));
      this.on('test-file-success', ([, result]) => nextTurn().then(() => end(self, outcome(result))));
      this.on('test-file-failure', () => nextTurn().then(() => end(self, 'failed')));
    })();
    return run.apply(this, args);
  };
}

/** What is loaded by its file: Jest's parts are changed as they come. */
function jest() {
  const { _extensions: extensions } = require('module');
  const load = extensions['.js'];
  const ours = function (module, file) {
    const done = loading(() => load.apply(this, arguments));
    if (/[\\/]jest-runner[\\/]build[\\/](testWorker|index)\.js$/.test(file)) {
      quietly(() => {
        const exported = module.exports;
        if (/testWorker\.js$/.test(file)) {
          const worker = watched(exported.worker);
          module.exports = Object.create(exported, { worker: { value: worker, enumerable: true } });
          hide(process.env);
        } else {
          inBand(exported.default || exported);
        }
      })();
    }
    return done;
  };
  extensions['.js'] = ours;
}

// ---- Vitest ----

// Words without which a message changes nothing about a file that has passed so far.
const BAD = ['fail', 'skip', 'todo'].map((word) => `"\x04${word}`);

/** What a worker says to the process that hands out the files. */
const said = quietly((it, message) => {
  // As JSON, bytes arrive as their numbers.
  const bytes = message && message.type === 'Buffer' ? Buffer.from(message.data) : message;
  if (bytes instanceof Uint8Array) {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    // The name of the function comes first. Reading takes long, and most say nothing but that all is well.
    const [what] = /onQueued|onCollected|onTaskUpdate/.exec(text.latin1Slice(0, Math.min(256, text.length))) || [];
    const changes = ({ came }) => came !== 'passed' || BAD.some((word) => text.includes(word));
    if (what !== 'onQueued' && !(what && it.current && changes(it.current))) return;
    message = require('v8').deserialize(text);
  }
  if (!message || typeof message !== 'object') return;
  if (message.ready === true && it.ready === null) it.ready = clock();
  const [first] = Array.isArray(message.a) ? message.a : [];
  if (message.m === 'onQueued' && first && first.filepath) {
    let early = 0;
    if (it.asked !== null) {
      early = clock() - it.asked;
      // Where the process is there for this file alone, so is what starting it took.
      if (it.alone && it.born !== null) early += Math.min(it.asked, it.ready || it.asked) - it.born;
      it.asked = it.born = null;
    }
    if (it === self) {
      if (!it.floored) hide(process.env);
      it.place = process.env.VITEST_POOL_ID || process.env.VITEST_WORKER_ID || 1;
    }
    begin(it, first.filepath, `vitest-${it.place}`, { file: first.id, alone: it.alone, early });
  } else if (it.current && message.m === 'onCollected' && Array.isArray(first)) {
    first.forEach((file) => result(it.current, file.id, file.result, file.mode));
  } else if (it.current && message.m === 'onTaskUpdate' && Array.isArray(first)) {
    first.forEach(([id, how]) => result(it.current, id, how));
  } else if (message.type === 'testfileFinished' || ('taskId' in message && 'error' in message)) {
    end(it);
    if (it === self && it.ends) settle();
  }
});

function result(current, id, how, mode) {
  if (id !== current.file) return;
  const state = (how && how.state) || mode;
  current.came = { fail: 'failed', skip: 'skipped', todo: 'skipped', pass: 'passed' }[state] || current.came;
}

/** What a worker is asked to do. */
const asked = quietly((it, message) => {
  const task = message.task || message.context;
  if (!task || (!task.files && message.type !== 'start')) return;
  if (it.asked === null) it.asked = clock();
  // A process that runs all of its files at once is told of no others; else nobody says which is the last, and it is killed.
  if (task.files) it.ends = task.files.length > 1;
  if (message.poolId) it.place = message.poolId;
  if (!task.config) return;
  const { config } = task;
  const pool = config.pool || task.pool || '';
  const options = (config.poolOptions || {})[pool] || {};
  const isolate = options.isolate === undefined ? config.isolate : options.isolate;
  it.alone = isolate !== false && !options.singleFork && !pool.startsWith('vm');
});

/** Hears what is sent to the other end of a channel between processes, and what comes from there. */
function overhear(channel, sent, came) {
  const { send, emit } = channel;
  channel.send = function (message) {
    sent(message);
    return send.apply(this, arguments);
  };
  // A listener of ours would take messages away that come before Vitest's own.
  channel.emit = function (name, message) {
    if (name === 'message') came(message);
    return emit.apply(this, arguments);
  };
}

/** A process of Vitest's that runs files. */
function vitestProcess() {
  hide(process.env);
  overhear(process, (message) => said(self, message), (message) => asked(self, message));
}

/** A thread, maybe one that runs files. */
function vitestThread() {
  const { MessagePort } = require('worker_threads');
  const { postMessage } = MessagePort.prototype;
  MessagePort.prototype.postMessage = function (message) {
    said(self, message);
    return postMessage.apply(this, arguments);
  };
}

const WORKER = /[\\/](tinypool|vitest)[\\/]/;

/**
 * Vitest's own process, which starts the others. To come into one takes us 10 ms, half of them for the first `--require`
 * at all: too much for a single file. Where the first processes ran one each, the next are measured from here.
 */
function vitestItself() {
  marks = status('self') !== null && reset('self');
  if (!marks) return;
  const children = require('child_process');
  const { fork } = children;
  // Of all that were seen; `null`: of none.
  let alone = null;
  children.fork = function (...words) {
    const place = Array.isArray(words[1]) || words[1] === undefined || words[1] === null ? 2 : 1;
    const options = words[place];
    if (!WORKER.test(words[0]) || typeof options !== 'object' || options === null) return fork.apply(this, words);
    const env = { ...(options.env || process.env) };
    const outside = alone;
    if (outside) hide(env);
    const child = fork.call(this, ...words.slice(0, place), { ...options, env });
    const it = runner(child.pid, clock());
    it.place = env.TINYPOOL_WORKER_ID || 1;
    const sent = (message) => {
      asked(it, message);
      if (it.alone !== null) alone = it.alone && alone !== false;
    };
    overhear(child, sent, (message) => outside && said(it, message));
    return child;
  };
  // For those who import it.
  require('module').syncBuiltinESMExports();
}

quietly(() => {
  if (!events) return;
  const [, program = ''] = process.argv;
  if (!isMainThread) vitestThread();
  else if (/[\\/]vitest(\.mjs)?$/.test(program)) vitestItself();
  else if (process.send && WORKER.test(program)) return vitestProcess();
  jest();
})();
