# What a tier runs in the tests: does what suites are called, in order, and tells of them as a plugin would.
import json, os, signal, subprocess, sys, time
events = os.environ.get("SHARD_EVENTS") if "--mute" not in sys.argv else None
MB, kept = 1000000, []
# Whoever started the tests in the background ignores it, and that is handed down.
signal.signal(signal.SIGINT, signal.default_int_handler)

def tell(**event):
    if events:
        with open(events, "ab", buffering=0) as file:
            file.write((json.dumps(event) + "\n").encode())

def hold(size):
    return b"\1" * int(float(size) * MB)

def fork(code):
    pid = os.fork()
    if pid == 0:
        code()
        os._exit(0)
    return pid

def do(id):
    what, _, arg = id.partition(":")
    arg = arg.split("#")[0]
    if what == "hold": kept.append(hold(arg)); time.sleep(0.3)
    elif what == "spike": x = hold(arg); time.sleep(0.005); del x; time.sleep(0.2)
    elif what == "child": subprocess.run([sys.executable, __file__, "--mute", "--do", "hold:" + arg], check=True)
    elif what == "pair":
        both = [subprocess.Popen([sys.executable, __file__, "--mute", "--do", "hold:" + arg]) for _ in range(2)]
        for one in both: one.wait()
    elif what == "forks":
        kept.append(hold(arg))
        for pid in [fork(lambda: time.sleep(0.5)) for _ in range(4)]: os.waitpid(pid, 0)
    elif what == "orphan":
        def away():
            os.setsid()
            fork(lambda: (kept.append(hold(arg)), time.sleep(0.5)))
        os.waitpid(fork(away), 0); time.sleep(0.6)
    elif what == "file":
        with open("big.tmp", "wb") as file: file.write(hold(arg)); file.flush(); os.fsync(file.fileno())
        time.sleep(0.2)
    elif what == "exit": sys.stdout.flush(); os._exit(int(arg))
    elif what == "kill": os.kill(os.getpid(), int(arg))
    elif what == "sleep": time.sleep(float(arg))
    elif what == "stubborn": signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)
    elif what == "leave": subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    elif what == "grow":
        for _ in range(int(arg)): kept.append(hold(10)); time.sleep(0.02)
    elif what == "creep":
        kept.append(hold(300))
        for _ in range(int(arg)): kept.append(hold(1)); time.sleep(0.01)
    elif what == "keep":
        kept.append(hold(arg))
        for _ in range(600):
            if os.path.exists("go"): break
            time.sleep(0.1)
    elif what == "crawl":
        kept.append(hold(320))
        for _ in range(int(arg)): kept.append(hold(1)); time.sleep(0.08)
    elif what == "once":
        if not os.path.exists("been-here"): open("been-here", "w").close(); print("Error: server probably quit: unexpected EOF", flush=True); os._exit(125)
    elif what == "daemon": print("Error: server probably quit: unexpected EOF", flush=True); os._exit(125)
    elif what == "say": print(arg, flush=True)

if "--do" in sys.argv:
    for id in sys.argv[sys.argv.index("--do") + 1:]: do(id)
else:
    for id in open(sys.argv[1]).read().split("\n"):
        if id:
            tell(event="begin", worker="main", id=id, level_bytes=None)
            do(id)
            tell(event="suite", worker="main", id=id, ms=1, before_bytes=None, peak_bytes=None, after_bytes=None, status="passed", last=False)
