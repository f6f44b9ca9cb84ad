// Tells `shard run` what each file of a Jest or Vitest session takes: memory before, at most and after, time, and
// how it ended.
//
// `--require` in NODE_OPTIONS brings it into every process of Node that the session starts; it acts only
// in those that run test files, by what they say to each other: Jest's runner and its workers, Vitest's workers. Without
// SHARD_EVENTS it does nothing. It prints nothing, keeps no file open between two looks, and whatever fails
// inside it is nobody's problem. Node 12, Jest 27 and Vitest 1 or newer.
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

/** Takes what is ours out of the environment: what a test starts is started as if we were not here. */
const hide = quietly(() => {
  const ours = / ?--require (?:"(?:[^"\\]|\\.)*shard_node\.js"|\S*shard_node\.js)/;
  const left = (process.env.NODE_OPTIONS || '').replace(ours, '').trim();
  if (left) process.env.NODE_OPTIONS = left;
  else delete process.env.NODE_OPTIONS;
  delete process.env.SHARD_EVENTS;
});

// ---- what the machine is asked ----

const room = Buffer.alloc(8192);
const STATUS = /\nVmHWM:\s*(\d+) kB[^]*\nRssAnon:\s*(\d+) kB\nRssFile:\s*(\d+) kB\nRssShmem:\s*(\d+) kB/;

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

/** Begins a new high-water mark. */
function reset() {
  try {
    const file = openSync('/proc/self/clear_refs', 'w');
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
  return marks ? status('self').level : usage.rss ? usage.rss() : usage().rss;
}

/** Without marks the level is looked at, over and over. */
const watch = quietly(() => {
  const look = () => {
    highest = Math.max(highest, level());
  };
  setInterval(look, 20).unref();
});

/** What is held now, and a function that tells the most until it is called. */
function stretch() {
  if (!measures) return { before: null, most: () => null };
  const now = marks === false ? null : status('self');
  const begun = now !== null && reset();
  if (marks === null) {
    marks = begun;
    if (!marks) watch();
  }
  if (marks) {
    const { level: before, files: mapped } = now;
    const most = () => {
      const { level, files, mark } = status('self');
      // The mark counts files too. How many there were at that moment is not known: rather too few.
      return Math.max(before, level, mark - Math.min(files, mapped));
    };
    return { before, most };
  }
  const before = (highest = level());
  const used = mostUsed ? mostUsed() : 0;
  // A mark that has moved since is this stretch's; one that has not says nothing of it.
  const moved = () => (mostUsed && mostUsed() > used ? mostUsed() : 0);
  return { before, most: () => Math.max(highest, level(), moved()) };
}

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
  if (!current || current.alone || current.loads || !marks) return load();
  current.loads = true;
  const old = () => level() - nursery();
  const before = old();
  try {
    return load();
  } finally {
    loaded += old() - before;
    if (current) current.loads = false;
  }
}

// ---- garbage ----

// What a file keeps shows only when garbage is gone before and after it. Collecting takes 10 to 50 ms, the longer the
// more is in use, so it may take this share of the time and no more, and files that grow much come first.
const SHARE = 0.01;
const SHARE_LARGE = 0.02;
const ADVANCE_LARGE = 300;
const LARGE = 32 << 20;
let gc = null;
let spent = 0;
let cost = 0;
let since = clock();
// What was held after the last collection, and whether no file has ended since without one.
let base = null;
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
}

/** What is held without garbage after a file that needed so much more than before; `null` where that is not found out. */
function kept(needed) {
  const large = needed >= LARGE;
  const time = clock() - since;
  const most = large ? SHARE_LARGE * time + ADVANCE_LARGE : SHARE * time;
  // One for this file, or one so that the next may be known, and its own.
  if (spent + (fresh || large ? cost : 2 * cost) > most) {
    fresh = false;
    return null;
  }
  collect();
  base = level();
  // Where much was needed, what others left since the last time is better counted too than left out.
  const known = fresh || large;
  fresh = true;
  return known ? base : null;
}

// ---- what is told ----

const put = quietly((...lines) => {
  const text = Buffer.from(lines.map((line) => JSON.stringify(line) + '\n').join(''));
  if (text.length > 65536) return;
  const file = openSync(events, fs.constants.O_WRONLY | fs.constants.O_APPEND);
  try {
    writeSync(file, text, 0, text.length);
  } finally {
    closeSync(file);
  }
});

let ids = null;
let files = null;

/** The suites of the selection. */
function selected() {
  try {
    const text = fs.readFileSync(selection, 'utf8');
    const split = (end) => text.split(end).filter(Boolean);
    const words = selection.endsWith('.json') ? JSON.parse(text) : split(selection.endsWith('.nul') ? '\0' : '\n');
    // A name that begins like an option has `./` in front, which is not part of it.
    return words.map((word) => (/^\.\/[-@]/.test(word) ? word.slice(2) : word));
  } catch {
    return [];
  }
}

/** The suites of the selection by their files, by all their names; `null` stands for several of one file. */
function named() {
  const found = new Map();
  for (const id of ids) {
    const file = path.resolve(root, id.split('::')[0]);
    for (const name of new Set([file, real(file)])) found.set(name, found.has(name) ? null : id);
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

/** The suite that a file is; several of one file cannot be told apart, so the file stands for them. */
function suite(file) {
  ids = ids || selected();
  const place = path.resolve(file);
  const name = path.relative(root, place).split(path.sep).join('/');
  const own = ids.filter((id) => id === name || id.startsWith(`${name}::`));
  if (own.length > 0) return own.length === 1 ? own[0] : name;
  // Asking the system for the real names of all takes long.
  files = files || named();
  return files.get(place) || files.get(real(place)) || name;
}

let current = null;
let floored = false;

const begin = quietly((file, worker, more) => {
  end();
  const { before, most } = stretch();
  const lines = [];
  if (!floored && before !== null) {
    floored = true;
    since = clock();
    base = before;
    if (!more || !more.alone) young = nursery();
    lines.push({ event: 'floor', worker, bytes: before });
    // The process that hands out the files holds something too.
    const parent = worker !== 'main' && marks ? status(process.ppid) : null;
    if (parent) lines.push({ event: 'floor', worker: 'main', bytes: parent.level });
  }
  // Where garbage of earlier files is left, it may have made room for this one.
  const from = before === null ? null : Math.min(base, before);
  const id = suite(file);
  current = { id, worker, from, most, begun: clock(), came: 'passed', ...more };
  lines.push({ event: 'begin', worker, id, level_bytes: from });
  put(...lines);
});

const end = quietly((came) => {
  if (!current) return;
  const { id, worker, from, most, begun } = current;
  const line = { event: 'suite', worker, id, ms: Math.round(clock() - begun + (current.early || 0)) };
  line.before_bytes = from;
  line.peak_bytes = most();
  // A process that runs no other file gives everything back.
  if (from === null || current.alone) line.after_bytes = from;
  else {
    enlarged();
    line.after_bytes = kept(line.peak_bytes - from);
    enlarged();
    line.shared_bytes = shared + Math.max(0, loaded);
    shared = loaded = 0;
  }
  line.status = came || current.came;
  line.last = false;
  current = null;
  put(line);
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
    begin(args[0].path, `jest-${process.env.JEST_WORKER_ID || 1}`);
    const ended = (status) => nextTurn().then(() => end(status));
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
      hide();
      this.on('test-file-start', ([test]) => begin(test.path, 'main'));
      this.on('test-file-success', ([, result]) => nextTurn().then(() => end(outcome(result))));
      this.on('test-file-failure', () => nextTurn().then(() => end('failed')));
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
          hide();
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

/** What a worker says to the process that hands out the files. */
const said = quietly((message) => {
  if (Buffer.isBuffer(message) || message instanceof Uint8Array) {
    const text = Buffer.from(message.buffer, message.byteOffset, message.length);
    // The name of the function comes first.
    if (!/onQueued|onCollected|onTaskUpdate/.test(text.toString('latin1', 0, 256))) return;
    message = require('v8').deserialize(text);
  }
  if (!message || typeof message !== 'object') return;
  const [first] = Array.isArray(message.a) ? message.a : [];
  if (message.m === 'onQueued' && first && first.filepath) {
    hide();
    const early = queue.at === null ? 0 : clock() - queue.at;
    queue.at = null;
    const place = process.env.VITEST_POOL_ID || process.env.VITEST_WORKER_ID || 1;
    begin(first.filepath, `vitest-${place}`, { file: first.id, alone: queue.alone, early });
  } else if (current && message.m === 'onCollected' && Array.isArray(first)) {
    first.forEach((file) => result(file.id, file.result, file.mode));
  } else if (current && message.m === 'onTaskUpdate' && Array.isArray(first)) {
    first.forEach(([id, how]) => result(id, how));
  } else if (message.type === 'testfileFinished' || ('taskId' in message && 'result' in message)) {
    end();
  }
});

function result(id, how, mode) {
  if (id !== current.file) return;
  const state = (how && how.state) || mode;
  current.came = { fail: 'failed', skip: 'skipped', todo: 'skipped', pass: 'passed' }[state] || current.came;
}

const queue = { at: null, alone: false };

/** What a worker is asked to do. */
const asked = quietly((message) => {
  const task = message.task || message.context;
  if (!task || !task.files && message.type !== 'start') return;
  if (queue.at === null) queue.at = clock();
  if (!task.config) return;
  const { config } = task;
  const pool = config.pool || task.pool || '';
  const options = (config.poolOptions || {})[pool] || {};
  const isolate = options.isolate === undefined ? config.isolate : options.isolate;
  queue.alone = isolate !== false && !options.singleFork && !pool.startsWith('vm');
});

/** A process of Vitest's that runs files. */
function vitestProcess() {
  hide();
  const { send, emit } = process;
  process.send = function (message) {
    said(message);
    return send.apply(this, arguments);
  };
  // A listener of ours would take messages away that come before Vitest's own.
  process.emit = function (name, message) {
    if (name === 'message') asked(message);
    return emit.apply(this, arguments);
  };
}

/** A thread, maybe one that runs files. */
function vitestThread() {
  const { MessagePort } = require('worker_threads');
  const { postMessage } = MessagePort.prototype;
  MessagePort.prototype.postMessage = function (message) {
    said(message);
    return postMessage.apply(this, arguments);
  };
}

quietly(() => {
  if (!events) return;
  if (process.send && /[\\/](tinypool|vitest)[\\/]/.test(process.argv[1])) return vitestProcess();
  if (!isMainThread) vitestThread();
  jest();
})();
